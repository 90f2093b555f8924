import { reset } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MAX_BODY_BYTES } from "../../../src/contract/limits.ts";
import { API_PATH } from "../../../src/contract/paths.ts";
import { PROBLEMS } from "../../../src/contract/problems.ts";
import { ADMIN_HOST, api, enrol, fingerprint } from "../fixtures.ts";
import { DEVICE_PEM, expectProblem } from "./fixtures.ts";

afterEach(reset);

type Body = ConstructorParameters<typeof Response>[0];

/** `PUT /users/bob` with a body as it is. */
function put(body: Body, headers: Record<string, string> = { "content-type": "application/json" }) {
  return exports.default.fetch(`https://${ADMIN_HOST}${API_PATH}/users/bob`, {
    method: "PUT",
    headers: { Authorization: `Bearer ${env.ADMIN_TOKEN}`, ...headers },
    ...(body === undefined ? {} : { body }),
  });
}

const exists = async () => (await (await api("GET", "/users")).text()).includes('"bob"');
const bytes = (...values: number[]) => new Uint8Array(values);
const inChunks = (size: number, count: number) =>
  new ReadableStream({
    start(controller) {
      for (let n = 0; n < count; n++) controller.enqueue(new Uint8Array(size).fill(0x20));
      controller.close();
    },
  });

describe("the content type", () => {
  it.each([
    "application/json",
    "application/json; charset=utf-8",
    "application/json;charset=utf-8",
    "Application/JSON",
    "application/json ; charset=utf-8",
  ])("may be %s", async (type) => {
    expect((await put("{}", { "content-type": type })).status).toBe(201);
  });

  it.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
    "application/json-patch+json",
    "application/merge-patch+json",
    "text/plain; application/json",
    "text/json",
    "",
  ])("may not be %o", async (type) => {
    await expectProblem(await put("{}", { "content-type": type }), "wrong-content-type");
    expect(await exists()).toBe(false);
  });

  it("must be there when there is a body", async () => {
    await expectProblem(await put(new TextEncoder().encode("{}"), {}), "wrong-content-type");
  });

  it("need not be there without a body", async () => {
    expect((await put(undefined, {})).status).toBe(201);
    expect((await put("", { "content-type": "text/plain" })).status).toBe(200);
  });
});

describe("the body", () => {
  it.each([
    ["half an object", "{"],
    ["a blank", " "],
    ["a word", "name"],
    ["single quotes", "{'name': 'x'}"],
    ["a comma too many", '{"name": "x",}'],
    ["two values", "{} {}"],
    ["a form", "name=x"],
    ["a raw line end in a text", '{"name": "a\nb"}'],
  ])("that is no JSON (%s) is malformed", async (_, body) => {
    await expectProblem(await put(body), "malformed-json");
    expect(await exists()).toBe(false);
  });

  it.each([
    ["a byte that begins nothing", bytes(0x22, 0xff, 0x22)],
    ["a character that is cut off", bytes(0x22, 0xe2, 0x82)],
    ["an overlong slash", bytes(0x22, 0xc0, 0xaf, 0x22)],
    ["half a surrogate pair", bytes(0x22, 0xed, 0xa0, 0x80, 0x22)],
    ["UTF-16", bytes(0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00)],
  ])("that is no UTF-8 (%s) is malformed", async (_, body) => {
    const problem = await expectProblem(await put(body), "malformed-json");
    expect(problem.detail).toContain("UTF-8");
  });

  it("may have characters that are cut by the chunks it comes in", async () => {
    const text = new TextEncoder().encode('{"name": "Zoë 📱"}');
    const stream = new ReadableStream({
      start(controller) {
        for (const byte of text) controller.enqueue(bytes(byte));
        controller.close();
      },
    });
    expect(await (await put(stream)).json()).toMatchObject({ name: "Zoë 📱" });
  });

  it.each(["null", "true", "5", '"text"'])("that is no object (%s) is invalid", async (body) => {
    const problem = await expectProblem(await put(body), "invalid-fields");
    expect(problem.errors).toEqual([{ path: "", message: "the body must be a JSON object" }]);
  });

  it("that is a list with something in it is invalid", async () => {
    await expectProblem(await put("[1]"), "invalid-fields");
  });

  it("that is an empty list is invalid", async () => {
    await expectProblem(await put("[]"), "invalid-fields");
  });

  it("may be exactly as large as the limit", async () => {
    expect((await put(`{}${" ".repeat(MAX_BODY_BYTES - 2)}`)).status).toBe(201);
    expect(MAX_BODY_BYTES).toBe(65_536);
  });

  it.each([
    ["with its length told", () => put(`{}${" ".repeat(MAX_BODY_BYTES - 1)}`)],
    ["counted in bytes, not in characters", () => put(`"${"é".repeat(MAX_BODY_BYTES / 2)}"`)],
    ["in chunks, without a length", () => put(inChunks(1024, 65))],
    ["in a single chunk, without a length", () => put(inChunks(MAX_BODY_BYTES + 1, 1))],
    [
      "with a length that lies",
      () => put(inChunks(1024, 65), { "content-type": "application/json", "content-length": "2" }),
    ],
    ["with a wrong content type as well", () => put(inChunks(1024, 65), { "content-type": "text/plain" })],
  ])("a byte larger than the limit is too large: %s", async (_, send) => {
    await expectProblem(await send(), "body-too-large");
    expect(await exists()).toBe(false);
  });

  it("that never ends is read no further than the limit", async () => {
    let given = 0;
    const endless = new ReadableStream({
      pull(controller) {
        given += 1024;
        controller.enqueue(new Uint8Array(1024).fill(0x20));
      },
    });
    await expectProblem(await put(endless), "body-too-large");
    expect(given).toBeLessThan(10 * MAX_BODY_BYTES);
  });
});

describe("invalid fields", () => {
  let id: string;
  beforeEach(async () => {
    id = (await enrol("alice", "Phone", fingerprint(1))).id;
  });

  const F = fingerprint(2);
  const long = (length: number) => "x".repeat(length);
  const DEVICES = "/users/alice/devices";
  const DEVICE = `${DEVICES}/ID`;
  const PENDING = `/unknown-certificates/${F}/enrol`;

  // method, path, body -> the paths of the fields that are wrong
  const CASES: [string, string, string, unknown, string[]][] = [
    ["an unknown field", "PUT", "/users/bob", { nam: "Bob" }, ["nam"]],
    ["two unknown fields", "PUT", "/users/bob", { a: 1, b: 2 }, ["a"]],
    ["a user's name that is no text", "PUT", "/users/bob", { name: 5 }, ["name"]],
    ["a user's name of null", "PUT", "/users/bob", { name: null }, ["name"]],
    ["an empty user's name", "PUT", "/users/bob", { name: "" }, ["name"]],
    ["a user's name too long", "PUT", "/users/bob", { name: long(101) }, ["name"]],
    ["a control character in a user's name", "PUT", "/users/bob", { name: "a\u0007" }, ["name"]],
    ["a line end in a user's name", "PUT", "/users/bob", { name: "a\nb" }, ["name"]],

    ["no fields", "POST", DEVICES, {}, ["name"]],
    ["no name", "POST", DEVICES, { fingerprint: F }, ["name"]],
    ["an empty name", "POST", DEVICES, { name: "", fingerprint: F }, ["name"]],
    ["a name too long", "POST", DEVICES, { name: long(65), fingerprint: F }, ["name"]],
    ["a name with a control character", "POST", DEVICES, { name: "a\u001bb", fingerprint: F }, ["name"]],
    ["a name that is no text", "POST", DEVICES, { name: ["x"], fingerprint: F }, ["name"]],
    ["neither fingerprint nor certificate", "POST", DEVICES, { name: "x" }, [""]],
    ["both", "POST", DEVICES, { name: "x", fingerprint: F, certificate: DEVICE_PEM }, [""]],
    ["a fingerprint that is none", "POST", DEVICES, { name: "x", fingerprint: "abc" }, ["fingerprint"]],
    ["a fingerprint with a blank", "POST", DEVICES, { name: "x", fingerprint: ` ${F}` }, ["fingerprint"]],
    ["a fingerprint of null", "POST", DEVICES, { name: "x", fingerprint: null }, ["fingerprint"]],
    ["a certificate that is no text", "POST", DEVICES, { name: "x", certificate: 5 }, ["certificate"]],
    ["a note too long", "POST", DEVICES, { name: "x", fingerprint: F, note: long(501) }, ["note"]],
    ["a note with NUL", "POST", DEVICES, { name: "x", fingerprint: F, note: "a\0" }, ["note"]],
    ["a status of one's own", "POST", DEVICES, { name: "x", fingerprint: F, status: "active" }, ["status"]],
    ["two wrong fields", "POST", DEVICES, { name: "", fingerprint: "x" }, ["name", "fingerprint"]],

    ["nothing to change", "PATCH", DEVICE, {}, [""]],
    ["an empty name", "PATCH", DEVICE, { name: " " }, ["name"]],
    ["a name of null", "PATCH", DEVICE, { name: null }, ["name"]],
    ["a note that is no text", "PATCH", DEVICE, { note: 5 }, ["note"]],
    ["a status", "PATCH", DEVICE, { name: "y", status: "active" }, ["status"]],
    ["a fingerprint", "PATCH", DEVICE, { fingerprint: F }, ["fingerprint"]],

    ["a note where a reason belongs", "POST", `${DEVICE}/revoke`, { note: "x" }, ["note"]],
    ["a reason of null", "POST", `${DEVICE}/revoke`, { reason: null }, ["reason"]],
    ["a reason too long", "POST", `${DEVICE}/suspend`, { reason: long(501) }, ["reason"]],

    ["no user", "POST", PENDING, { name: "x" }, ["user"]],
    ["no name", "POST", PENDING, { user: "alice" }, ["name"]],
    ["a user that cannot be", "POST", PENDING, { user: "Alice", name: "x" }, ["user"]],
    ["an unknown field", "POST", PENDING, { user: "alice", name: "x", status: "active" }, ["status"]],
  ];

  it.each(CASES)("%s (%s %s)", async (_, method, path, body, paths) => {
    const before = await (await api("GET", DEVICES)).text();
    const problem = await expectProblem(await api(method, path.replace("ID", id), body), "invalid-fields");
    expect(problem.errors?.map((error) => error.path)).toEqual(paths);
    for (const { message } of problem.errors ?? []) expect(message).toMatch(/^[a-z"'][^\n]{5,}$/);
    expect(await (await api("GET", DEVICES)).text()).toBe(before);
    expect(await exists()).toBe(false);
  });

  it("__proto__ is a field that does not exist", async () => {
    const problem = await expectProblem(await put('{"__proto__": {"name": "x"}}'), "invalid-fields");
    expect(problem.errors).toEqual([{ path: "__proto__", message: "there is no such field" }]);
  });

  it("are told in words that say what to do", async () => {
    const problem = await expectProblem(
      await api("POST", DEVICES, { nam: "x", fingerprint: F }),
      "invalid-fields",
    );
    expect(problem.errors).toContainEqual({ path: "name", message: "this field is missing" });
  });

  it("at their limits are valid", async () => {
    const response = await api("POST", DEVICES, {
      name: long(64),
      fingerprint: F,
      note: `${long(496)}\n\r\t.`,
    });
    expect(response.status).toBe(201);
    expect((await api("PUT", "/users/alice", { name: long(100) })).status).toBe(200);
  });
});

describe("the query of a list", () => {
  const LISTS = [
    ["/users", "after"],
    ["/users/alice/devices", "after"],
    ["/users/alice/audit", "before"],
    ["/audit", "before"],
  ] as const;
  beforeEach(() => api("PUT", "/users/alice").then(() => {}));

  it.each(LISTS)("of %s takes a limit from 1 to 500", async (path) => {
    for (const limit of ["1", "500", "007"]) {
      expect((await api("GET", `${path}?limit=${limit}`)).status, limit).toBe(200);
    }
    for (const limit of ["0", "501", "-1", "1.5", "1e2", "", "x", "%20", "9999999999", "0x10"]) {
      const problem = await expectProblem(await api("GET", `${path}?limit=${limit}`), "invalid-query");
      expect(problem.errors, limit).toEqual([
        { path: "limit", message: "limit must be a whole number from 1 to 500" },
      ]);
    }
  });

  it.each(LISTS)("of %s refuses what is no cursor (%s)", async (path, name) => {
    for (const cursor of ["", "A", "%20", "1'--", "-1.5", "x".repeat(64), "%00", "é"]) {
      const problem = await expectProblem(await api("GET", `${path}?${name}=${cursor}`), "invalid-query");
      expect(
        problem.errors?.map((error) => error.path),
        cursor,
      ).toEqual([name]);
    }
  });

  it("tells all that is wrong at once", async () => {
    const problem = await expectProblem(await api("GET", "/audit?limit=x&before=y"), "invalid-query");
    expect(problem.errors?.map(({ path }) => path)).toEqual(["limit", "before"]);
    expect(PROBLEMS["invalid-query"].status).toBe(400);
  });

  it("takes cursors past the end", async () => {
    expect(await (await api("GET", "/users?after=zzz")).json()).toEqual({ users: [], next: null });
    expect(await (await api("GET", "/users/alice/devices?after=999999999999999")).json()).toEqual({
      devices: [],
      next: null,
    });
    expect(await (await api("GET", "/audit?before=0")).json()).toEqual({ entries: [], next: null });
  });
});
