import type { Certificate, Device } from "../../../src/contract/requests.ts";
import { EXPIRES_SOON_MS, relativeTime } from "../../../src/domain/relative-time.ts";
import type { Output } from "../../terminal/output.ts";
import type { Cell } from "../../terminal/table.ts";
import { groupedCode, printable, printableLines, short } from "../../terminal/text.ts";
import { shortTime, timeWithHint } from "../../terminal/time.ts";

/** `alice/pixel-9` */
export function deviceLabel(device: Device): string {
  return printable(`${device.user}/${device.name}`);
}

export const DEVICE_HEAD = ["DEVICE", "STATUS", "CERTIFICATE", "EXPIRES", "LAST SEEN"] as const;

export function deviceRow(device: Device, output: Output, now: number): Cell[] {
  return [
    deviceLabel(device),
    `${output.status(device.status)}${statusDetail(device)}`,
    living(device)
      .map(({ fingerprint }) => short(fingerprint))
      .join(", ") || "none",
    {
      full: expiries(device, output, now, relativeTime),
      short: expiries(device, output, now, shortTime),
    },
    lastSeen(device, now),
  ];
}

function statusDetail({ status, wipe, comparisonCode }: Device): string {
  if (status === "lost" && wipe !== null) return ", wipe delivered";
  if (status === "pending" && comparisonCode !== null) return `, code ${groupedCode(comparisonCode)}`;
  return "";
}

/** Everything about one device. */
export function showDevice(device: Device, output: Output, now: number): void {
  const { lastSeen: seen } = device;
  output.facts([
    ["device", deviceLabel(device)],
    ["id", printable(device.id)],
    ["status", output.status(device.status)],
    ["since", device.status === "active" ? null : timeWithHint(device.statusSince, now)],
    ["reason", reason(device)],
    ["code", comparison(device)],
    ["wipe", wipe(device, now)],
    ["enrolled", timeWithHint(device.enrolledAt, now)],
    ["last seen", seen === null ? "never" : timeWithHint(seen.at, now)],
    ["at app", seen === null ? null : printable(seen.app)],
    ["from", seen === null ? null : from(seen)],
  ]);
  for (const certificate of device.certificates) {
    output.lines("", output.style("bold", "certificate"));
    const facts = [...certificateFacts(certificate, now), ...renewalFacts(device, certificate, now)];
    output.facts(facts.map(([label, value]) => [`  ${label}`, value]));
  }
  if (device.note !== null && device.note !== "") {
    output.lines("", output.style("bold", "note"), ...printableLines(device.note).map((line) => `  ${line}`));
  }
}

/** The certificates that are not retired. A Worker that was deployed before knows nothing of it. */
export function living({ certificates }: Device): Certificate[] {
  return certificates.filter(({ retiredAt }) => (retiredAt ?? null) === null);
}

/** How one certificate of a device follows another: since when it is retired, or when it will be. */
function renewalFacts(
  { certificates }: Device,
  { fingerprint, retiredAt, retireBy, replaces }: Certificate,
  now: number,
): [string, string | null][] {
  const successor = certificates.find((other) => other.replaces === fingerprint);
  const date = (retireBy ?? null) === null ? "" : `, or ${timeWithHint(retireBy ?? "", now)}`;
  return [
    ["retired", (retiredAt ?? null) === null ? null : timeWithHint(retiredAt ?? "", now)],
    [
      "ends",
      successor === undefined || (retiredAt ?? null) !== null
        ? null
        : `when ${short(successor.fingerprint)} is first seen${date}`,
    ],
    ["replaces", (replaces ?? null) === null ? null : `${short(replaces ?? "")}, when it is first seen`],
  ];
}

/** Why the status is what it is, if anybody said. A Worker that was deployed before knows nothing of it. */
function reason({ statusReason }: Device): string | null {
  const text = (statusReason ?? "").trim().replace(/\s+/g, " ");
  return text === "" ? null : printable(text);
}

/** What the device shows as well, while it waits for approval. */
function comparison({ status, comparisonCode }: Device): string | null {
  if (status !== "pending" || comparisonCode === null) return null;
  return `${groupedCode(comparisonCode)}: approve it when the device shows the same`;
}

/** Whether a lost device was given the answer on which Bitwarden deletes its vault. */
function wipe({ status, wipe: receipt, lastSeen, statusSince }: Device, now: number): string | null {
  if (status !== "lost") return null;
  if (receipt !== null) {
    const { firstAt, lastAt, count, tokenRefresh } = receipt;
    const token = tokenRefresh
      ? "token refresh included"
      : "token refresh not yet: phones obey that one alone";
    const again = count > 1 ? `; at least ${count} times, last ${timeWithHint(lastAt, now)}` : "";
    return `wipe answer delivered ${timeWithHint(firstAt, now)}, ${token}${again}`;
  }
  const isSeen = lastSeen !== null && Date.parse(lastSeen.at) >= Date.parse(statusSince);
  return isSeen
    ? "seen since it was reported lost, but not on an app with the profile bitwarden"
    : "not seen since it was reported lost";
}

/** What a certificate says of itself, and when it was added if it was. */
type CertificateFacts = Omit<Certificate, "addedAt" | "retiredAt" | "retireBy" | "replaces"> & {
  addedAt?: string;
};

export function certificateFacts(certificate: CertificateFacts, now: number): [string, string | null][] {
  const { fingerprint, subject, issuer, serial, notBefore, notAfter, addedAt } = certificate;
  const text = (value: string | null) => (value === null ? "not known yet" : printable(value));
  return [
    ["fingerprint", printable(fingerprint)],
    ["subject", text(subject)],
    ["issuer", text(issuer)],
    ["serial", text(serial)],
    ["valid from", notBefore === null ? "not known yet" : timeWithHint(notBefore, now)],
    ["expires", notAfter === null ? "not known yet" : timeWithHint(notAfter, now)],
    ["added", addedAt === undefined ? null : timeWithHint(addedAt, now)],
  ];
}

/** `185.1.2.3, DE` */
export function from({ ip, country }: { ip: string | null; country: string | null }): string {
  return printable([ip, country].filter((part) => part !== null).join(", "));
}

function lastSeen({ lastSeen: seen }: Device, now: number): Cell {
  if (seen === null) return "never";
  const text = (time: string) => `${time}, ${printable(seen.app)}`;
  return { full: text(relativeTime(seen.at, now)), short: text(shortTime(seen.at, now)) };
}

type TellTime = (iso: string, now: number) => string;

function expiries(device: Device, output: Output, now: number, tell: TellTime): string {
  return living(device)
    .map(({ notAfter }) => expiry(notAfter, output, now, tell))
    .join(", ");
}

/** The same where there is little room: of an IPv6 address only the network, which is what stays the same. */
export function fromCell(place: { ip: string | null; country: string | null }): Cell {
  const network = place.ip?.includes(":") ? networkOf(place.ip) : place.ip;
  return { full: from(place), short: from({ ...place, ip: network }) };
}

/** `2001:db8:1:2::`, the first half of an address; one that is written short already stays as it is. */
function networkOf(address: string): string {
  const groups = address.split(":");
  return groups.length === 8 && !groups.includes("") ? `${groups.slice(0, 4).join(":")}::` : address;
}

function expiry(notAfter: string | null, output: Output, now: number, tell: TellTime): string {
  if (notAfter === null) return "unknown";
  const left = Date.parse(notAfter) - now;
  const text = left < 0 ? `expired ${tell(notAfter, now)}` : tell(notAfter, now);
  return left < EXPIRES_SOON_MS ? output.style(left < 0 ? "red" : "yellow", text) : text;
}
