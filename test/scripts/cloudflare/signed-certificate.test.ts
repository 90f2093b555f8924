// Between the signature and the enrolment: what goes wrong there must leave nothing behind.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { claimFiles, deviceFiles, writeFiles } from "../../../scripts/certificates/device-files.ts";
import { type CloudflareClient, createCloudflareClient } from "../../../scripts/cloudflare/client/client.ts";
import { cloudflareConnectionFrom } from "../../../scripts/cloudflare/client/connection.ts";
import { listZones, type Zone } from "../../../scripts/cloudflare/client/zone.ts";
import {
  type SignedCertificate,
  withSignedCertificate,
} from "../../../scripts/cloudflare/issue/signed-certificate.ts";
import { type StandIn, startCloudflare } from "../../../scripts/stand-in/stand-in.ts";
import type { ClientCertificate } from "../../../scripts/stand-in/state.ts";
import { Failure, failed } from "../../../scripts/terminal/failure.ts";

let standIn: StandIn;
let client: CloudflareClient;
let zone: Zone;
const folder = mkdtempSync(join(tmpdir(), "latchkey-signed-"));

beforeAll(async () => {
  standIn = await startCloudflare();
  client = createCloudflareClient(cloudflareConnectionFrom(standIn.environment, 1000), async () => undefined);
  const [first] = await listZones(client);
  if (first === undefined) throw new Error("no zone");
  zone = first;
});
afterEach(() => {
  standIn.faults.clear();
  for (const { certificates } of standIn.state.zones) certificates.length = 0;
});
afterAll(async () => {
  await standIn.stop();
  rmSync(folder, { recursive: true });
});

const order = () =>
  ({ zone, commonName: "alice pixel-9", days: 30, kind: "ecdsa-p256", progress: () => undefined }) as const;
const statuses = () =>
  standIn.state.zones.flatMap(({ certificates }) => certificates.map(({ status }) => status));

async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Failure)) throw new Error(`no Failure: ${String(error)}`);
  return error;
}

/** The next answer to a request for a certificate is changed on the way. */
function tamper(change: (answer: ClientCertificate) => Partial<ClientCertificate>): void {
  standIn.faults.on("POST ", {
    kind: "answer",
    change({ result, ...body }) {
      const answered = result as ClientCertificate;
      return { ...body, result: { ...answered, ...change(answered) } };
    },
  });
}

describe("a signed certificate", () => {
  it("is handed over with its key, and stays when all goes well", async () => {
    const signed = await withSignedCertificate(client, order(), async (found) => found);
    expect(statuses()).toEqual(["active"]);
    expect(signed).toMatchObject({
      fingerprint: standIn.state.zones[0]?.certificates[0]?.fingerprint_sha256,
      id: standIn.state.zones[0]?.certificates[0]?.id,
    });
  });

  it("is revoked when a later step fails, and the failure says both", async () => {
    const use = () => Promise.reject(failed("the disk is full", "make room"));
    const failure = await failureOf(withSignedCertificate(client, order(), use));
    expect(failure).toMatchObject({ exitCode: 1, message: "the disk is full", hint: "make room" });
    expect(failure.list).toEqual([
      expect.stringMatching(
        /^undone: the certificate [0-9a-f-]{36} \(serial [0-9A-F]+\) is revoked at Cloudflare \(pending\)$/,
      ),
    ]);
    expect(statuses()).toEqual(["pending_revocation"]);
  });

  it("is named when it cannot be revoked", async () => {
    standIn.faults.on("DELETE ", { kind: "no-permission" }, 99);
    const failure = await failureOf(
      withSignedCertificate(client, order(), () => Promise.reject(failed("no", "x"))),
    );
    const [certificate] = standIn.state.zones[0]?.certificates ?? [];
    expect(failure.list).toEqual([
      expect.stringContaining(`NOT undone: the certificate ${certificate?.id} (serial `),
    ]);
    expect(failure.list[0]).toContain("its key is deleted");
    expect(statuses()).toEqual(["active"]);
  });

  it("is revoked after a bug of ours, too", async () => {
    const failure = await failureOf(
      withSignedCertificate(client, order(), () => Promise.reject(new TypeError("x is not a function"))),
    );
    expect(failure.message).toBe("internal error: TypeError: x is not a function");
    expect(statuses()).toEqual(["pending_revocation"]);
  });

  it("counts as revoked when the answer to the revocation was lost", async () => {
    standIn.faults.on("DELETE ", { kind: "reset", when: "after-the-change" });
    const failure = await failureOf(
      withSignedCertificate(client, order(), () => Promise.reject(failed("no", "x"))),
    );
    expect(failure.list[0]).toMatch(/^undone: /);
  });

  it("with another fingerprint than Cloudflare states is revoked", async () => {
    tamper(() => ({ fingerprint_sha256: "0".repeat(64) }));
    const failure = await failureOf(withSignedCertificate(client, order(), async () => "never"));
    expect(failure.message).toBe("the certificate's fingerprint is not the one that Cloudflare states");
    expect(statuses()).toEqual(["pending_revocation"]);
  });

  it("for another key than ours is revoked", async () => {
    const other = await withSignedCertificate(client, order(), async (found) => found);
    tamper(() => ({ certificate: other.certificate, fingerprint_sha256: other.fingerprint }));
    const failure = await failureOf(withSignedCertificate(client, order(), async () => "never"));
    expect(failure.message).toBe("Cloudflare signed a certificate for another key than ours");
    expect(statuses()).toEqual(["pending_revocation", "active"]);
  });

  it("whose fingerprint Cloudflare writes with colons and capitals is taken", async () => {
    tamper(({ fingerprint_sha256 }) => ({
      fingerprint_sha256: fingerprint_sha256.toUpperCase().replace(/..(?=.)/g, "$&:"),
    }));
    expect((await withSignedCertificate(client, order(), async (found) => found)).fingerprint).toMatch(
      /^[0-9a-f]{64}$/,
    );
  });
});

describe("a signature without an answer", () => {
  it.each(["reset", "hang", "server-error", "garbage"] as const)(
    "is found by its key after a %s",
    async (kind) => {
      standIn.faults.on("POST ", { kind, when: "after-the-change" });
      const signed = await withSignedCertificate(client, order(), async (found) => found);
      expect(signed.id).toBe(standIn.state.zones[0]?.certificates[0]?.id);
      expect(statuses()).toEqual(["active"]);
    },
  );

  it.each(["reset", "server-error"] as const)(
    "is known not to be there after a %s before the change",
    async (kind) => {
      standIn.faults.on("POST ", { kind });
      const failure = await failureOf(withSignedCertificate(client, order(), async () => "never"));
      expect(failure.list).toEqual(["no certificate was signed: Cloudflare lists none for this key"]);
      expect(statuses()).toEqual([]);
    },
  );

  it("is named by its subject when nothing can be found out", async () => {
    standIn.faults.on("POST ", { kind: "reset", when: "after-the-change" });
    standIn.faults.on("GET ", { kind: "server-error" }, 99);
    const failure = await failureOf(withSignedCertificate(client, order(), async () => "never"));
    expect(failure.list[0]).toBe(
      "Cloudflare may have signed a certificate with the subject O=Latchkey, CN=alice pixel-9 in the zone example.com",
    );
  });
});

describe("the files of a device", () => {
  const contents = (signed: SignedCertificate) => ({ name: "alice pixel-9", password: "secret", ...signed });
  const sign = () => withSignedCertificate(client, order(), async (found) => found);

  it("are written all or none, and none is replaced", async () => {
    const files = deviceFiles(join(folder, "race"), "alice", "pixel-9", true);
    await claimFiles(files);
    // Somebody else's, made after the look and before the writing.
    writeFileSync(files.modern, "mine");
    const failure = await failureOf(writeFiles(files, contents(await sign())));
    expect(failure.message).toBe(`${files.modern} is there already, and files are never overwritten`);
    expect(readdirSync(files.folder)).toEqual(["alice-pixel-9-modern.p12"]);
    expect(readFileSync(files.modern, "utf8")).toBe("mine");
  });

  it.each([
    ["a/../../b c", "alice-a-..-..-b-c"],
    ["Zoë's 📱", "alice-Zoë-s"],
    ["..", "alice"],
  ])("of a device named %s stay in their folder", (name, base) => {
    const { p12, folder: here } = deviceFiles(folder, "alice", name, false);
    expect(p12).toBe(join(here, `${base}.p12`));
  });

  it("are not written into a file", async () => {
    const path = join(folder, "file");
    writeFileSync(path, "");
    const failure = await failureOf(claimFiles(deviceFiles(path, "alice", "pixel-9", false)));
    expect(failure).toMatchObject({ exitCode: 2, message: `${path} is not a folder` });
    expect(existsSync(path)).toBe(true);
  });
});
