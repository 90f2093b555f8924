import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Credential,
  createAuthority,
  issueServerCertificate,
} from "../../../scripts/certificates/authority.ts";
import { type CheckStatus, known, unreadable } from "../../../scripts/cloudflare/doctor/check.ts";
import { observeHandshakes } from "../../../scripts/cloudflare/doctor/outside/handshakes.ts";
import {
  type Handshake,
  judgeAuthorities,
  judgeServerCertificates,
} from "../../../scripts/cloudflare/doctor/outside/judge-handshakes.ts";
import { readServerFlight } from "../../../scripts/cloudflare/doctor/outside/server-flight.ts";
import { device } from "./states.ts";

// Against real TLS servers on loopback: Node's, of which each asks for certificates in its own way.

const HOST = "vault.example.com";
const CA_NAME = "O=Latchkey development, CN=";
let authority: Credential;
let otherAuthority: Credential;
let credential: { cert: string; key: string };
const servers: Server[] = [];

beforeAll(async () => {
  [authority, otherAuthority] = await Promise.all([
    createAuthority("Managed CA, Inc.", new Date()),
    createAuthority("Second CA", new Date()),
  ]);
  const { certificate, key } = await issueServerCertificate(authority, [HOST], new Date());
  credential = { cert: certificate, key };
});
afterAll(() => {
  for (const server of servers) server.close();
});

async function portOf(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function tlsServer(options: TlsOptions): Promise<number> {
  return portOf(createTlsServer({ rejectUnauthorized: false, ...credential, ...options }));
}

async function shakeHands(port: number, host = HOST, timeoutMs = 10_000): Promise<Handshake | undefined> {
  const connectTo = { hostname: "127.0.0.1", port };
  const options = { connectTo, ca: authority.certificate, timeoutMs, credential: undefined };
  const [handshake] = await observeHandshakes([host], options);
  return handshake;
}

describe("the server's side of a handshake", () => {
  it("names the authorities that are asked for", async () => {
    const port = await tlsServer({
      requestCert: true,
      ca: [authority.certificate, otherAuthority.certificate],
    });
    expect(await shakeHands(port)).toEqual({
      host: HOST,
      kind: "handshake",
      authorities: [`${CA_NAME}Managed CA\\, Inc.`, `${CA_NAME}Second CA`],
      trust: null,
    });
  });

  it("tells an empty list from no request at all", async () => {
    const empty = await tlsServer({ requestCert: true, ca: [] });
    expect(await shakeHands(empty)).toMatchObject({ kind: "handshake", authorities: [] });
    const none = await tlsServer({ requestCert: false });
    expect(await shakeHands(none)).toMatchObject({ kind: "handshake", authorities: null });
  });

  it("reads the list of a server that ends without a certificate", async () => {
    const port = await tlsServer({ requestCert: true, rejectUnauthorized: true, ca: authority.certificate });
    expect(await shakeHands(port)).toMatchObject({ authorities: [`${CA_NAME}Managed CA\\, Inc.`] });
  });

  it("says why the certificate is not trusted", async () => {
    const port = await tlsServer({});
    expect(await shakeHands(port, "a.b.example.com")).toMatchObject({
      trust: "ERR_TLS_CERT_ALTNAME_INVALID",
    });
    const { certificate: cert, key } = await issueServerCertificate(otherAuthority, [HOST], new Date());
    expect(await shakeHands(await tlsServer({ cert, key }))).toMatchObject({
      trust: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    });
  });

  it("tells the alert of a server that has no certificate, or no TLS 1.2", async () => {
    const bare = await portOf(createTlsServer({}));
    expect(await shakeHands(bare)).toEqual({ host: HOST, kind: "refused", alert: 40 });
    const modern = await tlsServer({ minVersion: "TLSv1.3" });
    expect(await shakeHands(modern)).toEqual({ host: HOST, kind: "refused", alert: 70 });
  });

  it("says why nobody answered", async () => {
    const closed = createServer();
    const port = await portOf(closed);
    closed.close();
    await once(closed, "close");
    expect(await shakeHands(port)).toMatchObject({ kind: "silence", why: "ECONNREFUSED" });

    const mute = await portOf(createServer((socket) => socket.on("error", () => {})));
    expect(await shakeHands(mute, HOST, 300)).toMatchObject({
      kind: "silence",
      why: "no answer within 0.3 s",
    });

    const hangsUp = await portOf(createServer((socket) => socket.once("data", () => socket.end())));
    expect(await shakeHands(hangsUp)).toMatchObject({ kind: "silence" });

    const http = await portOf(
      createServer((socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))),
    );
    expect(await shakeHands(http)).toMatchObject({ kind: "silence" });
  });
});

describe("the reader of the server's messages", () => {
  /** What a real server sent, from a proxy in between. */
  async function realFlight(): Promise<Uint8Array> {
    const port = await tlsServer({ requestCert: true, ca: authority.certificate });
    const received: Buffer[] = [];
    const proxy = await portOf(
      createServer((client) => {
        const server = connect(port, "127.0.0.1");
        server.on("data", (chunk) => received.push(chunk));
        client.on("error", () => server.destroy()).on("close", () => server.destroy());
        server.on("error", () => client.destroy());
        client.pipe(server).pipe(client);
      }),
    );
    await shakeHands(proxy);
    return Buffer.concat(received);
  }

  it("waits for the whole of it, however it is cut", async () => {
    const flight = await realFlight();
    const kinds = Array.from(flight, (_, length) => readServerFlight(flight.subarray(0, length)).kind);
    const done = kinds.indexOf("complete");
    expect(done).toBeGreaterThan(1000);
    expect(new Set(kinds.slice(1, done))).toEqual(new Set(["incomplete"]));
    expect(readServerFlight(flight.subarray(0, done))).toMatchObject({
      authorities: [expect.any(Uint8Array)],
    });
    // The same messages, one byte a record.
    const messages = Buffer.concat(fragments(flight.subarray(0, done)));
    const slices = [...messages].map((byte) => [22, 3, 3, 0, 1, byte]);
    expect(readServerFlight(Uint8Array.from(slices.flat()))).toEqual(
      readServerFlight(flight.subarray(0, done)),
    );
  });

  it("calls a list unreadable whose lengths are not right", () => {
    const message = (...body: number[]) => [13, 0, 0, body.length, ...body];
    const record = (...body: number[]) => Uint8Array.from([22, 3, 3, 0, body.length, ...body]);
    for (const body of [
      [1, 1, 0, 0, 0, 9, 0, 1, 7], // longer than the message
      [1, 1, 0, 0, 0, 3, 0, 2, 7], // a name longer than the list
      [1, 1, 0, 0, 0, 0, 7], // more than the list
    ]) {
      expect(readServerFlight(record(...message(...body)))).toEqual({ kind: "unreadable" });
    }
    expect(readServerFlight(record(...message(1, 1, 0, 0, 0, 3, 0, 1, 7), 14, 0, 0, 0))).toEqual({
      kind: "complete",
      authorities: [Uint8Array.of(7)],
    });
  });

  it("never throws, whatever comes", () => {
    const kinds = ["incomplete", "complete", "alert", "unreadable"];
    const anything = fc.uint8Array({ maxLength: 200 });
    const tlsLike = anything.map((bytes) => Uint8Array.from([22, 3, 3, 0, bytes.length, ...bytes]));
    fc.assert(
      fc.property(fc.oneof(anything, tlsLike), (bytes) => {
        expect(kinds).toContain(readServerFlight(bytes).kind);
      }),
    );
  });
});

/** The contents of whole records. */
function fragments(flight: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at < flight.length; ) {
    const length = ((flight[at + 3] ?? 0) << 8) | (flight[at + 4] ?? 0);
    found.push(flight.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return found;
}

const shaken = (more: Partial<Extract<Handshake, { kind: "handshake" }>> = {}): Handshake => ({
  host: HOST,
  kind: "handshake",
  authorities: ["CN=Managed CA, O=Cloudflare\\, Inc."],
  trust: null,
  ...more,
});
const refused = (alert: number): Handshake => ({ host: HOST, kind: "refused", alert });
const SILENCE: Handshake = { host: HOST, kind: "silence", why: "ECONNREFUSED" };

describe("the check of the edge's certificate, from outside", () => {
  it.each<[CheckStatus, string, Handshake]>([
    ["ok", "it is for the host", shaken()],
    ["failed", "it is for another name", shaken({ trust: "ERR_TLS_CERT_ALTNAME_INVALID" })],
    ["failed", "it has expired", shaken({ trust: "CERT_HAS_EXPIRED" })],
    ["failed", "there is none", refused(40)],
    ["failed", "the name is not known", refused(112)],
    ["unknown", "TLS 1.2 is refused", refused(70)],
    ["unknown", "this machine does not know its authority", shaken({ trust: "SELF_SIGNED_CERT_IN_CHAIN" })],
    ["unknown", "nobody answers", SILENCE],
  ])("%s: %s", (status, _, seen) => {
    expect(judgeServerCertificates([seen])).toMatchObject({ id: "outside-certificate", status });
    // One bad host among good ones is enough.
    expect(judgeServerCertificates([shaken(), seen]).status).toBe(status);
  });
});

describe("the check of the authorities that the edge names", () => {
  const ours = device("alice/pixel-9", "active", "a");
  const by = (label: string, status: string, ...issuers: (string | null)[]) => ({
    ...device(label, status, "b"),
    certificates: issuers.map((issuer) => ({ fingerprint: "b".repeat(64), notAfter: null, issuer })),
  });
  const stepCa = by("bob/nas", "active", "CN=step-ca");

  it.each<[CheckStatus, string, Handshake, ReturnType<typeof device>[]]>([
    ["ok", "it names the issuer of every active device", shaken(), [ours]],
    ["ok", "it names none, so every client sends its own", shaken({ authorities: [] }), [stepCa]],
    [
      "ok",
      "one of a device's two certificates is of a named one",
      shaken(),
      [by("a/b", "active", "CN=x", "O=Cloudflare\\, Inc., CN=Managed CA")],
    ],
    [
      "ok",
      "the device of another issuer is revoked",
      shaken(),
      [ours, by("bob/nas", "revoked", "CN=step-ca")],
    ],
    ["ok", "no device is active", shaken(), []],
    ["warning", "it does not name a device's issuer", shaken(), [ours, stepCa]],
    ["unknown", "a device's issuer was never told", shaken(), [ours, by("bob/nas", "active", null)]],
    ["failed", "nobody is asked", shaken({ authorities: null }), [ours]],
    ["unknown", "TLS 1.3 only", refused(70), [ours]],
    ["unknown", "the handshake is refused", refused(40), [ours]],
    ["unknown", "nobody answers", SILENCE, [ours]],
  ])("%s: %s", (status, _, seen, devices) => {
    const check = judgeAuthorities([seen], known(devices));
    expect(check).toMatchObject({ id: "outside-authorities", status });
    expect(check.remedy === null).toBe(status === "ok");
  });

  it("names the devices that would stay silent", () => {
    expect(judgeAuthorities([shaken()], known([ours, stepCa])).reason).toContain("bob/nas");
    expect(judgeAuthorities([shaken()], known([ours, stepCa])).reason).not.toContain("alice");
  });

  it("is unknown without the registry, unless no name matters", () => {
    const gone = unreadable("the API does not answer", "start it");
    expect(judgeAuthorities([shaken()], gone).status).toBe("unknown");
    expect(judgeAuthorities([shaken({ authorities: [] })], gone).status).toBe("ok");
  });
});
