// The gate on one screen.
import type { Device, Me } from "../../src/contract/answers.ts";
import { API_VERSION, VERSION } from "../../src/contract/version.ts";
import { DEVICE_STATUSES } from "../../src/domain/device.ts";
import { EXPIRES_SOON_MS } from "../../src/domain/general/relative-time.ts";
import { canWipe } from "../../src/domain/request/app.ts";
import { ofAllUsers } from "../client/all-users.ts";
import { isOutOfOrder, orAbsent } from "../client/answer.ts";
import type { Api } from "../client/api.ts";
import { deviceLabel, hasEnded, living } from "../client/device.ts";
import { LATCHKEY } from "../terminal/called-as.ts";
import { Failure } from "../terminal/failure.ts";
import type { Output } from "../terminal/output.ts";
import { plural, printable, short } from "../terminal/text.ts";
import { shortTime } from "../terminal/time.ts";
import type { AddCommand } from "./command/command.ts";
import type { Session } from "./command/session.ts";
import { powers } from "./credentials/login.ts";
import { NOTHING_TO_WIPE } from "./devices/view.ts";

/** How many names a line shows; the lists show the others. */
const NAMES_SHOWN = 3;
/** The share of a day's requests at which the doctor warns, too. */
const MANY = 0.7;

export const addStatus: AddCommand = (program) => {
  program
    .command("status")
    .summary("show the gate on one screen: devices, what is waiting, what expires, usage")
    .description(
      "Show the gate on one screen: whether it answers, who you are, the devices by status, what is waiting for you, what expires soon, and today's usage of Cloudflare's free plan.",
    )
    .notes(`
Today's usage needs CLOUDFLARE_API_TOKEN, see docs/cloudflare.md.
Exit code 1: the gate or its registry does not answer. doctor looks closer.

Examples:
  latchkey status
  latchkey status --json | jq .registry.waiting`)
    .run(async (session) => {
      const { output } = session;
      const now = session.now();
      const api = await session.connect();
      const me = await whoAmI(api, output);
      const [found, blocked, usage] = await Promise.all([
        orWhy(() => readRegistry(api)),
        orWhy(() => api.blocked()),
        orWhy(() => readUse(session, api.origin, now)),
      ]);
      const registry = isUnknown(found) ? found : summary(found, now);
      const blockedDevices = isUnknown(blocked) ? blocked : blocked.map((each) => withDevice(each, found));
      output.object({
        gate: {
          url: api.origin,
          answers: true,
          version: me.version ?? null,
          apiVersion: me.apiVersion ?? null,
        },
        command: { version: VERSION, apiVersion: API_VERSION },
        me,
        registry,
        blocked: blockedDevices,
        usage,
      });
      output.facts([
        ["gate", `${api.origin} answers`],
        ["version", versionText(me)],
        ["you", `${printable(me.actor)}, may ${powers(me)}`],
        ...(isUnknown(registry)
          ? [["registry", output.style("red", registry.unknown)] as const]
          : registryFacts(registry, me, output, now)),
        ["blocked", isUnknown(blockedDevices) ? null : blockedText(blockedDevices, output)],
        ["today", isUnknown(usage) ? `not known: ${usage.unknown}` : useText(usage, output)],
      ]);
      if (isUnknown(found)) process.exitCode = 1;
    });
};

/** What could not be read, and why. */
interface Unknown {
  unknown: string;
}

async function orWhy<T>(read: () => Promise<T>): Promise<T | Unknown> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Failure) return { unknown: error.message };
    throw error;
  }
}

function isUnknown(value: object): value is Unknown {
  return "unknown" in value;
}

/** The first question, which needs no Durable Object. If the gate does not answer it, programs get an object, too. */
async function whoAmI(api: Api, output: Output): Promise<Me> {
  try {
    return await api.me();
  } catch (error) {
    if (isOutOfOrder(error)) {
      output.object({ gate: { url: api.origin, answers: false, unknown: error.message } });
    }
    throw error;
  }
}

interface Found {
  devices: readonly Device[];
  /** Fingerprints of unknown certificates; `null` for a user's own token, which does not see them. */
  certificates: readonly string[] | null;
  /** Codes of people who wait to be admitted; `null` likewise, and from an older gate. */
  people: readonly string[] | null;
}

async function readRegistry(api: Api): Promise<Found> {
  const [devices, certificates, people] = await Promise.all([
    ofAllUsers(api, api.devices),
    orAbsent(api.unknownCertificates(), "forbidden"),
    // A gate from before people could sign in has no such list.
    orAbsent(api.waitingPeople(), "forbidden", "not-found"),
  ]);
  return {
    devices,
    certificates: certificates?.map(({ fingerprint }) => fingerprint) ?? null,
    people: people?.map(({ comparisonCode }) => comparisonCode) ?? null,
  };
}

type Summary = ReturnType<typeof summary>;

function summary({ devices, certificates, people }: Found, now: number) {
  const labels = (wanted: (device: Device) => boolean) => devices.filter(wanted).map(deviceLabel);
  const count = (status: string) => devices.filter((device) => device.status === status).length;
  return {
    /** How many devices have each status. */
    devices: Object.fromEntries(DEVICE_STATUSES.map((status) => [status, count(status)])),
    /** Active devices whose own end has come: they are refused. */
    ended: labels(
      (device) => device.status === "active" && device.kind !== "browser" && hasEnded(device, now),
    ),
    waiting: { devices: labels(({ status }) => status === "pending"), certificates, people },
    expiring: expiringSoon(devices, now),
    /** Lost browsers that have not been told to clear what they store yet. */
    notCleared: labels(({ status, kind, wipe }) => status === "lost" && kind === "browser" && wipe === null),
    /** Lost devices that have not received the wipe yet: only one with a certificate can. */
    wipeNotDelivered: labels(
      ({ status, kind, wipe }) => status === "lost" && kind === "certificate" && wipe === null,
    ),
  };
}

/** `0.1.0 (API 1)`; with the command's own, if that is another. */
function versionText({ version, apiVersion }: Me): string {
  const own = `${VERSION} (API ${API_VERSION})`;
  if (version === undefined) return `older than gates that say their version; this command is ${own}`;
  const gate = printable(`${version} (API ${apiVersion})`);
  return gate === own ? own : `${gate}; this command is ${own}`;
}

type Expiring = ReturnType<typeof expiringSoon>[number];

/**
 * Active devices that expire soon, or whose last credential has expired, the first to expire first. Not browsers, which
 * stay signed in while they are used.
 */
function expiringSoon(devices: readonly Device[], now: number) {
  return devices
    .filter((device) => device.status === "active" && device.kind !== "browser" && !hasEnded(device, now))
    .flatMap((device) => {
      const end = endOf(device);
      return end === undefined || Date.parse(end) > now + EXPIRES_SOON_MS
        ? []
        : [{ device: deviceLabel(device), notAfter: end }];
    })
    .sort((a, b) => a.notAfter.localeCompare(b.notAfter));
}

/** When a device is shut out if nobody does anything: `undefined` if that is never, or is not known. */
function endOf(device: Device): string | undefined {
  const dates = living(device).map(({ notAfter }) => notAfter);
  // During a renewal there are two: only when the later one expires is the device shut out.
  const last = dates.includes(null) ? undefined : dates.map(String).sort().at(-1);
  return [last, device.expiresAt ?? undefined].filter((date) => date !== undefined).sort()[0];
}

type Blocked = ReturnType<typeof withDevice>;

/** `null` if no device has it, or the registry does not say. */
function withDevice(fingerprint: string, found: Found | Unknown) {
  const device = isUnknown(found)
    ? undefined
    : found.devices.find((each) => each.credentials.some((own) => own.fingerprint === fingerprint));
  return { fingerprint, device: device === undefined ? null : deviceLabel(device) };
}

/** Since 00:00 UTC, of the account with the gate's zone. */
async function readUse(session: Session, origin: string, now: number) {
  if (!session.environment.CLOUDFLARE_API_TOKEN) {
    return { unknown: "set CLOUDFLARE_API_TOKEN, or see Workers & Pages in the dashboard" };
  }
  const [{ zoneOfHost }, { FREE_REQUESTS_PER_DAY, readUsage }] = await Promise.all([
    import("../cloudflare/client/zone.ts"),
    import("../cloudflare/doctor/checks/usage.ts"),
  ]);
  const client = await session.cloudflare();
  const { account } = await zoneOfHost(client, new URL(origin).hostname);
  return { ...(await readUsage({ client, account: account.id, now })), limit: FREE_REQUESTS_PER_DAY };
}

type Use = Exclude<Awaited<ReturnType<typeof readUse>>, Unknown>;

function registryFacts(
  { devices, ended, waiting, expiring, notCleared, wipeNotDelivered }: Summary,
  { apps }: Partial<Me>,
  output: Output,
  now: number,
): [label: string, text: string | null][] {
  const counts = DEVICE_STATUSES.filter((status) => devices[status]).map(
    (status) => `${devices[status]} ${output.status(status)}`,
  );
  const certificates = waiting.certificates ?? [];
  const people = waiting.people ?? [];
  const waits = [
    ...(waiting.devices.length > 0 ? [`${some(waiting.devices)} for approval`] : []),
    ...(certificates.length > 0
      ? [`${plural(certificates.length, "unknown certificate")} (${some(certificates.map(short))})`]
      : []),
    ...(people.length > 0
      ? [`${people.length === 1 ? "1 person" : `${people.length} people`} to be admitted (users waiting)`]
      : []),
  ];
  const urgent = (text: string) => output.style("yellow", text);
  const wipes = apps === undefined || canWipe({ profiles: apps });
  const unwiped = wipes
    ? urgent(`wipe not delivered: ${some(wipeNotDelivered)}`)
    : `${some(wipeNotDelivered)}; ${NOTHING_TO_WIPE}`;
  const lost = [
    ...(wipeNotDelivered.length === 0 ? [] : [unwiped]),
    ...(notCleared.length === 0 ? [] : [urgent(`not told to clear what it stores: ${some(notCleared)}`)]),
  ];
  return [
    ["devices", counts.join(", ") || `none yet: ${LATCHKEY} issue or enrol lets one in`],
    ["expired", ended.length === 0 ? null : `${some(ended)}: limit sets another end`],
    ["waiting", waits.length === 0 ? "nothing" : urgent(waits.join("; "))],
    [
      "expiring",
      expiring.length === 0 ? "nothing soon" : urgent(some(expiring.map((each) => expiryOf(each, now)))),
    ],
    ["lost", lost.length === 0 ? null : lost.join("; ")],
  ];
}

function expiryOf({ device, notAfter }: Expiring, now: number): string {
  const time = shortTime(notAfter, now);
  return Date.parse(notAfter) > now ? `${device} ${time}` : `${device} expired ${time} ago`;
}

function blockedText(blocked: readonly Blocked[], output: Output): string {
  if (blocked.length === 0) return "nothing";
  const names = new Set(blocked.map(({ fingerprint, device }) => device ?? short(fingerprint)));
  return output.style("yellow", `${plural(blocked.length, "credential")}: ${some([...names])}`);
}

/** `23 % of the free plan: 23000 Worker and 1200 object requests` */
function useText({ workerRequests, objectRequests, limit }: Use, output: Output): string {
  const share = Math.max(workerRequests, objectRequests) / limit;
  const percent = `${Math.round(share * 100)} % of the free plan`;
  return `${share >= MANY ? output.style("yellow", percent) : percent}: ${workerRequests} Worker and ${objectRequests} object requests`;
}

function some(names: readonly string[]): string {
  const rest = names.length - NAMES_SHOWN;
  return [...names.slice(0, NAMES_SHOWN).map(printable), ...(rest > 0 ? [`${rest} more`] : [])].join(", ");
}
