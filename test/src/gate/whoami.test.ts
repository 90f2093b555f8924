import { env, exports } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { api, enrol, fingerprint, HOST, tlsClientAuth } from "../fixtures.ts";
import {
  type Cf,
  cf,
  device,
  deviceToken,
  FILES_HOST,
  Isolate,
  LATER,
  logged,
  NO_CERTIFICATE,
  NOT_FOUND,
  newFingerprint,
  OWN,
  OWN_HOST,
  runtimeError,
  SWISS_HOST,
  scripted,
  seen,
  UNAVAILABLE,
  VAULT_HOST,
} from "./fixtures.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const WHOAMI = "/.latchkey/whoami";

/** Why the gate refuses a device with this status. */
const REFUSED: Record<string, string> = {
  pending: "device-pending",
  suspended: "device-suspended",
  lost: "device-lost",
  revoked: "device-revoked",
};

interface Told {
  app?: string;
  country?: string | null;
  reason?: string;
}

/** What a device is told, when this is what it is. */
const told = (
  of: string,
  device: { user: string; name: string; status: string } | null,
  change: Told = {},
) => ({
  app: change.app ?? HOST,
  ...reasonOf(change.reason ?? (device === null ? "unknown-device" : REFUSED[device.status])),
  credential: "certificate",
  fingerprint: of,
  enrolled: device !== null,
  device: device === null ? null : { ...device, expiresAt: null },
  seenByCloudflare: {
    verified: true,
    subject: "CN=phone",
    issuer: "CN=Household CA",
    serial: "0A1B2C",
    notBefore: "2020-01-01T00:00:00.000Z",
    notAfter: "2120-01-01T00:00:00.000Z",
    country: change.country === undefined ? "CH" : change.country,
  },
});

const reasonOf = (reason: string | undefined) => ({ letIn: reason === undefined, reason: reason ?? null });

describe("a device with a verified certificate", () => {
  it.each(["active", "pending", "suspended", "lost", "revoked"] as const)(
    "that is %s is told so, with its name, and the request goes no further",
    async (status) => {
      const { of, user } = await device(status);
      const lines = logged();
      const app = vi.spyOn(globalThis, "fetch");
      const response = await new Isolate().fetch(WHOAMI, { cf: cf({}, of) });
      expect(response.status).toBe(200);
      expect(Object.fromEntries(response.headers)).toEqual({
        "cache-control": "no-store",
        "content-type": "application/json",
      });
      expect(await response.json()).toEqual(told(of, { user, name: "phone", status }));
      expect(app).not.toHaveBeenCalled();
      expect(lines).toEqual([]);
    },
  );

  it("that nobody enrolled is told its fingerprint, and waits to be enrolled", async () => {
    const of = newFingerprint();
    const response = await new Isolate().fetch(WHOAMI, { cf: cf({}, of) });
    expect(await response.json()).toEqual(told(of, null));
    const { unknownCertificates } = await (await api("GET", "/unknown-certificates")).json<{
      unknownCertificates: { fingerprint: string }[];
    }>();
    expect(unknownCertificates.map((one) => one.fingerprint)).toContain(of);
  });

  it("is answered by the Worker as it is deployed", async () => {
    const { of, user } = await device("active");
    const init = { cf: cf({}, of) } as RequestInit;
    const response = await exports.default.fetch(`https://${HOST}${WHOAMI}?x=1`, init);
    expect(await response.json()).toEqual(told(of, { user, name: "phone", status: "active" }));
  });

  it("is told of others' names nothing, and has its own as it is", async () => {
    const of = newFingerprint();
    await enrol("zoe", 'Zoë\'s "phone" <1>', of);
    const response = await new Isolate().fetch(WHOAMI, { cf: cf({}, of) });
    expect(await response.json()).toMatchObject({ device: { user: "zoe", name: 'Zoë\'s "phone" <1>' } });
  });

  it("is told what Cloudflare did not say as null", async () => {
    const { of, user } = await device("active");
    const unsaid = { certSubjectDN: undefined, certIssuerDN: "", certSerial: undefined };
    const request = { cf: { ...cf(unsaid, of), country: undefined } };
    const expected = told(of, { user, name: "phone", status: "active" }, { country: null });
    expect(await (await new Isolate().fetch(WHOAMI, request)).json()).toEqual({
      ...expected,
      seenByCloudflare: { ...expected.seenByCloudflare, subject: null, issuer: null, serial: null },
    });
  });

  it.each([VAULT_HOST, FILES_HOST, OWN_HOST, SWISS_HOST])("is told at %s, too", async (host) => {
    const { of, user } = await device("active");
    const response = await new Isolate().fetch(`https://${host}${WHOAMI}`, { cf: cf({}, of) });
    expect(await response.json()).toEqual(told(of, { user, name: "phone", status: "active" }, { app: host }));
  });

  it("from a country that is not allowed is told which one Cloudflare saw", async () => {
    const { of, user } = await device("active");
    const isolate = new Isolate();
    const request = { cf: { ...cf({}, of), country: "DE" } };
    const response = await isolate.fetch(`https://${SWISS_HOST}${WHOAMI}`, request);
    const change = { app: SWISS_HOST, country: "DE", reason: "country" };
    expect(await response.json()).toEqual(told(of, { user, name: "phone", status: "active" }, change));
    logged();
    expect((await isolate.fetch(`https://${SWISS_HOST}/`, request)).status, "but let in nowhere else").toBe(
      404,
    );
  });

  it("is told at an app's host when ADMIN_HOST is another one", async () => {
    const { of, user } = await device("active");
    const lines = logged();
    const isolate = new Isolate({ ADMIN_HOST: "latchkey.example.com" });
    const response = await isolate.fetch(WHOAMI, { cf: cf({}, of) });
    expect(await response.json()).toEqual(told(of, { user, name: "phone", status: "active" }));
    // The host of the API alone is no app: nobody's device belongs there.
    const admin = await isolate.fetch(`https://latchkey.example.com${WHOAMI}`, { cf: cf({}, of) });
    expect(await seen(admin)).toEqual(UNAVAILABLE);
    expect(lines).toEqual([expect.objectContaining({ event: "refused", reason: "unknown-app" })]);
  });

  it("is told though the API is off", async () => {
    logged();
    const { of } = await device("active");
    const response = await new Isolate({ ADMIN_TOKEN: undefined }).fetch(WHOAMI, { cf: cf({}, of) });
    expect(response.status).toBe(200);
  });

  it("is answered a HEAD without a body, and with the same headers", async () => {
    const { of } = await device("active");
    const isolate = new Isolate();
    const get = await isolate.fetch(WHOAMI, { cf: cf({}, of) });
    const head = await isolate.fetch(WHOAMI, { cf: cf({}, of), method: "HEAD" });
    expect(head.status).toBe(200);
    expect([...head.headers]).toEqual([...get.headers]);
    expect(await head.text()).toBe("");
    expect((await get.text()).endsWith("}\n")).toBe(true);
  });

  it("sees a change of its status as any request does: at once with a delay of 0", async () => {
    const { of, path } = await device("active");
    const isolate = new Isolate({ REVOCATION_DELAY_SECONDS: 0 });
    const status = async () => {
      const response = await isolate.fetch(WHOAMI, { cf: cf({}, of) });
      return (await response.json<{ device: { status: string } }>()).device.status;
    };
    expect(await status()).toBe("active");
    await api("POST", `${path}/suspend`, {});
    expect(await status()).toBe("suspended");
  });

  it("that is lost is told so and nothing else: to ask is no wipe, and leaves no receipt", async () => {
    const { of, path } = await device("lost");
    const isolate = new Isolate();
    const response = await isolate.fetch(`https://${VAULT_HOST}${WHOAMI}`, { cf: cf({}, of) });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ device: { status: "lost" } });
    await isolate.idle();
    expect(await (await api("GET", path)).json()).toMatchObject({ wipe: null });
  });
});

describe("whoever has no verified certificate", () => {
  const STRANGERS: [string, Cf, string][] = [
    ["with none", { country: "CH" }, "no-certificate"],
    ["with one that failed", cf({ certVerified: "FAILED" }), "unverified-certificate"],
    ["with one that is revoked at Cloudflare", cf({ certRevoked: "1" }), "revoked-certificate"],
    ["with one that expired", cf({ certNotAfter: "Jan  1 00:00:00 2021 GMT" }), "expired-certificate"],
    ["with one that is malformed", cf({ certNotAfter: "" }), "malformed-certificate"],
  ];

  it.each(STRANGERS)("%s is refused to the byte as on any other path", async (_, request, reason) => {
    const { bindings, counts } = scripted();
    const isolate = new Isolate(bindings);
    for (const [host, expected] of [
      [HOST, NOT_FOUND],
      [VAULT_HOST, NOT_FOUND],
      [FILES_HOST, LATER],
      [OWN_HOST, OWN],
    ] as const) {
      for (const method of ["GET", "HEAD"]) {
        const lines = logged();
        const whoami = await seen(await isolate.fetch(`https://${host}${WHOAMI}`, { cf: request, method }));
        const other = await seen(await isolate.fetch(`https://${host}/other`, { cf: request, method }));
        expect(whoami).toEqual(other);
        expect(whoami).toEqual(method === "HEAD" ? { ...expected, body: "" } : expected);
        expect(lines[0]).toMatchObject({ event: "refused", reason, app: host, path: WHOAMI });
      }
    }
    expect(counts).toEqual({ directoryStubs: 0, resolve: 0, registryStubs: 0, standing: 0 });
  });

  it("is refused though all paths below /.latchkey/ were public, or the request is a preflight", async () => {
    logged();
    const app = vi.spyOn(globalThis, "fetch");
    const isolate = new Isolate({ APPS: { [HOST]: { public: ["/.latchkey/*"], preflight: true } } });
    expect(await seen(await isolate.fetch(WHOAMI, { cf: { country: "CH" } }))).toEqual(NOT_FOUND);
    const headers = { Origin: "https://a.b", "Access-Control-Request-Method": "GET" };
    const preflight = { cf: { country: "CH" }, method: "OPTIONS", headers };
    expect(await seen(await isolate.fetch(WHOAMI, preflight))).toEqual(NOT_FOUND);
    expect(app).not.toHaveBeenCalled();
  });

  it("is not told by the admin's token either", async () => {
    logged();
    const headers = { Authorization: `Bearer ${env.ADMIN_TOKEN}` };
    const response = await new Isolate().fetch(WHOAMI, { cf: { country: "CH" }, headers });
    expect(await seen(response)).toEqual(NOT_FOUND);
  });
});

describe("whoami is not served", () => {
  it.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])(
    "to %s, which is refused as a control path",
    async (method) => {
      const { of } = await device("active");
      const lines = logged();
      const app = vi.spyOn(globalThis, "fetch");
      const response = await new Isolate().fetch(WHOAMI, { cf: cf({}, of), method });
      expect(await seen(response)).toEqual(NOT_FOUND);
      expect(app).not.toHaveBeenCalled();
      expect(lines).toEqual([
        expect.objectContaining({ event: "control-refused", reason: "not-the-admin-host" }),
      ]);
    },
  );

  it.each([`${WHOAMI}/`, `${WHOAMI}/x`, "/.latchkey/Whoami", "/.latchkey//whoami", "/.latchkey/whoami%20"])(
    "at %s",
    async (path) => {
      logged();
      const app = vi.spyOn(globalThis, "fetch");
      const response = await new Isolate(scripted().bindings).fetch(`https://${HOST}${path}`, { cf: cf() });
      expect(await seen(response)).toEqual(NOT_FOUND);
      expect(app).not.toHaveBeenCalled();
    },
  );

  it("at a host that is no app", async () => {
    const { of } = await device("active");
    const lines = logged();
    const response = await new Isolate().fetch(`https://other.example.com${WHOAMI}`, { cf: cf({}, of) });
    expect(await seen(response)).toEqual(UNAVAILABLE);
    expect(lines).toEqual([expect.objectContaining({ reason: "unknown-app" })]);
  });

  it.each([HOST, VAULT_HOST, FILES_HOST, OWN_HOST])("while the registry fails, at %s", async (host) => {
    const lines = logged();
    const { bindings } = scripted({ standing: () => Promise.reject(runtimeError({})) });
    const response = await new Isolate(bindings).fetch(`https://${host}${WHOAMI}`, { cf: cf() });
    expect(await seen(response)).toEqual(UNAVAILABLE);
    expect(lines.map(({ event, reason }) => [event, reason])).toEqual([
      ["registry-error", undefined],
      ["refused", "registry-unavailable"],
    ]);
  });

  it("after a defect of ours", async () => {
    const lines = logged();
    const isolate = new Isolate(scripted().bindings);
    vi.spyOn(Date, "now").mockImplementation(() => {
      throw new Error("no clock");
    });
    const response = await isolate.fetch(WHOAMI, { cf: { tlsClientAuth: tlsClientAuth(fingerprint(1)) } });
    expect(await seen(response)).toEqual(UNAVAILABLE);
    expect(lines.map(({ reason }) => reason)).toContain("internal-error");
  });
});

describe("a person's browser", () => {
  const headers = { accept: "text/html,application/xhtml+xml,*/*;q=0.8", "sec-fetch-mode": "navigate" };

  it.each([
    ["active", "This device is let in", "Nothing more to do."],
    ["pending", "This device is refused", "It is waiting for approval"],
    ["suspended", "This device is refused", "It is suspended"],
    ["lost", "This device is refused", "It was reported lost"],
    ["revoked", "This device is refused", "It was revoked for good"],
  ] as const)("of a device that is %s gets a page that says what to do", async (status, title, next) => {
    const { of, user } = await device(status);
    const response = await new Isolate().fetch(WHOAMI, { cf: cf({}, of), headers });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    const text = await response.text();
    expect(text).toContain(`<h1>${title}</h1>`);
    expect(text).toContain(`<strong>${user}’s</strong>`);
    expect(text).toContain(next);
    expect(text).toContain(of);
  });

  it.each([
    [{ apps: [VAULT_HOST] }, `It may use other apps, but not ${HOST}`],
    [{ countries: ["DE"] }, "It is not let in from this country"],
    [{ expiresAt: 60 }, "Its time is up"],
  ])("of a device that is limited to %j is told that it is refused, and why", async (limits, why) => {
    const { of, path } = await device("active");
    expect((await api("PATCH", `${path}/limits`, limits)).status).toBe(200);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
    const text = await (await new Isolate().fetch(WHOAMI, { cf: cf({}, of), headers })).text();
    expect(text).toContain("<h1>This device is refused</h1>");
    expect(text).toContain(why);
    expect(text).not.toContain("Open the app");
    // An app's page can ask, too, and is not told which other apps there are.
    expect(text).not.toContain(VAULT_HOST);
  });

  it("of a guest is told until when it is let in", async () => {
    const { of, path } = await device("active");
    await api("PATCH", `${path}/limits`, { apps: [HOST], expiresAt: 3 * 86_400 });
    const text = await (await new Isolate().fetch(WHOAMI, { cf: cf({}, of), headers })).text();
    expect(text).toContain("<h1>This device is let in</h1>");
    expect(text).toMatch(/<dt>Let in until<\/dt><dd><time [^>]+>[^<]+<\/time> \(in 3 days\)/);
  });

  it("that shows a token is told when it has expired, and nothing of a certificate", async () => {
    const { token, short } = await deviceToken([HOST], { validSeconds: 300 });
    const ask = async () => {
      const shown = { ...headers, "X-Latchkey-Token": token };
      return (await new Isolate().fetch(WHOAMI, { cf: NO_CERTIFICATE, headers: shown })).text();
    };
    const before = await ask();
    expect(before).toContain("<h1>This device is let in</h1>");
    expect(before).toContain(`<code class="long">${short}</code>`);
    expect(before).not.toContain(token);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 301_000 });
    const after = await ask();
    expect(after).toContain("<h1>This device is refused</h1>");
    expect(after).toContain("Its token has expired: ask the person who runs this gate for a new one.");
    expect(after).not.toContain("Certificate");
  });

  it("that opens it with a feed URL is told that it is no page of the feed", async () => {
    const { token } = await deviceToken([HOST], { kind: "feed", paths: ["/calendar.ics"] });
    const request = { cf: NO_CERTIFICATE, headers };
    const text = await (
      await new Isolate().fetch(`https://${HOST}${WHOAMI}?latchkey=${token}`, request)
    ).text();
    expect(text).toContain("<h1>This device is refused</h1>");
    expect(text).toContain("It can read only certain paths on certain apps");
    expect(text).not.toContain(token);
  });

  it("with a certificate that nobody enrolled is sent to its invitation", async () => {
    const response = await new Isolate().fetch(WHOAMI, { cf: cf({}, newFingerprint()), headers });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('<a href="/.latchkey/enrol">the enrolment page</a>');
  });

  it("gets no page for HEAD, nor for a script's fetch", async () => {
    const { of } = await device("active");
    const head = await new Isolate().fetch(WHOAMI, { method: "HEAD", cf: cf({}, of), headers });
    expect([head.status, head.headers.get("content-type"), await head.text()]).toEqual([
      ...[200, "text/html; charset=utf-8", ""],
    ]);
    const script = { ...headers, "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" };
    const fetched = await new Isolate().fetch(WHOAMI, { cf: cf({}, of), headers: script });
    expect(fetched.headers.get("content-type")).toBe("application/json");
  });

  it("without a verified certificate is refused as any program is", async () => {
    for (const stranger of [{ country: "CH" }, cf({ certVerified: "FAILED" })]) {
      expect(await seen(await new Isolate().fetch(WHOAMI, { cf: stranger, headers }))).toEqual(NOT_FOUND);
    }
  });
});
