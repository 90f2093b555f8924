// Commands that ask before they act: whatever is wrong is said first, and only what would have worked is asked about.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Gate, startGate } from "./gate.ts";
import { failure, hasTerminal, type Run, run, runOnTerminal } from "./run.ts";
import { runHere } from "./run-here.ts";

const folder = mkdtempSync(join(tmpdir(), "latchkey-asks-last-"));
let gate: Gate;
let edgeFolder: string;
/** The first digits of a device's certificates, by its name. */
const digits: Record<string, string> = {};

/** Nobody is there to answer, and `--yes` was not given. */
const latchkey = (...words: string[]): Promise<Run> => runHere(words, { ...gate.environment, ...CLOUDFLARE });
/** Nothing answers there: whoever gets as far has not asked. */
const CLOUDFLARE = { CLOUDFLARE_API_TOKEN: "x".repeat(40), LATCHKEY_CLOUDFLARE_API: "http://127.0.0.1:1" };

async function must(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await latchkey(...words);
  if (code !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
  return stdout;
}

async function enrol(name: string): Promise<void> {
  const { certificate } = await gate.newDevice(name);
  const path = join(folder, `${name}.pem`);
  writeFileSync(path, certificate);
  await must("enrol", "alice", name, "--certificate", path);
  digits[name] = (await must("fingerprint", path)).slice(0, 8);
}

beforeAll(async () => {
  gate = await startGate();
  edgeFolder = join(gate.tokenFile, "..");
  await must("users", "add", "alice");
  for (const name of ["tablet", "phone", "renewed", "gone"]) await enrol(name);
  await must("revoke", "alice/gone", "--yes");
  for (const name of ["phone", "renewed"]) {
    const second = await gate.newDevice(name);
    writeFileSync(join(folder, "second.pem"), second.certificate);
    await must("rotate", `alice/${name}`, "--certificate", join(folder, "second.pem"));
  }
  await must("retire", "alice/renewed", digits.renewed ?? "", "--yes");
  await must("token", "create", "alice", "--for", "read", "--name", "laptop");
  await must("backup", "--out", join(folder, "backup.json"));
  // Something for the backup to bring back.
  await must("note", "alice/tablet", "written after the backup");
});
afterAll(async () => {
  await gate?.stop();
  rmSync(folder, { recursive: true });
});

describe("mistakes are reported before anybody is asked:", () => {
  it.each<[string, () => string[], number, RegExp]>([
    ["approve: no such device", () => ["approve", "alice/x"], 1, /alice has no device named 'x'/],
    ["lost: no such device", () => ["lost", "alice/x"], 1, /alice has no device named 'x'/],
    ["lost: no device", () => ["lost", "tablet"], 2, /'tablet' does not name a device/],
    ["revoke: no such user", () => ["revoke", "bob/x"], 1, /there is no user bob/],
    ["forget: no such device", () => ["forget", "alice/x"], 1, /alice has no device named 'x'/],
    ["forget: one that is not revoked", () => ["forget", "alice/tablet"], 1, /the device is active/],
    [
      "reinstate: one that is revoked",
      () => ["reinstate", "alice/gone"],
      1,
      /the device is revoked, and cannot be reinstated\nhint: revoked is final/,
    ],
    [
      "retire: no such certificate",
      () => ["retire", "alice/phone", "deadbeef"],
      1,
      /no certificate of alice\/phone begins with deadbeef/,
    ],
    ["retire: no fingerprint", () => ["retire", "alice/phone", "first"], 2, /'first' is not a fingerprint/],
    [
      "token revoke: no such token",
      () => ["token", "revoke", "alice/nope"],
      1,
      /there is no token 'alice\/nope'/,
    ],
    ["restore: no such file", () => ["restore", "/nope"], 2, /\/nope/],
    [
      "restore: no such device in it",
      () => ["restore", join(folder, "backup.json"), "--resurrect", "alice/x"],
      2,
      /alice\/x/,
    ],
    [
      "block: no such device",
      () => ["block", "alice/x", "--edge", edgeFolder],
      1,
      /alice has no device named 'x'/,
    ],
    ["block: no such file", () => ["block", "--certificate", "/nope", "--edge", edgeFolder], 2, /\/nope/],
    [
      "unblock: one that is not blocked",
      () => ["unblock", "alice/tablet", "--edge", edgeFolder],
      1,
      /alice\/tablet: not blocked/,
    ],
    [
      "setup: no such profile",
      () => ["setup", "--app", "vault.example.com=vaultwarded"],
      2,
      /'vaultwarded' is neither an app known by name nor a profile/,
    ],
    ["setup: no host", () => ["setup", "--admin-host", "https://x"], 2, /--admin-host/],
    ["setup: no device", () => ["setup", "--device", "pixel"], 2, /--device 'pixel' is not USER\/NAME/],
    ["users remove: no such user", () => ["users", "remove", "bob"], 1, /there is no user bob/],
    [
      "dismiss: no such certificate",
      () => ["dismiss", "deadbeef"],
      1,
      /no unknown certificate begins with deadbeef/,
    ],
    [
      "sessions end: no such session",
      () => ["sessions", "end", "deadbeef"],
      1,
      /the id of no session begins with deadbeef/,
    ],
  ])("%s", async (_, words, code, message) => {
    const result = await latchkey(...words());
    expect(result).toMatchObject({ code, stdout: "", stderr: expect.stringMatching(message) });
    expect(result.stderr).not.toContain("--yes");
  });
});

describe("what would work needs a yes:", () => {
  it.each<[string, () => string[], RegExp]>([
    ["lost", () => ["lost", "alice/tablet"], /^Report alice\/tablet lost\?/],
    [
      "revoke",
      () => ["revoke", "alice/tablet"],
      /^Revoke alice\/tablet for good\? \(active, id [0-9a-f-]{36}\)$/,
    ],
    ["forget", () => ["forget", "alice/gone"], /^Forget the revoked device alice\/gone\?/],
    [
      "retire",
      () => ["retire", "alice/phone", digits.phone ?? ""],
      /^Retire the certificate [0-9a-f]{8} of alice\/phone\?$/,
    ],
    [
      "revoke --at-cloudflare, of a device that is revoked already",
      () => ["revoke", "alice/gone", "--at-cloudflare"],
      /^Revoke alice\/gone for good, here and at Cloudflare\? \(revoked, id [0-9a-f-]{36}\)$/,
    ],
    [
      "retire --at-cloudflare",
      () => ["retire", "alice/phone", digits.phone ?? "", "--at-cloudflare"],
      /^Retire the certificate [0-9a-f]{8} of alice\/phone, and revoke it at Cloudflare for good\?$/,
    ],
    [
      "retire --at-cloudflare, of a certificate that is retired already",
      () => ["retire", "alice/renewed", digits.renewed ?? "", "--at-cloudflare"],
      /^Revoke the certificate [0-9a-f]{8} of alice\/renewed, which is retired already, at Cloudflare for good\?$/,
    ],
    ["token revoke", () => ["token", "revoke", "laptop"], /^Revoke the token alice\/laptop for good\?/],
    ["restore", () => ["restore", join(folder, "backup.json")], /^Restore this into https:/],
    [
      "block",
      () => ["block", "alice/tablet", "--edge", edgeFolder],
      /^Block alice\/tablet \(1 credential\)\?$/,
    ],
    ["sessions end --all", () => ["sessions", "end", "--all"], /^Sign out everybody's browsers\?$/],
  ])("%s", async (_, words, question) => {
    const { code, stderr } = await latchkey(...words());
    const [, asked = ""] =
      /^latchkey: this needs a confirmation, and there is no terminal: (.*)$/m.exec(stderr) ?? [];
    expect(asked).toMatch(question);
    expect(stderr).toContain("\nhint: add --yes to go ahead without being asked\n");
    expect(code).toBe(2);
  });

  it("and nothing was done without", async () => {
    const { devices } = JSON.parse(await must("devices", "--json")) as {
      devices: { name: string; status: string }[];
    };
    expect(devices.map(({ name, status }) => `${name} ${status}`).sort()).toEqual([
      "gone revoked",
      "phone active",
      "renewed active",
      "tablet active",
    ]);
    expect(await must("blocked", "--edge", edgeFolder)).toBe("nothing is blocked\n");
    expect(await must("token")).toContain("alice/laptop");
  });

  it("as a process too", async () => {
    expect(await run(["revoke", "alice/x"], gate.environment)).toEqual(
      failure(1, "alice has no device named 'x'", "list the devices with: latchkey devices alice"),
    );
  });
});

describe.runIf(hasTerminal)("the name of a lost device", () => {
  const lost = (answers: readonly string[]) =>
    runOnTerminal(["lost", "alice/tablet"], gate.environment, {
      answers: answers.map((answer, index) => [
        index === 0
          ? "Type its name, tablet"
          : new RegExp(`'${answers[index - 1]}' is not tablet or alice/tablet[^]*Type its name`),
        `${answer}\r`,
      ]),
    });
  const status = async () => JSON.parse(await must("show", "alice/tablet", "--json")).status;

  it("may be mistyped twice, but not three times", async () => {
    const { code, shown } = await lost(["tablte", "bob/tablet", "nope"]);
    expect(code).toBe(1);
    expect(shown).toContain("'nope' is not tablet or alice/tablet");
    expect(shown).toContain("nothing was done");
    expect(shown).toContain("hint: type tablet or alice/tablet, or add --yes, to go ahead");
    expect(await status()).toBe("active");
  });

  it("may be typed as USER/NAME, in any case, after a mistake", async () => {
    const { code, shown } = await lost(["tablte", "Alice/TABLET"]);
    expect(shown).toContain("alice/tablet is reported lost");
    expect(code).toBe(0);
    expect(await status()).toBe("lost");
    await must("reinstate", "alice/tablet");
  });

  it("is enough by itself", async () => {
    expect((await lost([" Tablet "])).code).toBe(0);
    expect(await status()).toBe("lost");
  });
});
