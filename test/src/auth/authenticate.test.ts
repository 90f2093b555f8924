import { env, exports } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { MIN_ADMIN_TOKEN_CHARACTERS } from "../../../src/contract/limits.ts";
import { API_PATH } from "../../../src/contract/paths.ts";
import { expectProblem, seen, withEnv } from "../api/fixtures.ts";
import { ADMIN_HOST, api, fingerprint, HOST, tlsClientAuth } from "../fixtures.ts";

const TOKEN = env.ADMIN_TOKEN;
const USERS = `https://${ADMIN_HOST}${API_PATH}/users`;
const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });

afterEach(() => {
  vi.restoreAllMocks();
});

/** Lines of the log while `work` runs. */
async function logged(work: () => Promise<unknown>): Promise<Record<string, unknown>[]> {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  await work();
  return log.mock.calls.map(([line]) => JSON.parse(String(line)) as Record<string, unknown>);
}

/** What a stranger sees of an app. */
async function appRefusal() {
  const answer = await seen(await exports.default.fetch(`https://${HOST}/`));
  expect(answer.status).toBe(404);
  return answer;
}

/** What a stranger sees of a host without an app, and of any path that the ADMIN_HOST does not serve. */
async function refusal(method = "GET") {
  const answer = await seen(await exports.default.fetch("https://unknown.example.org/", { method }));
  expect(answer.status).toBe(503);
  return answer;
}

describe("the right token", () => {
  it.each([
    ["as it is", `Bearer ${TOKEN}`],
    ["with the scheme in lower case", `bearer ${TOKEN}`],
    ["with the scheme in upper case", `BEARER ${TOKEN}`],
    ["after several blanks", `Bearer   ${TOKEN}`],
    ["before blanks, which HTTP does not count", `Bearer ${TOKEN}  `],
  ])("%s opens the API", async (_, Authorization) => {
    expect((await api("GET", "/users", undefined, { headers: { Authorization } })).status).toBe(200);
  });

  it("needs no certificate, and a certificate alone does not replace it", async () => {
    const init = { cf: { tlsClientAuth: tlsClientAuth(fingerprint(1)) } } as RequestInit;
    expect(await seen(await exports.default.fetch(USERS, init))).toEqual(await refusal());
  });
});

describe("a wrong token is told so", () => {
  const last = TOKEN.at(-1) === "x" ? "y" : "x";
  it.each([
    ["one character changed at the end", TOKEN.slice(0, -1) + last],
    ["one character changed at the beginning", `X${TOKEN.slice(1)}`],
    ["one character less", TOKEN.slice(0, -1)],
    ["one character more", `${TOKEN}x`],
    ["the case changed", TOKEN.toUpperCase()],
    ["a blank inside", `${TOKEN.slice(0, 5)} ${TOKEN.slice(5)}`],
    ["twice the token", `${TOKEN}, Bearer ${TOKEN}`],
    ["quotes", `"${TOKEN}"`],
    ["a short word", "x"],
    ["the word undefined", "undefined"],
    ["the word null", "null"],
  ])("%s", async (_, token) => {
    const response = await exports.default.fetch(USERS, bearer(token));
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="latchkey", error="invalid_token"');
    const problem = await expectProblem(response, "wrong-credentials");
    expect(JSON.stringify(problem)).not.toContain(TOKEN);
  });

  it("before anything else of the request is looked at", async () => {
    for (const [method, path] of [
      ["POST", "/users/alice/devices"],
      ["PATCH", "/nothing"],
      ["GET", "/users?limit=0"],
    ] as const) {
      const init = { method, ...bearer("x"), ...(method === "GET" ? {} : { body: "{" }) };
      await expectProblem(
        await exports.default.fetch(`https://${ADMIN_HOST}${API_PATH}${path}`, init),
        "wrong-credentials",
      );
    }
  });

  it("is logged, without the token", async () => {
    // A configuration of its own: the isolate of the other tests only counts such lines by now.
    const lines = await logged(() => withEnv({}, USERS, bearer("a-wrong-token")));
    expect(lines).toContainEqual(expect.objectContaining({ event: "wrong-credentials", app: ADMIN_HOST }));
    expect(JSON.stringify(lines)).not.toContain("a-wrong-token");
  });

  it("changes nothing", async () => {
    await exports.default.fetch(`${USERS}/mallory`, { method: "PUT", ...bearer("x") });
    expect(await (await api("GET", "/users")).json()).toEqual({ users: [], next: null });
  });
});

describe("without credentials, a control path answers to the byte as any refusal", () => {
  const PATHS = [
    "/.latchkey/x",
    "/.latchkey/api/v1",
    "/.latchkey/api/v1/users",
    "/.latchkey/api/v1/users?limit=0",
    "/.latchkey/api/v1/users/alice/devices",
    "/.latchkey/api/v1/unknown-certificates/x/enrol",
    "/.latchkey/api/v1/nothing",
    "/.latchkey/api/v2/users",
  ];

  it.each(PATHS)("%s", async (path) => {
    for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
      const response = await exports.default.fetch(`https://${ADMIN_HOST}${path}`, { method });
      expect(await seen(response), method).toEqual(await refusal(method));
    }
  });

  it.each([
    ["no header", undefined],
    ["an empty header", ""],
    ["the scheme alone", "Bearer"],
    ["the scheme and a blank", "Bearer "],
    ["the token alone", TOKEN],
    ["another scheme", `Basic ${btoa(`admin:${TOKEN}`)}`],
    ["another scheme with the token", `Token ${TOKEN}`],
    ["a scheme that begins alike", `BearerX ${TOKEN}`],
    ["another scheme before", `Basic x, Bearer ${TOKEN}`],
  ])("%s", async (_, authorization) => {
    const init = authorization === undefined ? {} : { headers: { authorization } };
    expect(await seen(await exports.default.fetch(USERS, init))).toEqual(await refusal());
  });

  it("whatever the body", async () => {
    const init = { method: "POST", body: "{", headers: { "content-type": "application/json" } };
    expect(await seen(await exports.default.fetch(USERS, init))).toEqual(await refusal("POST"));
  });

  it.each(["?token=", "?access_token=", "?authorization=Bearer%20"])(
    "the token in the query (%s)",
    async (query) => {
      expect(await seen(await exports.default.fetch(USERS + query + TOKEN))).toEqual(await refusal());
    },
  );

  it("and the log says why", async () => {
    const lines = await logged(() => withEnv({}, `${USERS}?q=secret`));
    expect(lines).toEqual([
      expect.objectContaining({
        event: "control-refused",
        reason: "no-credentials",
        path: `${API_PATH}/users`,
      }),
    ]);
    expect(JSON.stringify(lines)).not.toContain("secret");
  });
});

describe("ADMIN_TOKEN", () => {
  const long = "x".repeat(MIN_ADMIN_TOKEN_CHARACTERS);

  it.each([
    ["absent", undefined],
    ["empty", ""],
    ["a character too short", long.slice(1)],
  ])("%s: the API is off, looks like nothing, and the log says so once", async (_, token) => {
    let answer: unknown;
    const lines = await logged(async () => {
      answer = await seen(await withEnv({ ADMIN_TOKEN: token }, USERS, bearer(token ?? "undefined")));
    });
    expect(answer).toEqual(await refusal());
    expect(lines).toEqual([
      expect.objectContaining({ event: "configuration-warning", variable: "ADMIN_TOKEN" }),
      expect.objectContaining({ event: "control-refused", reason: "api-off" }),
    ]);
  });

  it("just long enough opens the API", async () => {
    expect(long).toHaveLength(32);
    expect((await withEnv({ ADMIN_TOKEN: long }, USERS, bearer(long))).status).toBe(200);
  });

  it("that is not a text refuses everything", async () => {
    expect((await withEnv({ ADMIN_TOKEN: 12345 }, USERS, bearer("12345"))).status).toBe(503);
  });
});

describe("ADMIN_HOST", () => {
  it("alone serves the API", async () => {
    expect((await exports.default.fetch(USERS, bearer(TOKEN))).status).toBe(200);
    const spelled = USERS.replace(".com/", ".com.:8443/");
    expect((await exports.default.fetch(spelled, bearer(TOKEN))).status).toBe(200);
  });

  it.each([
    ["right", TOKEN],
    ["wrong", "x"],
  ])("on another host the %s token is refused as if nothing were there", async (_, token) => {
    const url = `https://${HOST}${API_PATH}/users`;
    expect(await seen(await exports.default.fetch(url, bearer(token)))).toEqual(await appRefusal());
  });

  it.each(["evil.latchkey.example.com", "latchkey.example.com.evil.com", "xlatchkey.example.com"])(
    "is compared whole: %s",
    async (host) => {
      const response = await exports.default.fetch(`https://${host}${API_PATH}/users`, bearer(TOKEN));
      expect(await seen(response)).toEqual(await refusal());
    },
  );
});

describe("hosts", () => {
  it("without an app do not serve the API, even with the right token", async () => {
    const response = await exports.default.fetch(
      `https://unknown.example.org${API_PATH}/users`,
      bearer(TOKEN),
    );
    expect(await seen(response)).toEqual(await refusal());
  });

  it("with an app all serve it while there is no ADMIN_HOST, from any country", async () => {
    const init = { ...bearer(TOKEN), cf: { country: "US" } } as RequestInit;
    const url = `https://swiss.example.com${API_PATH}/users`;
    expect((await withEnv({ ADMIN_HOST: undefined }, url, init)).status).toBe(200);
  });

  it("are found in a default app", async () => {
    const url = `https://anything.example.org${API_PATH}/users`;
    const all = { APPS: { "*": {} }, ADMIN_HOST: undefined };
    expect((await withEnv(all, url, bearer(TOKEN))).status).toBe(200);
  });
});
