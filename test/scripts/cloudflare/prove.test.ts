import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Report } from "../../../scripts/cloudflare/prove/report.ts";
import { ALL_PERMISSIONS, emptyZone, type Zone } from "../../../scripts/stand-in/state.ts";
import { type ProvingGround, startProvingGround } from "../../cloudflare/proving-ground.ts";
import { hasTerminal, run, runOnTerminal, startCommand } from "../cli/run.ts";
import { runHere } from "../cli/run-here.ts";

// Everything is real but Cloudflare: the command as a process, TLS handshakes over HTTP/1.1 and HTTP/2, and the Worker
// that the command uploaded, in the real runtime.

let folder: string;
let ground: ProvingGround;
let zone: Zone;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-prove-test-"));
  ground = await startProvingGround();
  writeFileSync(join(folder, "ca.pem"), ground.ca);
});
afterAll(async () => {
  await ground.stop();
  rmSync(folder, { recursive: true });
});

const OWN_RECORD = { id: "d1", name: "vault.example.com", type: "CNAME", content: "tunnel", proxied: true };
const OWN_ROUTE = {
  ...{ id: "r1", pattern: "vault.example.com/*", script: "latchkey", request_limit_fail_open: false },
};

beforeEach(() => {
  const { state, faults, requests } = ground.cloudflare;
  zone = emptyZone("example.com");
  zone.associations = ["vault.example.com"];
  zone.routes = [{ ...OWN_ROUTE }];
  zone.dnsRecords = [{ ...OWN_RECORD }];
  state.zones = [zone];
  state.scripts.clear();
  state.permissions = new Set(ALL_PERMISSIONS);
  requests.length = 0;
  faults.clear();
  ground.quota = Number.POSITIVE_INFINITY;
  ground.maxBodyBytes = 100 * 1024 * 1024;
  ground.slowness = 0;
});

const words = (...more: string[]) => [
  ...["prove", "--ca", join(folder, "ca.pem"), "--connect-to", `127.0.0.1:${ground.port}`, ...more],
];

/** Nothing of a run is left, and the owner's things are as they were. */
function expectUntouched(): void {
  const { state } = ground.cloudflare;
  expect([...state.scripts.keys()]).toEqual([]);
  expect(zone.routes).toEqual([OWN_ROUTE]);
  expect(zone.dnsRecords).toEqual([OWN_RECORD]);
  expect(zone.associations).toEqual(["vault.example.com"]);
  expect(zone.certificates.filter(({ status }) => status === "active")).toEqual([]);
}

const writes = () =>
  ground.cloudflare.requests
    .filter(({ method }) => method !== "GET")
    .map(({ method, path }) => `${method} ${path.replace(/\?.*/, "")}`);

function outcomes({ probes }: Report): Record<string, string> {
  return Object.fromEntries(probes.map(({ id, outcome }) => [id, outcome]));
}

const measured = ({ probes }: Report, id: string) => probes.find((probe) => probe.id === id)?.measurements;

describe("latchkey prove", () => {
  it("tries everything, undoes all of it, and reports without names", async () => {
    const out = join(folder, "report.json");
    // As an edge that takes a while to hear of a revocation.
    ground.slowness = 4;
    const { code, stdout, stderr } = await run(words("--yes", "--out", out), ground.cloudflare.environment);
    expect(code, stderr).toBe(0);
    expectUntouched();
    const text = readFileSync(out, "utf8");
    const report = JSON.parse(text) as Report;
    expect(report).toMatchObject({ complete: true, undone: true, api: "other", dataCentres: 1 });
    const { quota, ...tried } = outcomes(report);
    expect(quota).toBe("skipped");
    expect(Object.keys(tried)).toHaveLength(25);
    expect(Object.entries(tried).filter(([, outcome]) => outcome !== "seen")).toEqual([]);

    const verified = "presented 1, verified SUCCESS, revoked 0";
    const none = "presented 0, verified NONE, revoked 0";
    const revoked = "presented 1, verified SUCCESS, revoked 1";
    expect(measured(report, "worker")).toMatchObject({ tellsTag: true, secretTriggeredBy: "secret" });
    expect(measured(report, "certificate")).toMatchObject({
      idForm: "UUID with hyphens",
      keepsOrganizationAndCommonName: true,
      validHours: 24,
    });
    expect(measured(report, "client-auth")).toMatchObject({
      certFingerprintSHA256: "lower-case hex, 64 digits",
      certRFC9440: "byte sequence of RFC 9440",
      certNotAfter: expect.stringMatching(/^Aaa [ 9]9 99:99:99 9999 AAA$/),
    });
    expect(measured(report, "certificate-authorities")).toMatchObject({
      asksForCertificate: true,
      count: 1,
      namesTheIssuer: true,
    });
    expect(measured(report, "http-2")).toMatchObject({ protocol: "HTTP/2", withCertificate: verified });
    for (const id of ["resumption-1.2", "resumption-1.3"]) {
      expect(measured(report, id)).toMatchObject({
        isResumed: true,
        resumed: verified,
        resumedAddingCertificate: none,
        // A ticket of another name is not taken: a new handshake, with the certificate.
        isResumedFromOtherHost: false,
        resumedFromOtherHost: verified,
      });
    }
    // The handshake was for the zone's own name, which asks for no certificate.
    expect(measured(report, "coalesced-connection")).toEqual({
      strangerOnOtherHost: none,
      deviceOnOtherHost: none,
      strangerOverHttp1: none,
    });
    expect(measured(report, "upload-99-mb")).toMatchObject({ bytesAtTheWorker: 99_000_000 });
    expect(measured(report, "upload-101-mb")).toMatchObject({ answer: "status 413" });
    const revocation = measured(report, "revocation");
    expect(revocation).toMatchObject({
      newConnectionAnswer: revoked,
      resumedSessionAnswer: revoked,
      openConnectionAnswer: revoked,
      secondRevocation: "refused: 400, code 1448",
    });
    // It was tried again after the first answers, which still let it pass.
    expect(revocation?.newConnectionRefusedAfterSeconds).toBeGreaterThan(0.9);

    const { state, environment, requests } = ground.cloudflare;
    const [certificate] = zone.certificates;
    const worker = /latchkey-prove-[0-9a-f]{8}/.exec(stdout)?.[0] ?? "none";
    const key = requests.map(({ body }) => /"KEY","text":"([0-9a-f]{32})"/.exec(body)?.[1]).find(Boolean);
    const names = [
      ...[worker, worker.slice(-8), key, "example.com", "é", zone.id, state.account.id, state.account.name],
      ...[environment.CLOUDFLARE_API_TOKEN, "127.0.0.1", String(ground.port), folder],
      ...[certificate?.id, certificate?.fingerprint_sha256, certificate?.serial_number],
    ];
    for (const name of names) {
      expect(name).toMatch(/./);
      expect(text.toLowerCase()).not.toContain(String(name).toLowerCase());
    }
    expect(text).not.toContain("removed: it held a name");
  }, 90_000);

  it("shows what it would do, and does nothing, with --dry-run", async () => {
    const { code, stdout } = await runHere(words("--dry-run", "--json"), ground.cloudflare.environment);
    expect(code).toBe(0);
    const { makes, tries } = JSON.parse(stdout) as { makes: string[]; tries: { id: string }[] };
    expect(makes).toHaveLength(5);
    expect(tries.map(({ id }) => id)).toContain("revocation");
    expect(tries.map(({ id }) => id)).not.toContain("quota");
    expect(writes()).toEqual([]);
  });

  it("says what differs, and what is answered over the day's limit when that is asked for", async () => {
    ground.quota = 150;
    ground.maxBodyBytes = 1_000_000;
    ground.cloudflare.faults.on(/PUT .*\/routes$/, { kind: "no-permission" });
    const { code, stdout, stderr } = await runHere(
      words("--yes", "--json", "--exhaust-quota", "example.com"),
      ground.cloudflare.environment,
    );
    expect(code, stderr).toBe(0);
    expectUntouched();
    const report = JSON.parse(stdout) as Report;
    expect(outcomes(report)).toMatchObject({ "upload-99-mb": "differs", quota: "seen" });
    expect(measured(report, "deploy-and-failure-mode")).toMatchObject({ publishingRoutes: "permission" });
    expect(measured(report, "quota")).toMatchObject({
      failingClosed: "status 429, error code 1027",
      failingOpen: "status 522, error code 522",
    });
  });
});

it("asks more modestly for a certificate that is refused", async () => {
  // Of somebody who has no room for one more, too: the last refusal is the failure's.
  zone.certificateQuota = 0;
  const { code, stdout } = await runHere(words("--yes", "--json"), ground.cloudflare.environment);
  expect(code).toBe(1);
  const report = JSON.parse(stdout) as Report;
  expect(measured(report, "certificate")).toEqual({ status: 400, code: 1445 });
  expect(writes().filter((each) => /POST .*client_certificates/.test(each))).toHaveLength(3);
  expectUntouched();
});

describe("whatever happens, a run", () => {
  it.each([
    ["PUT /accounts", "garbage", "DELETE /accounts"],
    ["POST /zones/\\w+/workers/routes", "reset", "DELETE /zones/\\w+/workers/routes"],
    ["POST /zones/\\w+/dns_records", "reset", "DELETE /zones/\\w+/dns_records"],
    ["POST /zones/\\w+/client_certificates", "reset", "DELETE /zones/\\w+/client_certificates"],
    ["PUT /zones/\\w+/certificate_authorities", "server-error", "PUT /zones/\\w+/certificate_authorities"],
  ] as const)("undoes all of it when %s is done and not answered (%s)", async (call, kind, undoing) => {
    const retry = kind === "server-error" ? { retryAfterSeconds: 0 } : {};
    // As often as a call that may be repeated is made, so that the removal is answered again.
    ground.cloudflare.faults.on(new RegExp(call), { kind, when: "after-the-change", ...retry }, 4);
    const { code, stdout } = await runHere(
      words("--yes", "--json", "--no-uploads"),
      ground.cloudflare.environment,
    );
    expectUntouched();
    expect(writes().at(-1)).toMatch(/^DELETE .*latchkey-prove-/);
    expect(writes().filter((each) => new RegExp(undoing).test(each))).not.toEqual([]);
    expect(code).toBe(1);
    const report = JSON.parse(stdout) as Report;
    expect(report.undone).toBe(true);
    expect(Object.values(outcomes(report))).toContain("failed");
  });

  it("names the permission that is missing, and goes on where it can", async () => {
    ground.cloudflare.state.permissions.delete("SSL and Certificates Write");
    ground.cloudflare.state.permissions.add("SSL and Certificates Read");
    const { code, stdout } = await runHere(words("--yes", "--json"), ground.cloudflare.environment);
    expect(code).toBe(1);
    const report = JSON.parse(stdout) as Report;
    expect(outcomes(report)).toMatchObject({
      "route-answers": "seen",
      certificate: "failed",
      revocation: "skipped",
    });
    expect(measured(report, "certificate")).toEqual({ permission: "certificates" });
    expectUntouched();
  });

  it("names what could not be undone, and a later one removes it", async () => {
    ground.cloudflare.faults.on(/DELETE .*\/dns_records/, { kind: "server-error", retryAfterSeconds: 0 }, 4);
    const { code, stdout, stderr } = await runHere(
      words("--yes", "--json", "--no-uploads"),
      ground.cloudflare.environment,
    );
    expect(code).toBe(1);
    expect((JSON.parse(stdout) as Report).undone).toBe(false);
    expect(stderr).toMatch(/latchkey: 1 thing could not be undone\n/);
    expect(stderr).toMatch(/NOT undone: the DNS record of latchkey-prove-\w+\.example\.com .* DNS > Records/);
    expect(zone.dnsRecords).toHaveLength(2);
    const later = await runHere(words("--clean", "--yes"), ground.cloudflare.environment);
    expect(later.stdout).toMatch(/An earlier run left:\n {2}the DNS record of latchkey-prove-/);
    expect(later.code).toBe(0);
    expectUntouched();
  });

  it("undoes all of it on Ctrl-C, and reports what it saw until then", async () => {
    const out = join(folder, "interrupted.json");
    const running = startCommand(words("--yes", "--out", out), ground.cloudflare.environment);
    await running.shows("upload 99 MB ...");
    const { code, stderr } = await running.end("SIGINT");
    expect(stderr).toContain("latchkey: interrupted; everything was undone\n");
    expect(code).toBe(1);
    const report = JSON.parse(readFileSync(out, "utf8")) as Report;
    expect(report).toMatchObject({ complete: false, undone: true });
    expect(Object.keys(outcomes(report))).toContain("websocket");
    expect(Object.keys(outcomes(report))).not.toContain("upload-99-mb");
    expectUntouched();
  });

  it("finds what a killed run left on a host of the owner's choice", async () => {
    const running = startCommand(
      words("--yes", "--host", "mine.example.com", "--out", join(folder, "killed.json")),
      ground.cloudflare.environment,
    );
    await running.shows("upload 99 MB ...");
    await running.end("SIGKILL");
    expect(zone.associations).toEqual(["vault.example.com", "mine.example.com"]);
    const before = writes().length;
    const dry = await runHere(words("--dry-run"), ground.cloudflare.environment);
    expect(dry.stdout).toContain("An earlier run left this");
    expect(writes()).toHaveLength(before);
    const asked = await runHere(words("--host", "mine.example.com", "--yes"), ground.cloudflare.environment);
    expect(asked.stderr).toContain("latchkey: mine.example.com is in use already\n");
    const { code, stdout } = await runHere(
      words("--clean", "--yes", "--json"),
      ground.cloudflare.environment,
    );
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as { removed: string[] }).removed).toEqual([
      expect.stringMatching(/^the client certificate of latchkey-prove-\w+$/),
      "the DNS record of mine.example.com",
      "mine.example.com among the hosts that ask for a certificate",
      "the route mine.example.com/*",
      expect.stringMatching(/^the Worker latchkey-prove-\w+$/),
    ]);
    expectUntouched();
    const again = await runHere(words("--clean", "--yes"), ground.cloudflare.environment);
    expect(again.stdout).toBe("an earlier run left nothing\n");
  });
});

describe("before anything is done, prove refuses", () => {
  it.each([
    [[], "with --json the plan is not shown, so there is nothing to agree to"],
    [["--clean"], "with --json the plan is not shown, so there is nothing to agree to"],
    [["--yes", "--host", "Not A Host"], "'Not A Host' is not a hostname"],
    [["--yes", "--connect-to", "nowhere"], "--connect-to 'nowhere' is not HOST:PORT"],
    [["--yes", "--host", "a.b.example.com"], "a.b.example.com is not directly below example.com"],
    [["--yes", "--host", "example.com"], "example.com is not directly below example.com"],
    [["--yes", "--host", "vault.example.com"], "vault.example.com is in use already"],
    [["--yes", "--exhaust-quota", "yes"], "--exhaust-quota 'yes' is not the zone's name"],
    [["--yes", "--host", "asks.example.com"], "asks.example.com is in use already"],
    [["--yes", "--host", "routed.example.com"], "routed.example.com is in use already"],
    [["--yes", "--host", "wild.example.com"], "wild.example.com is in use already"],
    [
      ["--yes", "--zone", "other.example"],
      "there is no zone other.example among those that the API token sees",
    ],
  ])("%j", async (more, cause) => {
    const host = String(more.at(-1));
    if (host.startsWith("asks.")) zone.associations.push(host);
    if (host.startsWith("routed."))
      zone.routes.push({ id: "r2", pattern: "*.example.com/*", script: "other" });
    if (host.startsWith("wild.")) zone.dnsRecords.push({ ...OWN_RECORD, id: "d2", name: "*.example.com" });
    const before = structuredClone([zone.associations, zone.routes, zone.dnsRecords]);
    const { stdout, stderr } = await runHere(words("--json", ...more), ground.cloudflare.environment);
    expect([zone.associations, zone.routes, zone.dnsRecords]).toEqual(before);
    expect(stderr.split("\n").find((line) => line.startsWith("latchkey: "))).toBe(`latchkey: ${cause}`);
    expect(stdout).toBe("");
    expect(writes()).toEqual([]);
  });

  it("without a yes, where nobody is there", async () => {
    const { code, stderr } = await runHere(words(), ground.cloudflare.environment);
    expect(stderr).toContain("Try it in example.com?\n");
    expect(code).toBe(2);
    expect(writes()).toEqual([]);
  });

  it("to overwrite a report", async () => {
    const out = join(folder, "there.json");
    writeFileSync(out, "mine");
    const { code, stderr } = await runHere(words("--yes", "--out", out), ground.cloudflare.environment);
    expect([code, stderr]).toEqual([
      2,
      `latchkey: ${out} exists already, and is never overwritten\nhint: name another file with --out\n`,
    ]);
    expect(readFileSync(out, "utf8")).toBe("mine");
    expect(ground.cloudflare.requests).toEqual([]);
  });

  it.skipIf(!hasTerminal)("when the answer is no, and says first what it would make", async () => {
    const { code, shown } = await runOnTerminal(words(), ground.cloudflare.environment, {
      answers: [["Try it in example.com?", "n"]],
    });
    expect(code).toBe(1);
    expect(shown).toContain("the route latchkey-prove-");
    expect(shown).toContain("latchkey: nothing was done");
    expect(writes()).toEqual([]);
  });

  it("to choose among several zones", async () => {
    ground.cloudflare.state.zones = [zone, emptyZone("example.org")];
    const { code, stderr } = await runHere(words("--yes"), ground.cloudflare.environment);
    expect([code, stderr]).toEqual([
      1,
      "latchkey: the API token sees 2 zones\nhint: name the one to try it in: --zone example.com\n  example.com\n  example.org\n",
    ]);
  });
});
