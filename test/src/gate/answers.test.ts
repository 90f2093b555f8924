import { describe, expect, it } from "vitest";
import { answer } from "../../../src/gate/answers.ts";
import { REASONS } from "../../../src/gate/decision.ts";

const METHODS = [
  ...["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT", "MKCOL", "LOCK", "get"],
];
/** Ours to answer for: the device did nothing wrong. */
const SOFT = ["registry-unavailable", "internal-error"];

/** All that a client can see of an answer. */
async function seen(response: Response) {
  return {
    status: response.status,
    statusText: response.statusText,
    headers: [...response.headers],
    body: await response.text(),
  };
}

const NOT_FOUND = {
  status: 404,
  statusText: "Not Found",
  headers: [
    ["cache-control", "no-store"],
    ["content-type", "text/plain; charset=utf-8"],
  ],
  body: "Not Found",
};
const UNAVAILABLE = {
  status: 503,
  statusText: "Service Unavailable",
  headers: [
    ["cache-control", "no-store"],
    ["content-type", "text/plain; charset=utf-8"],
    ["retry-after", "30"],
  ],
  body: "Service Unavailable",
};

describe.each(REASONS)("the answer to %s", (reason) => {
  const expected = SOFT.includes(reason) ? UNAVAILABLE : NOT_FOUND;

  it("is the same to the byte, whatever the method", async () => {
    for (const method of METHODS) expect(await seen(answer(reason, method))).toEqual(expected);
  });

  it("has no body for a HEAD, and is otherwise the same", async () => {
    const head = answer(reason, "HEAD");
    expect(head.body).toBeNull();
    expect(await seen(head)).toEqual({ ...expected, body: "" });
  });

  it("does no app harm: never 401, 403, 410, a redirect or an empty success", () => {
    for (const method of [...METHODS, "HEAD"]) {
      const { status } = answer(reason, method);
      expect(status).toBeGreaterThanOrEqual(404);
      expect(status).not.toBe(410);
    }
  });
});

it("is a response of its own each time, so that none is spent by another", async () => {
  expect(answer("country", "GET")).not.toBe(answer("country", "GET"));
  const spent = answer("country", "GET");
  await spent.text();
  expect(await answer("country", "GET").text()).toBe("Not Found");
});
