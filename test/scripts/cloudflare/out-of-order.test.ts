// Taking a device away while the registry does not answer or refuses to write: revoke --at-cloudflare, block,
// unblock and blocked, against the stand-in for Cloudflare and the real local edge behind a relay that fails.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createKeyAndRequest } from "../../../scripts/certificates/request.ts";
import { startEdge } from "../../../scripts/edge/edge.ts";
import { signRequest } from "../../../scripts/stand-in/authority.ts";
import type { Script } from "../../../scripts/stand-in/state.ts";
import { type Relay, type RelayFault, startRelay } from "../../cloudflare/relay.ts";
import { type LocalZone, startLocalZone } from "../../cloudflare/zone.ts";
import { failure } from "../cli/run.ts";
import { runHere } from "../cli/run-here.ts";
import { send } from "../edge/client.ts";

const BLOCKED = "GET /.latchkey/api/v1/blocked";

let zone: LocalZone;
let relay: Relay;
let environment: Record<string, string>;
let worker: Script;

beforeAll(async () => {
  const APPS = { "app.localhost": {}, "vault.localhost": { profile: "bitwarden" }, localhost: {} };
  zone = await startLocalZone({ APPS, REVOCATION_DELAY_SECONDS: 0 });
  relay = await startRelay(zone.edge, zone.edge.apiHost);
  // A host of the stand-in's zone, as the gate's is.
  environment = { ...zone.environment, LATCHKEY_URL: relay.url.replace("127.0.0.1", "localhost") };
  worker = {
    id: "latchkey",
    secrets: new Map(),
    subdomain: { enabled: false, previews_enabled: false },
    settings: {},
    modified_on: "",
  };
  zone.cloudflare.state.scripts.set("latchkey", worker);
  relay.answer(BLOCKED, () => ({ blocked: blocked() }));
});
afterEach(() => {
  relay.heal();
  zone.cloudflare.faults.clear();
  worker.secrets.clear();
  for (const each of zone.cloudflare.state.zones) each.certificates = [];
});
afterAll(async () => {
  await relay?.stop();
  await zone?.stop();
});

/** What the Worker would read out of its secret. */
const blocked = () => worker.secrets.get("BLOCKED")?.split(",") ?? [];
const here = (...words: string[]) => runHere([...words, "--yes"], environment);
const statusOf = async (name: string) =>
  (await zone.devices("alice")).find((device) => device.name === name)?.status;
const file = (name: string, text: string) => {
  const path = join(zone.folder(), name);
  writeFileSync(path, text);
  return path;
};

/** What the API, the network or Cloudflare may do instead of answering; the calls that still work are the others. */
const FAULTS: RelayFault[] = [
  "registry-unavailable",
  "unavailable",
  "lose-request",
  "over-the-limit",
  "hang",
];

describe("revoke --at-cloudflare, while the registry", () => {
  it.each(FAULTS)("refuses to write (%s), goes on to Cloudflare and says both", async (fault) => {
    const name = `write-${fault}`;
    const { atCloudflare } = await zone.issue(name);
    relay.fail("/revoke", fault, 9);
    const first = await here("revoke", `alice/${name}`, "--at-cloudflare", "--timeout", "2");
    expect(first.code).toBe(3);
    expect(first.stdout).toMatch(
      /^certificate \w{8}: revocation at Cloudflare is pending; its slot is already free\n$/,
    );
    expect(first.stderr).toContain(`alice/${name} is revoked at Cloudflare, but not in the registry: `);
    expect(first.stderr).toContain("hint: once the registry answers, run the same command again\n");
    expect(first.stderr).toContain(`to shut it out within seconds: latchkey block alice/${name}`);
    expect(atCloudflare.status).toBe("pending_revocation");
    expect(await statusOf(name)).toBe("active");

    relay.heal();
    expect((await here("revoke", `alice/${name}`, "--at-cloudflare")).code).toBe(0);
    expect(await statusOf(name)).toBe("revoked");
  });

  it.each(FAULTS)("cannot even be read (%s), finds the certificates by their names", async (fault) => {
    const name = `read-${fault}`;
    const first = await zone.issue(name);
    const second = await zone.issue(`other-${fault}`);
    relay.fail("/.latchkey/", fault, 99);
    const { code, stdout, stderr } = await here(
      "revoke",
      `alice/${name}`,
      "--at-cloudflare",
      "--timeout",
      "2",
    );
    expect(code).toBe(3);
    expect(stderr).toContain(`${first.atCloudflare.fingerprint_sha256}  alice ${name}, issued `);
    expect(stdout).toContain("revocation at Cloudflare is pending");
    expect(first.atCloudflare.status).toBe("pending_revocation");
    expect(second.atCloudflare.status).toBe("active");
  });

  it("cannot be read, revokes both certificates of a device that is being renewed", async () => {
    const [old, next] = [await zone.issue("renewed"), await zone.issue("renewed-too")];
    const home = zone.cloudflare.state.zones.find(({ name }) => name === "localhost");
    const { csr } = await createKeyAndRequest("alice renewed", "ecdsa-p256");
    const newer = await signRequest(zone.cloudflare.authority, csr, 30, new Date());
    home?.certificates.unshift(newer);
    relay.fail("/.latchkey/", "registry-unavailable", 99);
    const { code, stderr } = await here("revoke", "alice/renewed", "--at-cloudflare");
    expect(code).toBe(3);
    expect(stderr).toContain(newer.fingerprint_sha256);
    expect([old.atCloudflare.status, newer.status]).toEqual(["pending_revocation", "pending_revocation"]);
    expect(next.atCloudflare.status).toBe("active");
  });

  it("is not there at all, prints one object for programs", async () => {
    const { atCloudflare } = await zone.issue("json-only");
    const nowhere = { ...environment, LATCHKEY_URL: "http://localhost:1" };
    const { code, stdout } = await runHere(
      ["revoke", "alice/json-only", "--at-cloudflare", "--yes", "--json"],
      nowhere,
    );
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toEqual({
      device: null,
      registry: { revoked: false, reason: "nothing listens at http://localhost:1" },
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

  it("says no, does not go on", async () => {
    const { atCloudflare } = await zone.issue("denied");
    const wrong = { ...environment, LATCHKEY_TOKEN_FILE: file("token", "x".repeat(40)) };
    const { code, stderr } = await runHere(["revoke", "alice/denied", "--at-cloudflare", "--yes"], wrong);
    expect(code).toBe(1);
    expect(stderr).not.toContain("going on");
    expect(atCloudflare.status).toBe("active");
  });

  it("cannot be read, takes a fingerprint, a file or a backup instead of a name", async () => {
    const [byFingerprint, byFile, byBackup] = [
      await zone.issue("by-fingerprint"),
      await zone.issue("by-file"),
      await zone.issue("by-backup"),
    ];
    const backup = join(zone.folder(), "backup.json");
    expect((await here("backup", "--out", backup)).code).toBe(0);
    relay.fail("/.latchkey/", "registry-unavailable", 99);
    const revoke = (name: string, ...words: string[]) =>
      here("revoke", `alice/${name}`, "--at-cloudflare", ...words);
    const { fingerprint_sha256 } = byFingerprint.atCloudflare;
    expect((await revoke("renamed", "--fingerprint", fingerprint_sha256)).code).toBe(3);
    expect((await revoke("renamed", "--certificate", file("d.pem", byFile.certificate))).code).toBe(3);
    expect((await revoke("by-backup", "--backup", backup)).code).toBe(3);
    for (const { atCloudflare } of [byFingerprint, byFile, byBackup]) {
      expect(atCloudflare.status).toBe("pending_revocation");
    }
  });

  it("cannot be read, guesses no name: the candidates are listed", async () => {
    const { atCloudflare } = await zone.issue("pixel-9");
    relay.fail("/.latchkey/", "registry-unavailable", 99);
    const { code, stdout, stderr } = await here("revoke", "alice/pixel", "--at-cloudflare");
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain("Cloudflare has no certificate with the name 'alice pixel'");
    expect(stderr).toContain(`  ${atCloudflare.fingerprint_sha256}  alice pixel-9, issued`);
    expect(atCloudflare.status).toBe("active");
  });

  it("cannot be read, refuses a name that is cut off in certificates", async () => {
    const long = "a-name-that-is-so-long-that-no-certificate-can-hold-it-to-its-e";
    const { atCloudflare } = await zone.issue(`${long}1`.slice(0, 64));
    // What Cloudflare signed for it, and for others whose names begin alike.
    relay.fail("/.latchkey/", "registry-unavailable", 99);
    const { code, stderr } = await here("revoke", `alice/${long}1`.slice(0, 70), "--at-cloudflare");
    expect(code).toBe(1);
    expect(stderr).toContain("is cut off in certificates");
    expect(atCloudflare.status).toBe("active");
  });

  it("and Cloudflare fail both, names what is left", async () => {
    await zone.issue("both");
    relay.fail("/revoke", "registry-unavailable", 9);
    zone.cloudflare.faults.at(1, { kind: "server-error", status: 503, retryAfterSeconds: 0 }, 99);
    const { code, stderr } = await here("revoke", "alice/both", "--at-cloudflare");
    expect(code).toBe(1);
    expect(stderr).toContain(
      "the registry was not changed, as far as is known: the registry does not answer",
    );
    expect(stderr).toContain("to shut it out without either: latchkey block alice/both");
  });

  it("cannot be read, takes the command again, and the block that it names, after the certificate was revoked", async () => {
    const { atCloudflare } = await zone.issue("twice");
    relay.fail("/.latchkey/api/v1/users", "registry-unavailable", 99);
    const revoke = () => here("revoke", "alice/twice", "--at-cloudflare");
    expect((await revoke()).stdout).toContain(
      "revocation at Cloudflare is pending; its slot is already free",
    );
    expect(await revoke()).toMatchObject({
      code: 3,
      stdout: expect.stringContaining("revocation at Cloudflare is still pending"),
    });
    expect((await here("block", "alice/twice")).code).toBe(0);
    expect(blocked()).toEqual([atCloudflare.fingerprint_sha256]);
    zone.cloudflare.settle();
    expect(await revoke()).toMatchObject({
      code: 3,
      stdout: expect.stringContaining("is revoked at Cloudflare already"),
    });
    expect((await here("unblock", "alice/twice")).code).toBe(0);
    expect(worker.secrets.has("BLOCKED")).toBe(false);
  });

  it("cannot be read, revokes each certificate that it can, and says which, though one fails", async () => {
    const [old, stuck] = [await zone.issue("half"), await zone.issue("stuck")];
    const home = zone.cloudflare.state.zones.find(({ name }) => name === "localhost");
    const { csr } = await createKeyAndRequest("alice half", "ecdsa-p256");
    const newer = await signRequest(zone.cloudflare.authority, csr, 30, new Date());
    home?.certificates.unshift(newer);
    relay.fail("/.latchkey/", "registry-unavailable", 99);
    const fault = { kind: "server-error", status: 503, retryAfterSeconds: 0 } as const;
    zone.cloudflare.faults.on(new RegExp(`(DELETE|GET) .*${newer.id}`), fault, 99);
    const { code, stderr } = await here("revoke", "alice/half", "--at-cloudflare");
    expect(code).toBe(1);
    expect([newer.status, old.atCloudflare.status]).toEqual(["active", "pending_revocation"]);
    expect(stderr).toContain(
      `certificate ${old.atCloudflare.fingerprint_sha256.slice(0, 8)}: revocation at Cloudflare is pending`,
    );
    expect(stderr).toContain(`certificate ${newer.fingerprint_sha256.slice(0, 8)} may pass still: `);
    expect(stuck.atCloudflare.status).toBe("active");
  });

  it("cannot be read, does without a zone that the token may not read", async () => {
    const { atCloudflare } = await zone.issue("other-zone", "example.com");
    const home = zone.cloudflare.state.zones.find(({ name }) => name === "localhost");
    relay.fail("/.latchkey/", "registry-unavailable", 99);
    zone.cloudflare.faults.on(`GET /zones/${home?.id}/client_certificates`, { kind: "no-permission" }, 99);
    const { code, stderr } = await here("revoke", "alice/other-zone", "--at-cloudflare");
    expect(stderr).toContain("  the certificates of the zone localhost are not known: the API token may not");
    expect(code).toBe(3);
    expect(atCloudflare.status).toBe("pending_revocation");
  });

  it("refuses to write to a device that is revoked already, asks before it goes on to Cloudflare", async () => {
    const { atCloudflare } = await zone.issue("asked");
    expect((await here("revoke", "alice/asked")).code).toBe(0);
    relay.fail("/revoke", "registry-unavailable", 9);
    const { code, stderr } = await runHere(["revoke", "alice/asked", "--at-cloudflare"], environment);
    expect(stderr).toContain("Revoke alice/asked for good, here and at Cloudflare? (revoked, ");
    expect(code).toBe(2);
    expect(atCloudflare.status).toBe("active");
  });

  it("still guards the certificate of a lost device that has not received the wipe", async () => {
    const { atCloudflare } = await zone.issue("lost-one");
    expect((await here("lost", "alice/lost-one")).code).toBe(0);
    const backup = join(zone.folder(), "backup.json");
    expect((await here("backup", "--out", backup)).code).toBe(0);
    relay.fail("/.latchkey/", "registry-unavailable", 99);
    const words = ["revoke", "alice/lost-one", "--at-cloudflare", "--backup", backup];
    const refused = await here(...words);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("alice/lost-one is lost and has not received the wipe yet");
    expect(atCloudflare.status).toBe("active");
    expect((await here(...words, "--force")).code).toBe(3);
    expect(atCloudflare.status).toBe("pending_revocation");
  });
});

it("a plain revoke that the registry did not take names the two ways out, to be copied", async () => {
  await zone.issue("my phone");
  relay.fail("/revoke", "registry-unavailable", 9);
  expect(await here("revoke", "alice/my phone")).toMatchObject({
    code: 1,
    stderr: [
      "latchkey: the registry does not answer",
      "hint: try again in a minute; nothing is lost, and repeating does no harm; or shut it out without the registry:",
      "  latchkey revoke 'alice/my phone' --at-cloudflare",
      "  latchkey block 'alice/my phone'",
      "",
    ].join("\n"),
  });
});

it("so does suspend: block can be undone as well", async () => {
  await zone.issue("tablet");
  relay.fail("/suspend", "registry-unavailable", 9);
  expect((await here("suspend", "alice/tablet")).stderr).toMatch(/\n {2}latchkey block alice\/tablet\n$/);
});

it("so do lost and retire", async () => {
  const { atCloudflare } = await zone.issue("camera");
  relay.fail("/lost", "registry-unavailable", 9);
  relay.fail("/credentials/", "registry-unavailable", 9);
  expect((await here("lost", "alice/camera")).stderr).toMatch(/\n {2}latchkey block alice\/camera\n$/);
  const { fingerprint_sha256 } = atCloudflare;
  const { stderr } = await here("retire", "alice/camera", fingerprint_sha256);
  expect(stderr).toContain(`\n  latchkey block ${fingerprint_sha256}\n`);
});

describe("block", () => {
  it("waits once for a gate that hangs: it asks for the list meanwhile", async () => {
    await zone.issue("hanging");
    relay.fail("/.latchkey/", "hang", 2);
    const before = relay.requests.length;
    let isDone = false;
    const blocking = here("block", "alice/hanging", "--replace", "--timeout", "4").finally(() => {
      isDone = true;
    });
    const asked = () => relay.requests.slice(before).map(({ call }) => call.split("?")[0]);
    await expect.poll(asked, { timeout: 3_900 }).toContain(BLOCKED);
    expect(asked()).toHaveLength(2);
    expect(isDone).toBe(false);
    expect((await blocking).code).toBe(0);
  });

  it("puts every certificate of the device into the Worker's secret, waits for the gate, and may be repeated", async () => {
    const { atCloudflare } = await zone.issue("braked");
    const fingerprint = atCloudflare.fingerprint_sha256;
    const first = await here("block", "alice/braked");
    expect(first.stdout.split("\n")).toEqual([
      "alice/braked: blocked (1 of at most 75 credentials)",
      `the gate at ${environment.LATCHKEY_URL} uses it; other Cloudflare locations follow within seconds`,
      "revoke it in the registry as soon as it answers, then: latchkey unblock alice/braked",
      "",
    ]);
    expect(first.stderr).toContain(`${fingerprint}  O=Latchkey, CN=alice braked`);
    expect(first.code).toBe(0);
    expect(worker.secrets.get("BLOCKED")).toBe(fingerprint);
    expect(await here("block", "alice/braked")).toEqual({
      code: 0,
      stdout: "alice/braked: already blocked\n",
      stderr: "",
    });
    const listed = await here("blocked", "--json");
    expect(JSON.parse(listed.stdout)).toEqual({
      blocked: [{ fingerprint, device: "alice/braked", status: "active" }],
    });
    expect((await here("blocked")).stdout).toContain(`${fingerprint}  alice/braked  active`);
  });

  it.each(FAULTS)("works with every call of the registry failing (%s)", async (fault) => {
    const { atCloudflare } = await zone.issue(`failing-${fault}`);
    relay.fail("/.latchkey/api/v1/users", fault, 99);
    const { code, stderr } = await here("block", `alice/failing-${fault}`, "--timeout", "2");
    expect(stderr).toContain(`looking for alice/failing-${fault} among the certificates at Cloudflare`);
    expect(code).toBe(0);
    expect(blocked()).toEqual([atCloudflare.fingerprint_sha256]);
  });

  it("keeps what was blocked before, whoever it was, and takes fingerprints and files too", async () => {
    const one = await zone.issue("one");
    const other = "0".repeat(64);
    worker.secrets.set("BLOCKED", other);
    const { code } = await here("block", "f".repeat(64), "--certificate", file("one.pem", one.certificate));
    expect(code).toBe(0);
    expect(blocked()).toEqual([other, one.atCloudflare.fingerprint_sha256, "f".repeat(64)].sort());
  });

  it("refuses when the gate does not tell the list, unless it is to be exactly this", async () => {
    const { atCloudflare } = await zone.issue("blind");
    worker.secrets.set("BLOCKED", "0".repeat(64));
    relay.fail(BLOCKED, "unavailable", 1);
    const refused = await here("block", "alice/blind");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("the list in force cannot be read: ");
    expect(refused.stderr).toContain("add --replace");
    expect(blocked()).toEqual(["0".repeat(64)]);
    relay.fail(BLOCKED, "unavailable", 1);
    expect((await here("block", "alice/blind", "--replace")).code).toBe(0);
    expect(blocked()).toEqual([atCloudflare.fingerprint_sha256]);
  });

  it("recognises a Worker that does not know the list, and changes nothing there", async () => {
    await zone.issue("old");
    relay.fail(BLOCKED, "unknown-operation", 9);
    for (const more of [[], ["--replace"]]) {
      const { code, stderr } = await here("block", "alice/old", ...more);
      expect(code).toBe(1);
      expect(stderr).toContain("does not know BLOCKED: it was deployed before there was such a list");
      expect(stderr).toContain("hint: deploy this version first: latchkey deploy");
    }
    expect(worker.secrets.size).toBe(0);
  });

  it("has room for 75, and says how to make more", async () => {
    await zone.issue("one-more");
    const full = Array.from({ length: 75 }, (_, n) => n.toString(16).padStart(64, "0"));
    worker.secrets.set("BLOCKED", full.join());
    expect(full.join().length).toBeLessThanOrEqual(5 * 1024);
    const { code, stderr } = await here("block", "alice/one-more");
    expect(code).toBe(1);
    expect(stderr).toContain("that would make 76 blocked credentials, but the Worker's secret holds only 75");
    expect(stderr).toContain("latchkey unblock");
    expect(blocked()).toEqual(full);
  });

  it("shows with --dry-run what it would do, and does nothing", async () => {
    const { atCloudflare } = await zone.issue("dry");
    const { CLOUDFLARE_API_TOKEN: _, ...tokenless } = environment;
    const { code, stdout, stderr } = await runHere(["block", "alice/dry", "--dry-run"], tokenless);
    expect(code).toBe(0);
    expect(stdout).toBe("would block alice/dry: 1 credential on the list then; nothing was changed\n");
    expect(stderr).toContain(atCloudflare.fingerprint_sha256);
    expect(worker.secrets.size).toBe(0);
  });

  it("keeps a lost device that has not received the wipe, unless forced", async () => {
    await zone.issue("lost-two");
    expect((await here("lost", "alice/lost-two")).code).toBe(0);
    expect((await here("block", "alice/lost-two")).stderr).toContain("has not received the wipe yet");
    expect(worker.secrets.size).toBe(0);
    expect((await here("block", "alice/lost-two", "--force")).code).toBe(0);
    expect(blocked()).toHaveLength(1);
  });

  it("names the permission that is missing, and the fault of Cloudflare's", async () => {
    await zone.issue("unpermitted");
    zone.cloudflare.faults.on("/secrets", { kind: "no-permission" });
    const { code, stderr } = await here("block", "alice/unpermitted");
    expect(code).toBe(1);
    expect(stderr).toContain("Account > Workers Scripts > Edit");
    zone.cloudflare.faults.on("/secrets", { kind: "server-error", status: 503, retryAfterSeconds: 0 }, 2);
    expect((await here("block", "alice/unpermitted")).code).toBe(0);
  });

  it("names the option for the local edge, whose list is not at Cloudflare", async () => {
    await zone.issue("at-home");
    const cause = `${environment.LATCHKEY_URL} is a local edge, whose list is in its state folder and not at Cloudflare`;
    const hint = "name the edge's state folder, such as latchkey block DEVICE --edge .latchkey";
    const { LATCHKEY_CLOUDFLARE_API: _, CLOUDFLARE_API_TOKEN: __, ...plain } = environment;
    expect(await runHere(["block", "alice/at-home", "--yes"], plain)).toEqual(failure(2, cause, hint));
    // Beside the stand-in of npm start, which has no Worker.
    zone.cloudflare.state.scripts.delete("latchkey");
    const { code, stderr } = await here("block", "alice/at-home");
    zone.cloudflare.state.scripts.set("latchkey", worker);
    expect(stderr).toContain(`latchkey: ${cause}\nhint: ${hint}\n`);
    expect(code).toBe(2);
  });

  it("refuses what names nothing, and part of a fingerprint", async () => {
    const before = zone.cloudflare.requests.length;
    expect((await here("block")).stderr).toContain("nothing to block was named");
    expect((await here("block", "9f86d081")).stderr).toContain("is only part of a fingerprint");
    expect((await here("block", "alice/nobody")).stderr).toContain("alice has no device named 'nobody'");
    expect((await runHere(["block", "alice/x"], environment)).stderr).toContain(
      "alice has no device named 'x'",
    );
    expect((await runHere(["block", "0".repeat(64)], environment)).stderr).toContain("add --yes");
    expect(zone.cloudflare.requests.length).toBe(before);
  });
});

describe("unblock", () => {
  it("takes a device out, and removes the secret with the last one", async () => {
    const { atCloudflare } = await zone.issue("again");
    worker.secrets.set("BLOCKED", `${"0".repeat(64)},${atCloudflare.fingerprint_sha256}`);
    const { code, stdout } = await here("unblock", "alice/again");
    expect(code).toBe(0);
    expect(stdout).toContain(
      "alice/again: no longer blocked; alice/again is active in the registry, and is let in again\n",
    );
    expect(blocked()).toEqual(["0".repeat(64)]);
    expect((await here("unblock", "alice/again")).stderr).toContain("alice/again: not blocked");
    expect((await here("unblock", "0".repeat(64))).code).toBe(0);
    expect(worker.secrets.has("BLOCKED")).toBe(false);
    expect((await here("blocked")).stdout).toBe("nothing is blocked\n");
  });
});

describe("with --edge, on the local edge's state folder", () => {
  const state = () => zone.edge.paths.folder;
  const path = () => join(state(), "blocked.txt");

  it("block, blocked and unblock work on blocked.txt, keep its comments, and ask Cloudflare for nothing", async () => {
    const { atCloudflare } = await zone.issue("local");
    const before = zone.cloudflare.requests.length;
    const edge = (...words: string[]) => here(...words, "--edge", state());
    expect((await edge("block", "alice/local")).code).toBe(0);
    expect(
      readFileSync(path(), "utf8")
        .split("\n")
        .filter((line) => !line.startsWith("#")),
    ).toEqual([atCloudflare.fingerprint_sha256, ""]);
    writeFileSync(path(), `${readFileSync(path(), "utf8")}${"F".repeat(64)} # the old tablet\n`);
    expect(JSON.parse((await edge("blocked", "--json")).stdout).blocked).toHaveLength(2);
    expect((await edge("unblock", "alice/local")).code).toBe(0);
    expect(readFileSync(path(), "utf8")).toMatch(/^#[\s\S]*\nF{64} # the old tablet\n$/);
    expect(readdirSync(state()).filter((name) => name.includes("unfinished"))).toEqual([]);
    expect(zone.cloudflare.requests.length).toBe(before);
  });

  it("refuses a line that is none, and a folder that is none", async () => {
    writeFileSync(path(), "3a1b09fe\n");
    const { code, stderr } = await here("blocked", "--edge", state());
    expect(code).toBe(1);
    expect(stderr).toContain("blocked.txt, line 1: '3a1b09fe' is not a fingerprint");
    expect((await here("blocked", "--edge", zone.folder())).stderr).toContain(
      "is not the state folder of a local edge",
    );
    writeFileSync(path(), "");
  });
});

// Last: the edge of this file is not the same afterwards.
describe("with a database that refuses every write", () => {
  it("a device passes and cannot be revoked in the registry, and revoke --at-cloudflare shuts it out all the same", async () => {
    const { certificate, key, atCloudflare } = await zone.issue("stolen");
    const { folder } = zone.edge.paths;
    await zone.edge.stop();
    refuseWrites(zone.edge.paths.registry);
    const edge = await startEdge({ port: 0, stateDir: folder, vars: { REVOCATION_DELAY_SECONDS: 0 } });
    try {
      const real = { ...environment, LATCHKEY_URL: edge.url("localhost") };
      expect((await send(edge, "/", { as: { certificate, key } })).status).toBe(200);
      const plain = await runHere(["revoke", "alice/stolen", "--yes"], real);
      expect(plain.code).toBe(1);
      expect(plain.stderr).toContain("latchkey block alice/stolen");
      const { code } = await runHere(["revoke", "alice/stolen", "--at-cloudflare", "--yes"], real);
      expect(code).toBe(3);
      expect(atCloudflare.status).toBe("pending_revocation");
    } finally {
      await edge.stop();
    }
  });
});

/** As over the day's limit of rows written: each one raises. */
function refuseWrites(folder: string): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".sqlite")) continue;
    const database = new DatabaseSync(join(folder, name));
    const tables = database
      .prepare(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
      )
      .all();
    for (const { name: table } of tables) {
      for (const act of ["INSERT", "UPDATE", "DELETE"]) {
        database.exec(
          `CREATE TRIGGER "refuse_${act}_${table}" BEFORE ${act} ON "${table}" BEGIN SELECT RAISE(ABORT, 'over the limit'); END`,
        );
      }
    }
    database.close();
  }
}
