// latchkey status: the gate on one screen, against the stand-in for Cloudflare and the real local edge.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type Credential, issueDeviceCertificate } from "../../../scripts/certificates/authority.ts";
import { VERSION } from "../../../src/contract/version.ts";
import { type Relay, startRelay } from "../../cloudflare/relay.ts";
import { type LocalZone, startLocalZone } from "../../cloudflare/zone.ts";
import { run } from "../cli/run.ts";
import { runHere } from "../cli/run-here.ts";
import { send } from "../edge/client.ts";

let zone: LocalZone;
let relay: Relay;
/** Through the relay, which can fail. */
let environment: Record<string, string>;

beforeAll(async () => {
  const APPS = { "app.localhost": {}, "vault.localhost": { profile: "bitwarden" } };
  zone = await startLocalZone({ APPS, REVOCATION_DELAY_SECONDS: 0 });
  relay = await startRelay(zone.edge, zone.edge.apiHost);
  environment = { ...zone.environment, LATCHKEY_URL: relay.url.replace("127.0.0.1", "localhost") };
});
afterEach(() => relay.heal());
afterAll(async () => {
  await relay?.stop();
  await zone?.stop();
});

function newDevice(name: string, notAfter = days(3650)): Promise<Credential> {
  return issueDeviceCertificate(zone.cloudflare.authority, name, { notBefore: days(-30), notAfter });
}
const days = (count: number) => new Date(Date.now() + count * 24 * 3600_000);

const status = (...words: string[]) => runHere(["status", ...words], environment);
const fact = (stdout: string, label: string) => new RegExp(`^${label} +(.*)$`, "m").exec(stdout)?.[1];

function useToday(workerRequests: number, objectRequests: number): void {
  zone.cloudflare.state.analytics = {
    viewer: {
      accounts: [
        {
          workersInvocationsAdaptive: [{ sum: { requests: workerRequests } }],
          durableObjectsInvocationsAdaptiveGroups: [{ sum: { requests: objectRequests } }],
        },
      ],
    },
  };
}

it("shows an empty gate, and today's use if there is a token for Cloudflare", async () => {
  useToday(1234, 56);
  const { code, stdout, stderr } = await status();
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toBe(`gate      ${environment.LATCHKEY_URL} answers
version   ${VERSION} (API 1)
you       admin, may do everything
devices   none yet: latchkey issue or enrol lets one in
waiting   nothing
expiring  nothing soon
blocked   nothing
today     1 % of the free plan: 1234 Worker and 56 object requests
`);
  const { CLOUDFLARE_API_TOKEN: _, ...without } = environment;
  const { code: other, stdout: text } = await runHere(["status"], without);
  expect(fact(text, "today")).toBe(
    "not known: set CLOUDFLARE_API_TOKEN, or see Workers & Pages in the dashboard",
  );
  expect(other).toBe(0);
});

it("shows who waits, what expires, what is lost and what is blocked, also to programs", async () => {
  const enrol = async (name: string, notAfter: Date) => {
    const { certificate } = await newDevice(name, notAfter);
    const path = join(zone.folder(), "device.pem");
    writeFileSync(path, certificate);
    expect((await runHere(["enrol", "alice", name, "--certificate", path], environment)).code).toBe(0);
  };
  await enrol("pixel-9", days(3650));
  await enrol("tablet", days(5.1));
  await enrol("laptop", days(9.1));
  await enrol("phone", days(3650));
  await runHere(["lost", "alice/phone", "--yes"], environment);
  const stranger = await newDevice("stranger");
  await send(zone.edge, "/", { as: stranger });
  await expect
    .poll(async () => fact((await status()).stdout, "waiting"))
    .toMatch(/^1 unknown certificate \([0-9a-f]{8}\)$/);

  const { code, stdout } = await status();
  expect(code).toBe(0);
  expect(fact(stdout, "devices")).toBe("3 active, 1 lost");
  expect(fact(stdout, "expiring")).toBe("alice/tablet in 5d, alice/laptop in 9d");
  expect(fact(stdout, "lost")).toBe("wipe not delivered: alice/phone");

  const json = JSON.parse((await status("--json")).stdout);
  expect(json).toMatchObject({
    gate: { url: environment.LATCHKEY_URL, answers: true },
    me: { actor: "admin", scope: "root", user: null },
    registry: {
      devices: { pending: 0, active: 3, suspended: 0, lost: 1, revoked: 0 },
      waiting: { devices: [], certificates: [expect.stringMatching(/^[0-9a-f]{64}$/)] },
      expiring: [{ device: "alice/tablet" }, { device: "alice/laptop" }],
      wipeNotDelivered: ["alice/phone"],
    },
    blocked: [],
    usage: { workerRequests: 1234, objectRequests: 56, limit: 100_000 },
  });

  const phone = (await zone.devices("alice")).find(({ name }) => name === "phone")?.credentials[0]
    ?.fingerprint;
  relay.answer("GET /.latchkey/api/v1/blocked", () => ({ blocked: [phone, "c".repeat(64)] }));
  expect(fact((await status()).stdout, "blocked")).toBe("2 credentials: alice/phone, cccccccc");
});

it("shows a user's own token what it reaches", async () => {
  const made = await runHere(["token", "create", "alice", "--for", "read"], environment);
  const { LATCHKEY_TOKEN_FILE: _, ...others } = zone.environment;
  const { code, stdout } = await runHere(["status"], { ...others, LATCHKEY_TOKEN: made.stdout.trim() });
  expect(fact(stdout, "devices")).toBe("3 active, 1 lost");
  expect(fact(stdout, "waiting")).toBe("nothing");
  expect(fact(stdout, "blocked")).toBeUndefined();
  expect(code).toBe(0);
});

it("ends with exit code 1 where the registry does not answer, and shows the rest", async () => {
  relay.fail("/users", "registry-unavailable", 9);
  const { code, stdout } = await status();
  expect(code).toBe(1);
  expect(fact(stdout, "registry")).toBe("the registry does not answer");
  expect(fact(stdout, "today")).toContain("of the free plan");
  expect(fact(stdout, "devices")).toBeUndefined();
});

it("ends with exit code 1 where the gate does not answer, and tells programs so", async () => {
  const nobody = { ...environment, LATCHKEY_URL: "https://127.0.0.1:1" };
  expect(await run(["status"], nobody)).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringContaining("latchkey: nothing listens at https://127.0.0.1:1\n"),
  });
  const { code, stdout } = await runHere(["status", "--json"], nobody);
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toEqual({
    gate: { url: "https://127.0.0.1:1", answers: false, unknown: "nothing listens at https://127.0.0.1:1" },
  });
});
