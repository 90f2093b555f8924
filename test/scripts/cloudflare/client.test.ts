// Our client of Cloudflare's API against the stand-in: every fault, as people are told of it.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ASSOCIATIONS, DONE } from "../../../scripts/cloudflare/client/answers.ts";
import { type CloudflareClient, createCloudflareClient } from "../../../scripts/cloudflare/client/client.ts";
import { listClientCertificates } from "../../../scripts/cloudflare/client/client-certificates.ts";
import { cloudflareConnectionFrom } from "../../../scripts/cloudflare/client/connection.ts";
import { CloudflareFailure } from "../../../scripts/cloudflare/client/failure.ts";
import { PERMISSIONS } from "../../../scripts/cloudflare/client/permissions.ts";
import { findZone, listZones, zoneOfHost } from "../../../scripts/cloudflare/client/zone.ts";
import { type StandIn, startCloudflare } from "../../../scripts/stand-in/stand-in.ts";
import { emptyZone } from "../../../scripts/stand-in/state.ts";
import { Failure } from "../../../scripts/terminal/failure.ts";

const LIST = { permission: "certificates", what: "list things" } as const;

let standIn: StandIn;
let client: CloudflareClient;
/** In milliseconds; none is waited for. */
const pauses: number[] = [];
beforeAll(async () => {
  standIn = await startCloudflare({ zones: ["example.com"] });
  client = createCloudflareClient(cloudflareConnectionFrom(standIn.environment, 1000), async (ms) =>
    pauses.push(ms),
  );
});
beforeEach(() => {
  standIn.faults.clear();
  standIn.requests.length = 0;
  pauses.length = 0;
});
afterAll(() => standIn.stop());

const zoneId = () => standIn.state.zones[0]?.id ?? "";
const read = () =>
  client.ask(
    LIST,
    (sdk) => sdk.certificateAuthorities.hostnameAssociations.get({ zone_id: zoneId() }),
    ASSOCIATIONS,
  );
const make = () =>
  client.once(
    LIST,
    (sdk) => sdk.workers.routes.create({ zone_id: zoneId(), pattern: `${Math.random()}.example.com/*` }),
    DONE,
  );

async function failureOf(promise: Promise<unknown>): Promise<CloudflareFailure> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof CloudflareFailure)) throw new Error(`no CloudflareFailure: ${String(error)}`);
  expect(`${error.message} ${error.hint}`).not.toContain(standIn.state.token);
  return error;
}

describe("a call that may be repeated", () => {
  it("waits as long as Retry-After says, and tries again", async () => {
    standIn.faults.at(1, { kind: "rate-limit", retryAfterSeconds: 1 });
    expect(await read()).toEqual({ hostnames: [] });
    expect(pauses).toEqual([1000]);
    expect(standIn.requests.map(({ status }) => status)).toEqual([429, 200]);
  });

  it("does not keep people waiting for minutes: it tells them", async () => {
    standIn.faults.at(1, { kind: "rate-limit", retryAfterSeconds: 240 });
    const { problem, hint } = await failureOf(read());
    expect(problem).toEqual({ kind: "rate-limit", retryAfterSeconds: 240 });
    expect(hint).toContain("try again in 240 s");
    expect(standIn.requests).toHaveLength(1);
  });

  it.each([
    { kind: "server-error", status: 503 },
    { kind: "reset" },
    { kind: "hang" },
    { kind: "garbage" },
  ] as const)("survives a passing $kind", async (fault) => {
    standIn.faults.at(1, fault);
    expect(await read()).toEqual({ hostnames: [] });
    expect(standIn.requests).toHaveLength(2);
  });

  it("gives up after four", async () => {
    standIn.faults.at(1, { kind: "server-error", status: 502 }, 99);
    const { problem, outcome, message } = await failureOf(read());
    expect({ problem, outcome }).toEqual({ problem: { kind: "unavailable" }, outcome: "unknown" });
    expect(message).toBe("Cloudflare's API answered 502: could not list things, or it is not known");
    expect(standIn.requests).toHaveLength(4);
    expect(pauses).toEqual([500, 1000, 2000]);
  });

  it("never takes a proxy's page for an empty list", async () => {
    standIn.faults.at(1, { kind: "garbage" }, 99);
    const { message } = await failureOf(listZones(client));
    expect(message).toBe(
      "something that is not Cloudflare's API answered 200: could not list the zones, or it is not known",
    );
  });
});

describe("a call that makes something new", () => {
  it.each([
    { kind: "server-error", when: "after-the-change" },
    { kind: "reset", when: "after-the-change" },
    { kind: "hang", when: "after-the-change" },
    { kind: "garbage", when: "after-the-change" },
  ] as const)("is not repeated after a $kind that came after the change", async (fault) => {
    const before = standIn.state.zones[0]?.routes.length ?? 0;
    standIn.faults.at(1, fault);
    expect((await failureOf(make())).outcome).toBe("unknown");
    expect(standIn.state.zones[0]?.routes).toHaveLength(before + 1);
    expect(standIn.requests).toHaveLength(1);
  });

  it("is repeated where Cloudflare only asked to wait", async () => {
    const before = standIn.state.zones[0]?.routes.length ?? 0;
    standIn.faults.at(1, { kind: "rate-limit", retryAfterSeconds: 0 });
    await make();
    expect(standIn.state.zones[0]?.routes).toHaveLength(before + 1);
  });
});

describe("a permission that is missing", () => {
  it.each([10000, 9109] as const)("is named with the page where it is granted (code %i)", async (code) => {
    standIn.faults.at(1, { kind: "no-permission", code });
    const { problem, message, hint } = await failureOf(read());
    expect(problem).toEqual({ kind: "permission", permission: "certificates" });
    expect(message).toBe("the API token may not list things");
    expect(hint).toBe(
      `grant it ${PERMISSIONS.certificates.grant} (${PERMISSIONS.certificates.purpose}) for this zone and account, at https://dash.cloudflare.com/profile/api-tokens`,
    );
    expect(standIn.requests).toHaveLength(1);
  });

  it("is told from a token that is unknown", async () => {
    const stranger = createCloudflareClient(
      cloudflareConnectionFrom({ ...standIn.environment, CLOUDFLARE_API_TOKEN: "not-the-token" }, 1000),
    );
    const { problem, message } = await failureOf(listZones(stranger));
    expect(problem).toEqual({ kind: "token" });
    expect(message).toBe("Cloudflare does not accept the API token");
  });

  it("is suspected where the token sees no zone at all", async () => {
    standIn.state.permissions.delete("Zone Read");
    await expect(findZone(client, "example.com")).rejects.toMatchObject({
      message: "the API token sees no zone",
      hint: expect.stringContaining("Zone > Zone > Read"),
    });
    standIn.state.permissions.add("Zone Read");
  });
});

describe("the connection", () => {
  it.each([
    [{}, "CLOUDFLARE_API_TOKEN is not set"],
    [{ CLOUDFLARE_API_TOKEN: " " }, "CLOUDFLARE_API_TOKEN is not set"],
    [
      { CLOUDFLARE_API_TOKEN: "a b" },
      "CLOUDFLARE_API_TOKEN does not hold a token: it has spaces or characters beyond ASCII",
    ],
    [
      { CLOUDFLARE_API_TOKEN: "abc", LATCHKEY_CLOUDFLARE_API: "http://api.example.com/" },
      "LATCHKEY_CLOUDFLARE_API 'http://api.example.com/' is not an address that a token may be sent to",
    ],
  ])("is refused before anything is sent: %j", (environment, message) => {
    const connect = () => cloudflareConnectionFrom(environment, 1000);
    expect(connect).toThrow(Failure);
    expect(connect).toThrow(message);
  });

  it("goes to Cloudflare unless told otherwise", () => {
    expect(cloudflareConnectionFrom({ CLOUDFLARE_API_TOKEN: "abc" }, 1000).baseUrl).toBe(
      "https://api.cloudflare.com/client/v4",
    );
  });
});

describe("zones", () => {
  it("a host's zone is the one with the longest name that it ends with, at a dot", async () => {
    standIn.state.zones.push(emptyZone("lab.example.com"), emptyZone("ample.com"));
    expect((await zoneOfHost(client, "vault.example.com")).name).toBe("example.com");
    expect((await zoneOfHost(client, "vault.lab.example.com")).name).toBe("lab.example.com");
    expect((await zoneOfHost(client, "Example.com.")).name).toBe("example.com");
    await expect(zoneOfHost(client, "example.org")).rejects.toThrow("no zone holds the host example.org");
    await expect(findZone(client, "exampel.com")).rejects.toMatchObject({
      hint: "did you mean --zone example.com",
    });
  });

  it("that have moved away stay listed, and come after those that Cloudflare serves", async () => {
    const moved = (name: string) => ({ ...emptyZone(name), status: "moved" as const });
    const again = emptyZone("again.example");
    standIn.state.zones.push(moved("again.example"), again, moved("gone.example.com"), moved("gone.example"));
    expect((await findZone(client, "again.example")).id).toBe(again.id);
    expect((await zoneOfHost(client, "vault.again.example")).id).toBe(again.id);
    expect((await zoneOfHost(client, "vault.gone.example.com")).name).toBe("example.com");
    // It still signs and revokes.
    expect((await findZone(client, "gone.example")).name).toBe("gone.example");
  });

  it("are found on every page", async () => {
    const before = standIn.state.zones.length;
    for (let i = 0; i < 120; i++) standIn.state.zones.push(emptyZone(`z${i}.example.net`));
    expect(await listZones(client)).toHaveLength(before + 120);
  });
});

describe("client certificates", () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ id: `certificate-${index}`, status: "active" }));

  it("are listed over all pages", async () => {
    const [zone] = await listZones(client);
    if (zone === undefined) throw new Error("no zone");
    const held = standIn.state.zones.find(({ id }) => id === zone.id);
    if (held === undefined) throw new Error("no such zone");
    held.certificates = many(123) as never;
    expect(await listClientCertificates(client, zone, "certificates")).toHaveLength(123);
    standIn.requests.length = 0;
    held.certificates = many(50) as never;
    expect(await listClientCertificates(client, zone, "certificates")).toHaveLength(50);
    expect(standIn.requests, "the list says how long it is").toHaveLength(1);
    held.certificates = [];
    expect(await listClientCertificates(client, zone, "certificates")).toEqual([]);
  });

  it("are listed without a count, too, and half a list is none", async () => {
    const [zone] = await listZones(client);
    const [held] = standIn.state.zones;
    if (zone === undefined || held === undefined) throw new Error("no zone");
    held.certificates = many(120) as never;
    const change = (body: Record<string, unknown>) => ({ ...body, result_info: null });
    standIn.faults.on("/client_certificates", { kind: "answer", change }, 9);
    expect(await listClientCertificates(client, zone, "certificates")).toHaveLength(120);

    standIn.faults.clear();
    const same = ({ result, ...body }: Record<string, unknown>) => ({ ...body, result: many(50) });
    standIn.faults.on("/client_certificates", { kind: "answer", change: same }, 9);
    const { message, problem } = await failureOf(listClientCertificates(client, zone, "certificates"));
    expect(message).toBe(
      `could not list the zone's client certificates: Cloudflare's answer to GET /zones/${zone.id}/client_certificates is not understood: it lists 50 of 120`,
    );
    expect(problem).toEqual({ kind: "not-understood" });
    held.certificates = [];
  });
});

it("the stand-in reads no body of a caller without its token", async () => {
  const body = "x".repeat(100_000);
  const answer = await fetch(`${standIn.url}/zones`, { method: "POST", body });
  expect(answer.status).toBe(400);
  expect(standIn.requests.at(-1)).toMatchObject({ method: "POST", body: "", status: 400 });
});
