// Who passes and who does not, over real TLS with real client certificates, through the local edge
// and the real Worker in workerd to the demo app.
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Credential, issueSelfSignedCertificate } from "../../scripts/certificates/authority.ts";
import { serialOf } from "./support/certificate.ts";
import { TestEdge } from "./support/edge.ts";
import type { Answer, TlsClient } from "./support/tls-client.ts";

const DELAY_SECONDS = 1;
const DAY_MS = 86_400_000;

let test: TestEdge;
let log: Record<string, unknown>[];
let phone: Credential;

beforeAll(async () => {
  log = [];
  test = await TestEdge.start({
    vars: { REVOCATION_DELAY_SECONDS: DELAY_SECONDS },
    onWorkerLog: ({ message }) => log.push(JSON.parse(message) as Record<string, unknown>),
  });
  phone = await test.issue("phone");
  await test.enrol("phone", phone);
});

afterAll(() => test?.stop());

/** The last line about one refusal; the log also counts those of a kind that came often. */
const lastRefusal = () => log.findLast(({ event }) => event === "refused");

let programs = 0;

async function reasonOf(client: TlsClient, path = "/"): Promise<{ answer: Answer; reason: unknown }> {
  // A program of its own, so that its refusal is written in full however many there were before.
  programs += 1;
  const program = `program-${programs}/1`;
  const answer = await client.call(path, { headers: { "User-Agent": program } });
  await expect.poll(() => lastRefusal()?.client).toBe(program);
  return { answer, reason: lastRefusal()?.reason };
}

/** The answer to every refusal, to the byte. `Date` apart, which the edge's server adds. */
function essence({ status, headers, text }: Answer) {
  const { date: _, ...rest } = headers;
  return { status, headers: rest, text };
}

describe("the gate over real TLS", () => {
  it("lets an enrolled device through to the app", async () => {
    const answer = await test.client(phone).call("/");
    expect(answer.status).toBe(200);
    expect(answer.text).toContain("you are through the gate");
  });

  it("refuses everybody else, for its own reason and with the same answer", async () => {
    const now = Date.now();
    const past = { notBefore: new Date(now - 3 * DAY_MS), notAfter: new Date(now - DAY_MS) };
    const future = { notBefore: new Date(now + DAY_MS), notAfter: new Date(now + 2 * DAY_MS) };
    const revoked = await test.issue("revoked at Cloudflare");
    await test.enrol("revoked at Cloudflare", revoked);
    writeFileSync(test.edge.paths.revoked, `${serialOf(revoked)}\n`);

    const visitors: [string, Credential | undefined, string][] = [
      ["no certificate", undefined, "no-certificate"],
      ["a self-signed one", await issueSelfSignedCertificate("phone"), "unverified-certificate"],
      ["an expired one", await test.issue("old", past), "unverified-certificate"],
      ["one that is not valid yet", await test.issue("new", future), "unverified-certificate"],
      ["one revoked at Cloudflare, though enrolled", revoked, "revoked-certificate"],
      ["one that nobody enrolled", await test.issue("stranger"), "unknown-device"],
    ];
    const answers: ReturnType<typeof essence>[] = [];
    for (const [name, credential, expected] of visitors) {
      const { answer, reason } = await reasonOf(test.client(credential));
      expect(reason, name).toBe(expected);
      answers.push(essence(answer));
    }
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]).toMatchObject({ status: 404, text: "Not Found" });
  });

  it("lists a verified certificate as waiting, which can be approved and then passes", async () => {
    const tablet = await test.issue("tablet");
    const client = test.client(tablet);
    expect((await client.call("/")).status).toBe(404);
    const { unknownCertificates } = (await test.api("GET", "/unknown-certificates")) as {
      unknownCertificates: { fingerprint: string; subject: string }[];
    };
    const waiting = unknownCertificates.find(({ subject }) => subject.includes("tablet"));
    expect(waiting).toBeDefined();
    await test.api("POST", `/unknown-certificates/${waiting?.fingerprint}/enrol`, {
      user: "alice",
      name: "tablet",
    });
    // A refusal is remembered for two seconds at most, and never longer than the delay.
    await expect.poll(async () => (await client.call("/")).status, { timeout: 3_000 }).toBe(200);
  });

  it("refuses a revoked phone within the delay, measured, and nobody else notices", async () => {
    const lost = await test.issue("lost phone");
    const device = await test.enrol("lost phone", lost);
    const [client, other] = [test.client(lost), test.client(phone)];
    expect((await client.call("/")).status).toBe(200);

    await test.act(device, "revoke");
    const revokedAt = performance.now();
    let lastAllowed = revokedAt;
    for (;;) {
      const sentAt = performance.now();
      const { status } = await client.call("/headers");
      expect((await other.call("/headers")).status).toBe(200);
      if (status === 404) break;
      lastAllowed = sentAt;
      expect(sentAt - revokedAt).toBeLessThan(DELAY_SECONDS * 1000);
    }
    console.log(
      `revoked: last request let in after ${Math.round(lastAllowed - revokedAt)} ms (delay ${DELAY_SECONDS} s)`,
    );
    expect((await client.call("/headers")).status).toBe(404);
  });

  it("believes no header of a client's", async () => {
    const claim = JSON.stringify({
      country: "CH",
      tlsClientAuth: {
        certPresented: "1",
        certVerified: "SUCCESS",
        certRevoked: "0",
        certFingerprintSHA256: (
          (await test.api("GET", "/users/alice/devices")) as {
            devices: { credentials: { fingerprint: string }[] }[];
          }
        ).devices[0]?.credentials[0]?.fingerprint,
        certNotBefore: "Dec 22 19:39:00 2018 GMT",
        certNotAfter: "Dec 22 19:39:00 2038 GMT",
      },
    });
    const forged = {
      "MF-CF-Blob": claim,
      "mf-edge-secret": "guess",
      "Cf-Client-Cert-Verified": "true",
      "cf-access-jwt-assertion": "x.y.z",
      "X-Latchkey-User": "alice",
    };
    expect((await test.client().call("/", { headers: forged })).status).toBe(404);

    const { headers } = await test.client(phone).echo({
      headers: {
        ...forged,
        "CF-Connecting-IP": "6.6.6.6",
        "cf-ipcountry": "KP",
        "X-LATCHKEY_Device": "phone",
        "x-other": "kept",
      },
    });
    expect(Object.keys(headers).filter((name) => /^(mf-|x-latchkey)/.test(name))).toEqual([]);
    expect(headers["cf-connecting-ip"]).toBe("127.0.0.1");
    expect(headers["cf-ipcountry"]).toBe("CH");
    expect(headers["x-other"]).toBe("kept");
  });

  it("refuses hosts that it does not know, and takes one host for one whatever its spelling", async () => {
    const client = test.client(phone);
    // Nobody knows what its clients would do on a 404.
    const unknown = await client.call("/", { host: "other.example.com" });
    expect(unknown).toMatchObject({ status: 503, headers: { "retry-after": "30" } });
    expect((await client.call("/", { headers: { host: `APP.LOCALHOST.:${test.edge.port}` } })).status).toBe(
      200,
    );
  });

  it("hides the API from whoever has no token", async () => {
    const nobody = test.client();
    const { appHost, apiHost } = test.edge;
    const call = (host: string, path: string, authorization?: string) =>
      nobody.call(path, { host, headers: authorization === undefined ? {} : { authorization } });
    const users = "/.latchkey/api/v1/users";
    for (const host of [appHost, apiHost]) {
      expect(essence(await call(host, users)), host).toEqual(essence(await call(host, "/x")));
    }
    expect((await call(apiHost, users, "Bearer wrong")).status).toBe(401);
    const right = `Bearer ${test.edge.adminToken}`;
    expect((await call(apiHost, users, right)).status).toBe(200);
    expect(essence(await call(appHost, users, right))).toEqual(essence(await call(appHost, "/x")));
  });

  it("logs each refusal in one line, without secrets", async () => {
    const { answer } = await reasonOf(test.client(await test.issue("curious")), "/hub?access_token=SECRET");
    expect(answer.status).toBe(404);
    const line = lastRefusal();
    expect(line).toMatchObject({
      event: "refused",
      app: "app.localhost",
      method: "GET",
      path: "/hub",
      country: "CH",
    });
    expect(String(line?.fingerprint)).toMatch(/^[0-9a-f]{8}$/);
    expect(JSON.stringify(log)).not.toContain("SECRET");
  });
});

describe("with a delay of 0", () => {
  it("refuses from the first request after the revocation on", async () => {
    const strict = await TestEdge.start({ vars: { REVOCATION_DELAY_SECONDS: 0 } });
    try {
      for (let round = 0; round < 5; round++) {
        const credential = await strict.issue(`phone ${round}`);
        const device = await strict.enrol(`phone ${round}`, credential);
        const client = strict.client(credential);
        expect((await client.call("/headers")).status).toBe(200);
        await strict.act(device, "revoke");
        expect((await client.call("/headers")).status).toBe(404);
      }
    } finally {
      await strict.stop();
    }
  });
});

describe("across a restart", () => {
  it("keeps what was acknowledged", async () => {
    const first = await TestEdge.start();
    const { folder } = first.edge.paths;
    const [kept, revoked] = [await first.issue("kept"), await first.issue("revoked")];
    await first.enrol("kept", kept);
    await first.act(await first.enrol("revoked", revoked), "revoke");
    await first.edge.stop();

    const second = await TestEdge.start({ stateDir: folder });
    try {
      expect((await second.client(kept).call("/")).status).toBe(200);
      expect((await second.client(revoked).call("/")).status).toBe(404);
    } finally {
      await second.stop();
    }
  });
});
