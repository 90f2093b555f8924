// No I/O. No clock: `now` is a parameter, in milliseconds since 1970.

import { EXPIRES_SOON_DAYS, EXPIRES_SOON_MS, relativeTime } from "../../../../src/domain/relative-time.ts";
import { shellWord, short } from "../../../terminal/text.ts";
import { type Check, checkFact, failedCheck, knownFact, listed, passed, unread, warned } from "../check.ts";
import type { DeviceFact, Facts } from "../facts.ts";

export function checkApi({ registry }: Pick<Facts, "registry">): Check {
  const id = "api";
  return checkFact(id, registry, () => passed(id, "the API answers"));
}

export function checkRegistry({ registry }: Pick<Facts, "registry">): Check {
  const id = "registry";
  return checkFact(id, registry, (devices) => {
    const active = devices.filter(({ status }) => status === "active");
    return active.length === 0
      ? failedCheck(
          id,
          "no device is active: everybody is refused",
          "issue and enrol one: latchkey issue alice pixel-9",
        )
      : passed(id, `${active.length} of ${devices.length} enrolled devices may pass`);
  });
}

export function checkEnding({ registry }: Pick<Facts, "registry">, now: number): Check {
  const id = "certificates-ending";
  return checkFact(id, registry, (devices) => {
    const dated = devices
      .filter(({ status }) => status === "active")
      .flatMap(({ label, certificates }) => {
        const last = Math.max(...certificates.map(({ notAfter }) => Date.parse(notAfter ?? "") || Infinity));
        return Number.isFinite(last) && certificates.length > 0 ? [{ label, last }] : [];
      });
    const ended = dated.filter(({ last }) => last <= now);
    if (ended.length > 0) {
      return failedCheck(
        id,
        `the certificates of ${listed(ended.map(({ label }) => label))} have ended: the devices are refused`,
        `issue new ones: latchkey rotate ${shellWord(ended[0]?.label ?? "")}`,
      );
    }
    const soon = dated.filter(({ last }) => last <= now + EXPIRES_SOON_MS);
    return soon.length > 0
      ? warned(
          id,
          listed(
            soon.map(({ label, last }) => `${label} ends ${relativeTime(new Date(last).toISOString(), now)}`),
          ),
          `issue new ones in time: latchkey rotate ${shellWord(soon[0]?.label ?? "")}`,
        )
      : passed(id, `no active device's certificate ends within ${EXPIRES_SOON_DAYS} days`);
  });
}

const GONE = new Set(["revoked", "pending_revocation"]);

/** The registry and Cloudflare ought to agree on who is revoked. */
export function checkRevoked({ registry, zones }: Pick<Facts, "registry" | "zones">): Check[] {
  const there = "revoked-there-active-here";
  const here = "revoked-here-active-there";
  const lists = zones.map(({ certificates }) => certificates);
  const unreadable = [registry, ...lists].find((fact) => !fact.known);
  if (unreadable !== undefined && !unreadable.known) {
    const { reason, remedy } = unreadable;
    return [unread(there, reason, remedy), unread(here, reason, remedy)];
  }
  const devices = registry.known ? registry.value : [];
  // One authority serves all zones of an account: the same certificate may be in none of these.
  const statuses = new Map(
    lists
      .flatMap((fact) => (fact.known ? fact.value : []))
      .map(({ fingerprint, status }) => [fingerprint, status]),
  );
  const statusesOf = ({ certificates }: DeviceFact) =>
    certificates.flatMap(({ fingerprint }) => statuses.get(fingerprint) ?? []);
  const isActiveThere = (fingerprint: string) => statuses.get(fingerprint) === "active";
  const locked = devices.filter((device) => {
    const found = statusesOf(device);
    return (
      device.status === "active" &&
      found.length === device.certificates.length &&
      found.length > 0 &&
      found.every((status) => GONE.has(status))
    );
  });
  const left = devices
    .filter(({ status }) => status === "revoked")
    .filter(({ certificates, retired }) =>
      [...certificates.map(({ fingerprint }) => fingerprint), ...retired].some(isActiveThere),
    )
    .map(({ label }) => ({ what: label, remedy: `latchkey revoke ${shellWord(label)} --at-cloudflare` }));
  // A lost device needs each of its certificates at Cloudflare, to be told to delete its vault.
  const replaced = devices
    .filter(({ status }) => status !== "revoked" && status !== "lost")
    .flatMap(({ label, retired }) =>
      retired.filter(isActiveThere).map((fingerprint) => ({
        what: `the retired certificate ${short(fingerprint)} of ${label}`,
        remedy: `latchkey retire ${shellWord(label)} ${short(fingerprint)} --at-cloudflare`,
      })),
    );
  const [first, ...others] = [...left, ...replaced];
  return [
    checkFact(there, knownFact(locked), () =>
      locked.length === 0
        ? passed(there, "no active device's certificate is revoked at Cloudflare")
        : failedCheck(
            there,
            `${listed(locked.map(({ label }) => label))} may pass here, but the certificate is revoked at Cloudflare: refused`,
            `if it was taken away: latchkey revoke ${shellWord(locked[0]?.label ?? "")}; else issue a new certificate: latchkey rotate ${shellWord(locked[0]?.label ?? "")}`,
          ),
    ),
    first === undefined
      ? passed(here, "what is revoked or retired here takes no place at Cloudflare")
      : warned(
          here,
          `refused here, and still taking a place at Cloudflare: ${listed([first, ...others].map(({ what }) => what))}`,
          `free it: ${first.remedy}`,
        ),
  ];
}

/** The emergency brake: what is refused without the registry, and might be forgotten on the list. */
export function checkBlocked({ blocked, registry }: Pick<Facts, "blocked" | "registry">): Check {
  const id = "blocked";
  return checkFact(id, blocked, (fingerprints) => {
    if (fingerprints === null) {
      return warned(
        id,
        "the deployed Worker does not know the list of blocked certificates: latchkey block would do nothing",
        "deploy this clone: npx wrangler deploy",
      );
    }
    if (fingerprints.length === 0) return passed(id, "no certificate is blocked");
    const devices = registry.known ? registry.value : [];
    const entries = fingerprints.map((fingerprint) => ({
      fingerprint,
      device: devices.find(
        ({ certificates, retired }) =>
          retired.includes(fingerprint) || certificates.some((each) => each.fingerprint === fingerprint),
      ),
    }));
    const list = listed(
      entries.map(({ fingerprint, device }) =>
        device === undefined
          ? `certificate ${short(fingerprint)}`
          : `${device.label} (${short(fingerprint)}, ${device.status} in the registry)`,
      ),
    );
    const settled = entries.find(({ device }) => device?.status === "revoked")?.device;
    return settled === undefined
      ? passed(id, `blocked, whatever the registry says: ${list}`)
      : warned(
          id,
          `blocked, whatever the registry says: ${list}; what is revoked there need not be on the list`,
          `take it off the list: latchkey unblock ${shellWord(settled.label)}`,
        );
  });
}

/** The free plan's day, until 00:00 UTC. */
export const WORKER_REQUESTS_A_DAY = 100_000;
const OBJECT_REQUESTS_A_DAY = 100_000;
const MANY = 0.7;
const TOO_MANY = 0.95;

export function checkUsage({ usage }: Pick<Facts, "usage">): Check {
  const id = "usage";
  return checkFact(id, usage, ({ workerRequests, objectRequests }) => {
    const share = Math.max(workerRequests / WORKER_REQUESTS_A_DAY, objectRequests / OBJECT_REQUESTS_A_DAY);
    const reason = `today ${workerRequests} Worker requests and ${objectRequests} Durable Object requests, of the free plan's 100000 each`;
    const remedy = "see docs/operations.md: at the limit everybody is refused until 00:00 UTC";
    if (share >= TOO_MANY) return failedCheck(id, reason, remedy);
    return share >= MANY ? warned(id, reason, remedy) : passed(id, reason);
  });
}
