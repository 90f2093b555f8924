import { exports } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { OWN_HEADERS } from "../../../src/gate/forward.ts";
import { enrol, fingerprint, HOST, tlsClientAuth } from "../fixtures.ts";
import { type Echo, Isolate, logged, scripted, seen, UNAVAILABLE } from "./fixtures.ts";

beforeAll(async () => {
  await enrol("alice", "phone", fingerprint(1));
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** Through the Worker as it is deployed, as the phone that may pass. */
function send(path: string, init: RequestInit = {}): Promise<Response> {
  const cf = { tlsClientAuth: tlsClientAuth(), country: "CH" };
  return exports.default.fetch(`https://${HOST}${path}`, { ...init, cf } as RequestInit);
}

/** All that workerd knows, but for CONNECT and TRACE; it does not know MKCALENDAR. */
const METHODS = [
  ...["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
  ...["PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "ACL"],
  ...["CHECKOUT", "MERGE", "MKACTIVITY", "PURGE", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE"],
];

describe("an allowed request reaches the app", () => {
  it.each(METHODS)("with its method, path, query and body: %s", async (method) => {
    const body = method === "GET" ? "" : "<a>ü</a>";
    const response = await send("/dav/a%20b/%C3%BC%2F..?x=1&x=2&y=%26", {
      method,
      ...(body === "" ? {} : { body }),
    });
    expect(await response.json<Echo>()).toMatchObject({
      method,
      url: `https://${HOST}/dav/a%20b/%C3%BC%2F..?x=1&x=2&y=%26`,
      body,
    });
  });

  it("with HEAD", async () => {
    const fetched = vi.spyOn(globalThis, "fetch");
    expect((await send("/", { method: "HEAD" })).status).toBe(200);
    expect(fetched).toHaveBeenCalledTimes(1);
    expect(fetched.mock.calls[0]?.[0]).toMatchObject({ method: "HEAD" });
  });

  it("without the headers that are Latchkey's own, in any letter case, and with all else", async () => {
    const kept = {
      cookie: "a=1; b=2",
      authorization: "Bearer of-the-app",
      range: "bytes=0-9",
      "if-none-match": '"x"',
      "x-forwarded-user": "the app's own affair",
      "x-latchkey-user-agent": "another name, which means nothing",
      "y-x-latchkey-user": "not at the beginning",
      "content-type": "text/xml",
    };
    const response = await send("/", {
      method: "POST",
      body: "kept",
      headers: {
        ...kept,
        "x-latchkey-user": "alice",
        "X-Latchkey-Device": "phone",
        "X-LATCHKEY-TOKEN": "secret",
      },
    });
    const echo = await response.json<Echo>();
    expect(echo.headers).toMatchObject(kept);
    for (const name of OWN_HEADERS) expect(echo.headers).not.toHaveProperty(name);
    expect(echo).toMatchObject({ method: "POST", body: "kept" });
  });

  it.each([
    "X-Latchkey-Token",
    // Who is asking, as CGI and WSGI read it: every hyphen may be an underscore.
    ...["User", "Device"].flatMap((name) =>
      ["X-Latchkey-", "X-Latchkey_", "X_Latchkey-", "X_Latchkey_"].map((beginning) => beginning + name),
    ),
  ])("without a header of Latchkey's own, alone among others: %s", async (name) => {
    for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) {
      const response = await send("/", { headers: { [spelling]: "alice", "X-Other": "kept" } });
      const { headers } = await response.json<Echo>();
      expect(Object.keys(headers).filter((key) => key.includes("latchkey"))).toEqual([]);
      expect(headers["x-other"]).toBe("kept");
    }
  });

  it.each([
    ["__Host-latchkey=secret", undefined],
    ["a=1; __Host-latchkey=secret; b=2", "a=1; b=2"],
    ["__HOST-LATCHKEY=secret; a=1", "a=1"],
    ["a=1; __Host-latchkey-form=secret", "a=1"],
    ["a=1; __host-Latchkey-x=secret;b=2", "a=1;b=2"],
    ["__Host-latchkeys=the app's; a=1", "__Host-latchkeys=the app's; a=1"],
    ["a=__Host-latchkey", "a=__Host-latchkey"],
    ["a=1, __Host-latchkey=secret", undefined],
  ])("without cookies of ours: %s", async (cookie, left) => {
    const response = await send("/", { headers: { Cookie: cookie, "X-Other": "kept" } });
    const { headers } = await response.json<Echo>();
    expect(headers.cookie).toBe(left);
    expect(headers["x-other"]).toBe("kept");
  });

  it("as the very same request, when there is nothing to drop", async () => {
    const fetched = vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response("ok"));
    const request = new Request(`https://${HOST}/`, {
      cf: { tlsClientAuth: tlsClientAuth() },
    } as RequestInit);
    await new Isolate(scripted().bindings).handle(request);
    expect(fetched.mock.calls).toEqual([[request]]);
    expect(fetched.mock.calls[0]?.[0]).toBe(request);
  });

  it.each(["manual", "follow"] as const)("with the redirect mode that it had: %s", async (redirect) => {
    const fetched = vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response("ok"));
    for (const headers of [{}, { "X-Latchkey-User": "alice" }]) {
      await new Isolate(scripted().bindings).fetch("/", { redirect, headers });
      expect(fetched.mock.lastCall?.[0]).toMatchObject({ redirect });
    }
  });

  it("once, however often the registry had to be asked", async () => {
    const fetched = vi.spyOn(globalThis, "fetch");
    await new Isolate(scripted().bindings).fetch("/", { method: "POST", body: "x" });
    expect(fetched).toHaveBeenCalledTimes(1);
  });
});

describe("the app's answer comes back as it is", () => {
  it.each([200, 206, 301, 302, 304, 307, 400, 401, 403, 404, 410, 429, 500, 502, 503])(
    "with status %i",
    async (status) => {
      const lines = logged();
      const headers = new Headers({ Location: "https://elsewhere.example/", "X-App": "1" });
      headers.append("Set-Cookie", "a=1");
      headers.append("Set-Cookie", "b=2");
      const app = new Response(status === 304 ? null : "the app's", { status, headers });
      vi.spyOn(globalThis, "fetch").mockResolvedValue(app);
      const response = await new Isolate(scripted().bindings).fetch();
      expect(response).toBe(app);
      expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
      expect(lines).toEqual([]);
    },
  );

  describe("without cookies of ours", () => {
    const answered = async (
      cookies: string[],
      init: ResponseInit = {},
      body: BodyInit | null = "the app's",
    ) => {
      const headers = new Headers({ "X-App": "1" });
      for (const cookie of cookies) headers.append("Set-Cookie", cookie);
      const app = new Response(body, { ...init, headers });
      vi.spyOn(globalThis, "fetch").mockResolvedValue(app);
      return { app, response: await new Isolate(scripted().bindings).fetch() };
    };

    it.each([
      "__Host-latchkey=planted; Path=/; Secure",
      "__host-LATCHKEY=; Max-Age=0",
      "  __Host-latchkey-form =x",
      "__Host-latchkey",
      // A browser that allows it sends back what comes after the first "=", to each host of the domain.
      "=__Host-latchkey=planted; Domain=example.com",
      " = __host-latchkey=planted",
    ])("such as %s, and every other stays byte for byte, twice where it came twice", async (ours) => {
      const others = [
        "a=1; Path=/",
        "a=1; Path=/",
        "b=x, y; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
        "__Host-latchkeys=2",
      ];
      const { response } = await answered([...others.slice(0, 2), ours, ...others.slice(2)], { status: 201 });
      expect(response.headers.getSetCookie()).toEqual(others);
      expect(response.status).toBe(201);
      expect(response.headers.get("x-app")).toBe("1");
      expect(await response.text()).toBe("the app's");
    });

    it("and the answer itself, where there are none", async () => {
      for (const cookies of [[], ["a=1"], ["a=__Host-latchkey=1"], ["__Host-latchkeys=1"]]) {
        const { app, response } = await answered(cookies);
        expect(response).toBe(app);
      }
    });

    it("and a WebSocket goes on", async () => {
      const { 0: client, 1: server } = new WebSocketPair();
      server.accept();
      server.send("hello");
      const { response } = await answered(
        ["__Host-latchkey=x", "a=1"],
        { status: 101, webSocket: client },
        null,
      );
      expect(response.headers.getSetCookie()).toEqual(["a=1"]);
      const socket = response.webSocket;
      const message = new Promise((resolve) =>
        socket?.addEventListener("message", ({ data }) => resolve(data)),
      );
      socket?.accept();
      expect(await message).toBe("hello");
    });
  });

  it("as a stream, before it has ended", async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response(readable));
    const response = await new Isolate(scripted().bindings).fetch();
    const writer = writable.getWriter();
    const reader = response.body?.getReader();
    const event = new TextEncoder().encode("data: 1\n\n");
    const [, chunk] = await Promise.all([writer.write(event), reader?.read()]);
    expect(chunk).toMatchObject({ done: false, value: event });
  });
});

describe("an app that cannot be reached", () => {
  it("is the soft 503 of our own failures, never an error page", async () => {
    const lines = logged();
    vi.spyOn(globalThis, "fetch").mockRejectedValue(new Error("Network connection lost."));
    const isolate = new Isolate(scripted().bindings);
    expect(await seen(await isolate.fetch("/x?token=SECRET"))).toEqual(UNAVAILABLE);
    expect(lines).toEqual([
      { event: "app-unreachable", app: HOST, message: "Error: Network connection lost.", cause: null },
    ]);
    expect(await seen(await isolate.fetch("/", { method: "HEAD" }))).toEqual({ ...UNAVAILABLE, body: "" });
  });
});
