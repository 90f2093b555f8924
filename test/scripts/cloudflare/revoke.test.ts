// latchkey revoke --at-cloudflare, as a process, against the stand-in and the real local edge.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type LocalZone, startLocalZone } from "../../cloudflare/zone.ts";
import { failure } from "../cli/run.ts";
import { runHere, runOnceAsProcess } from "../cli/run-here.ts";
import { send } from "../edge/client.ts";

const VAULT = "vault.localhost";

let zone: LocalZone;
beforeAll(async () => {
  const APPS = { "app.localhost": {}, [VAULT]: { profile: "bitwarden" }, localhost: {} };
  zone = await startLocalZone({ APPS, REVOCATION_DELAY_SECONDS: 0 });
});
afterEach(() => zone.cloudflare.faults.clear());
afterAll(() => zone?.stop());

const latchkey = (...words: string[]) => runOnceAsProcess(words, zone.environment);
const revoke = (name: string, ...words: string[]) =>
  latchkey("revoke", `alice/${name}`, "--at-cloudflare", "--yes", ...words);
/** The same without the start of a process, for the tables of faults. */
const here = (...words: string[]) => runHere(words, zone.environment);
const revokeHere = (name: string, ...words: string[]) =>
  here("revoke", `alice/${name}`, "--at-cloudflare", "--yes", ...words);
const statusOf = async (name: string) =>
  (await zone.devices("alice")).find((device) => device.name === name)?.status;

describe("revoke --at-cloudflare", () => {
  it("revokes in the registry, then at Cloudflare, says that it is pending, and may be repeated", async () => {
    const { certificate, key, atCloudflare } = await zone.issue("phone");
    const as = { certificate, key };
    expect((await send(zone.edge, "/", { as })).status).toBe(200);
    const short = atCloudflare.fingerprint_sha256.slice(0, 8);

    const first = await revoke("phone");
    expect(first.stdout.split("\n")).toEqual([
      "alice/phone is revoked: it is refused everywhere within 10 seconds (or your REVOCATION_DELAY_SECONDS)",
      `certificate ${short}: revocation at Cloudflare is pending; its slot is already free`,
      "",
    ]);
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect((await send(zone.edge, "/", { as })).status).toBe(404);

    expect((await revoke("phone")).stdout).toBe(
      `alice/phone was revoked already\ncertificate ${short}: revocation at Cloudflare is still pending; its slot is already free\n`,
    );
    zone.cloudflare.settle();
    expect((await revoke("phone")).stdout).toBe(
      `alice/phone was revoked already\ncertificate ${short} is revoked at Cloudflare already\n`,
    );
  });

  it("tells programs both in one object", async () => {
    const { atCloudflare } = await zone.issue("json");
    const { stdout } = await revoke("json", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      device: { name: "json", status: "revoked" },
      cloudflare: [
        {
          id: atCloudflare.id,
          zone: "localhost",
          fingerprint: atCloudflare.fingerprint_sha256,
          status: "pending_revocation",
        },
      ],
    });
  });

  it("finds the certificate in another zone, and behind a hundred others", async () => {
    const { atCloudflare } = await zone.issue("far", "example.com");
    const example = zone.cloudflare.state.zones.find(({ name }) => name === "example.com");
    for (let i = 0; i < 120; i++) {
      example?.certificates.unshift({
        ...atCloudflare,
        id: `other-${i}`,
        certificate: "",
        fingerprint_sha256: "",
      });
    }
    expect((await revoke("far")).code).toBe(0);
    expect(atCloudflare.status).toBe("pending_revocation");
    example?.certificates.splice(0, 120);
  });

  it("says so when Cloudflare does not know the certificate; the registry's word stands", async () => {
    const { atCloudflare } = await zone.issue("elsewhere");
    for (const each of zone.cloudflare.state.zones) {
      each.certificates = each.certificates.filter(({ id }) => id !== atCloudflare.id);
    }
    const { code, stdout, stderr } = await revoke("elsewhere");
    expect(code).toBe(1);
    expect(stdout).toContain("alice/elsewhere is revoked: ");
    expect(stderr).toContain(
      `Cloudflare knows no certificate ${atCloudflare.fingerprint_sha256.slice(0, 8)}`,
    );
    expect(await statusOf("elsewhere")).toBe("revoked");
  });

  it("needs a token before it does anything, and odd words are refused", async () => {
    await zone.issue("kept");
    const { CLOUDFLARE_API_TOKEN: _, ...tokenless } = zone.environment;
    const refused = await runHere(["revoke", "alice/kept", "--at-cloudflare", "--yes"], tokenless);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(await latchkey("revoke", "alice/kept", "--zone", "example.com", "--yes")).toEqual(
      failure(2, "--zone means nothing without --at-cloudflare", "add it, or leave both out"),
    );
    expect(await statusOf("kept")).toBe("active");
  });
});

describe("a fault of Cloudflare's", () => {
  const OUTAGE = ["an outage", { kind: "server-error", status: 503, retryAfterSeconds: 0 }] as const;
  const FORBIDDEN = ["a missing permission", { kind: "no-permission" }] as const;
  // A call that only reads has no change after which it could fail.
  const LATE_OUTAGE = [
    "an outage after the change",
    { kind: "server-error", status: 503, retryAfterSeconds: 0, when: "after-the-change" },
  ] as const;

  describe.each([
    { n: 1, call: "zones", lasting: [OUTAGE, FORBIDDEN] },
    { n: 2, call: "list", lasting: [OUTAGE, FORBIDDEN] },
    { n: 3, call: "revoke", lasting: [OUTAGE, LATE_OUTAGE, FORBIDDEN] },
  ])("at call $n ($call)", ({ n, lasting }) => {
    it.each(lasting)(
      "never hinders the registry (%s), and the next run completes it",
      async (kind, fault) => {
        const name = `r${n}-${kind.replaceAll(" ", "-")}`;
        const { atCloudflare } = await zone.issue(name);
        zone.cloudflare.faults.at(n, fault, 99);
        const first = await revokeHere(name);
        expect(first.stdout).toContain(`alice/${name} is revoked: `);
        expect(first.code).toBe(1);
        expect(first.stderr).toContain(
          "in the registry the device is revoked: it is refused, whatever Cloudflare says",
        );
        expect(await statusOf(name)).toBe("revoked");

        zone.cloudflare.faults.clear();
        expect((await revokeHere(name)).code).toBe(0);
        expect(atCloudflare.status).toBe("pending_revocation");
      },
    );

    it("that passes (a lost answer) is outlived", async () => {
      const { atCloudflare } = await zone.issue(`s${n}`);
      zone.cloudflare.faults.at(n, { kind: "reset", when: "after-the-change" });
      expect((await revokeHere(`s${n}`)).code).toBe(0);
      expect(atCloudflare.status).toBe("pending_revocation");
    });
  });
});

describe("a lost device", () => {
  it("keeps its certificate until it was told to wipe", async () => {
    const { certificate, key, atCloudflare } = await zone.issue("lost");
    expect((await here("lost", "alice/lost", "--yes")).code).toBe(0);

    const refused = await revokeHere("lost");
    expect(refused).toEqual(
      failure(
        1,
        "alice/lost is lost and has not received the wipe yet: once its certificate is refused, it never can",
        "wait until latchkey show alice/lost says that the wipe was delivered, or add --force",
      ),
    );
    expect(await statusOf("lost")).toBe("lost");
    expect(atCloudflare.status).toBe("active");

    expect((await send(zone.edge, "/api/sync", { as: { certificate, key }, host: VAULT })).status).toBe(401);
    await expect
      .poll(async () => (await zone.devices("alice")).find(({ name }) => name === "lost")?.wipe ?? null, {
        timeout: 10_000,
      })
      .not.toBeNull();
    expect((await revokeHere("lost")).code).toBe(0);
    expect(atCloudflare.status).toBe("pending_revocation");
  });

  it("loses it before that only when forced to", async () => {
    const { atCloudflare } = await zone.issue("forced");
    expect((await here("lost", "alice/forced", "--yes")).code).toBe(0);
    expect((await revokeHere("forced", "--force")).code).toBe(0);
    expect(await statusOf("forced")).toBe("revoked");
    expect(atCloudflare.status).toBe("pending_revocation");
  });
});
