// How a device and its credentials are shown: as a row of a list, or in full.

import type { Credential, Device } from "../../../src/contract/answers.ts";
import { signedInUntil } from "../../../src/domain/browser.ts";
import { CREDENTIAL_WORDS } from "../../../src/domain/credential-key.ts";
import { EXPIRES_SOON_MS, relativeTime } from "../../../src/domain/general/relative-time.ts";
import type { CertificateDetails } from "../../certificates/certificate-file.ts";
import { deviceLabel, hasEnded, living } from "../../client/device.ts";
import type { Output } from "../../terminal/output.ts";
import type { Cell } from "../../terminal/table.ts";
import { distinguishedName, groupedCode, printable, printableLines, short } from "../../terminal/text.ts";
import { shortTime, timeWithHint } from "../../terminal/time.ts";
import { limitFacts } from "../command/limits.ts";

/** A list of devices. Columns that apply to only some devices are left out if they would be empty. */
export function devicesTable(devices: readonly Device[], output: Output, now: number, whenEmpty: string) {
  const areMixed = devices.some(({ kind }) => kind !== "certificate");
  const areLimited = devices.some(({ apps, countries }) => apps !== null || countries !== null);
  output.table(
    [
      "DEVICE",
      "STATUS",
      ...(areMixed ? ["KIND", "CREDENTIAL"] : ["CERTIFICATE"]),
      "EXPIRES",
      ...(areLimited ? ["ONLY"] : []),
      "LAST SEEN",
    ],
    devices.map((device) => {
      const { kind, lastSeen: seen } = device;
      const digits = living(device).map(({ fingerprint }) => short(fingerprint));
      return [
        deviceLabel(device),
        statusCell(device, output, now),
        ...(areMixed ? [printable(kind)] : []),
        digits.join(", ") || "none",
        timed((format) => ends(device, output, now, format)),
        ...(areLimited
          ? [[...(device.apps ?? []), ...(device.countries ?? [])].map(printable).join(", ")]
          : []),
        seen === null ? "never" : timed((format) => `${format(seen.at, now)}, ${printable(seen.app)}`),
      ];
    }),
    whenEmpty,
  );
}

function statusCell(device: Device, output: Output, now: number): string {
  return `${status(device, output, now)}${statusDetail(device)}`;
}

/** The status; `expired` for an active device whose time is up. A browser has merely signed out. */
function status(device: Device, output: Output, now: number): string {
  if (isSignedOut(device, now)) return "signed out";
  return device.status === "active" && hasEnded(device, now)
    ? output.style("red", "expired")
    : output.status(device.status);
}

/** Whether it is a browser that would be let in if its person signed in again. */
function isSignedOut(device: Device, now: number): boolean {
  if (device.kind !== "browser" || device.status !== "active") return false;
  const { until } = signedInUntil(device);
  return until !== null && Date.parse(until) <= now;
}

/**
 * When each of its credentials expires, or the device itself if that is earlier. A browser's sign-in is nothing to renew,
 * so it is never urgent.
 */
function ends(device: Device, output: Output, now: number, format: FormatTime): string {
  if (device.kind === "browser") {
    const { until } = signedInUntil(device);
    return until === null ? "unknown" : format(until, now);
  }
  const { expiresAt } = device;
  const dates = living(device).map(({ notAfter }) => notAfter);
  const isEarlier = expiresAt !== null && dates.every((date) => date === null || date >= expiresAt);
  return (isEarlier ? [expiresAt] : dates).map((date) => expiry(date, output, now, format)).join(", ");
}

function statusDetail({ kind, status, wipe, comparisonCode }: Device): string {
  if (status === "lost" && wipe !== null) return kind === "browser" ? ", told to clear" : ", wipe delivered";
  if (status === "pending" && comparisonCode !== null) return `, code ${groupedCode(comparisonCode)}`;
  return "";
}

/** Everything about one device. */
export function showDevice(device: Device, output: Output, now: number, wipes: boolean): void {
  const { lastSeen: seen } = device;
  output.facts([
    ["device", deviceLabel(device)],
    ["id", printable(device.id)],
    ["kind", device.kind === "certificate" ? null : printable(device.kind)],
    ["status", status(device, output, now)],
    ["since", device.status === "active" ? null : timeWithHint(device.statusSince, now)],
    ["reason", reason(device)],
    ["code", comparison(device)],
    ["wipe", wipe(device, now, wipes)],
    ["enrolled", timeWithHint(device.enrolledAt, now)],
    ["last seen", seen === null ? "never" : timeWithHint(seen.at, now)],
    ["at app", seen === null ? null : printable(seen.app)],
    ["from", seen === null ? null : from(seen)],
    ...(device.kind === "browser" ? signInFacts(device, now) : []),
    ...(isLimited(device)
      ? limitFacts(device, now).map(([label, value]): [string, string] => [
          label,
          label === "ends" && device.kind !== "browser" ? endOfDevice(device, value, now) : value,
        ])
      : []),
  ]);
  for (const credential of device.credentials) {
    output.lines("", output.style("bold", CREDENTIAL_WORDS[device.kind]));
    const own =
      device.kind === "certificate"
        ? certificateFacts(credential, now)
        : secretFacts(device, credential, now);
    const facts = [...own, ...renewalFacts(device, credential, now)];
    output.facts(facts.map(([label, value]) => [`  ${label}`, value]));
  }
  if (device.note !== null && device.note !== "") {
    output.lines("", output.style("bold", "note"), ...printableLines(device.note).map((line) => `  ${line}`));
  }
}

function isLimited({ apps, countries, expiresAt }: Device): boolean {
  return apps !== null || countries !== null || expiresAt !== null;
}

/** Its own end, and that of its last credential if that comes earlier: `ends never` must not hide it. */
function endOfDevice(device: Device, own: string, now: number): string {
  const dates = living(device).map(({ notAfter }) => notAfter);
  const last = dates.includes(null)
    ? undefined
    : dates
        .filter((date) => date !== null)
        .sort()
        .at(-1);
  const { expiresAt, kind } = device;
  if (last === undefined || (expiresAt !== null && expiresAt <= last)) return own;
  const verb = Date.parse(last) <= now ? "expired" : "expires";
  const credential = `its ${CREDENTIAL_WORDS[kind]} ${verb} ${timeWithHint(last, now)}`;
  return expiresAt === null ? `never by itself, but ${credential}` : `${own}, but ${credential}, before that`;
}

/** How one credential succeeds another: when it was retired, or when it will be. A Worker may be older than renewals. */
function renewalFacts(
  { credentials }: Device,
  certificate: Credential,
  now: number,
): [string, string | null][] {
  const { fingerprint, retiredAt = null, retireBy = null, replaces = null } = certificate;
  const successor = credentials.find((other) => other.replaces === fingerprint);
  const date = retireBy === null ? "" : `, or ${timeWithHint(retireBy, now)}`;
  const ends =
    successor === undefined || retiredAt !== null
      ? null
      : `when ${short(successor.fingerprint)} is first seen${date}`;
  return [
    ["retired", retiredAt === null ? null : timeWithHint(retiredAt, now)],
    ["ends", ends],
    ["replaces", replaces === null ? null : `${short(replaces)}, when it is first seen`],
  ];
}

/** Says how the credential that this one replaces will end; `undefined`: it replaces none. */
export function endOfOld({ credentials }: Device, fingerprint: string, now: number): string | undefined {
  const next = credentials.find((each) => each.fingerprint === fingerprint);
  const old = credentials.find((each) => each.fingerprint === next?.replaces);
  if (old === undefined) return undefined;
  const latest = old.retireBy === null ? "" : `, or ${timeWithHint(old.retireBy, now)} at the latest`;
  return `the old one, ${short(old.fingerprint)}, ends when the new one is first seen${latest}`;
}

/** Why the status is what it is, if anybody said. A Worker deployed before there were reasons does not. */
function reason({ statusReason }: Device): string | null {
  const text = (statusReason ?? "").trim().replace(/\s+/g, " ");
  return text === "" ? null : printable(text);
}

/** The code that the device shows, too, while it is waiting for approval. */
function comparison({ status, comparisonCode }: Device): string | null {
  if (status !== "pending" || comparisonCode === null) return null;
  return `${groupedCode(comparisonCode)}: approve it if the device shows the same code`;
}

/** What `show` and `status` say about a lost device where `canWipeAnything` is false. */
export const NOTHING_TO_WIPE = "no app here has the profile bitwarden: nothing will be deleted";

/** Whether a lost browser was told to clear what it stores. */
function clearing({ wipe: receipt }: Device, now: number): string {
  const also = "end its session at the identity provider, too";
  return receipt === null
    ? `not told to clear what it stores: it hasn't been seen since it was reported lost; ${also}`
    : `told to clear what it stores ${timeWithHint(receipt.firstAt, now)}; ${also}`;
}

/**
 * Whether a lost device has received the answer that makes Bitwarden delete its vault, which only certificates ever do,
 * or the one that makes a browser clear what it stores.
 */
function wipe(device: Device, now: number, wipes: boolean): string | null {
  const { status, kind, wipe: receipt, lastSeen, statusSince } = device;
  if (status === "lost" && kind === "browser") return clearing(device, now);
  if (status !== "lost" || kind !== "certificate") return null;
  if (receipt !== null) {
    const { firstAt, lastAt, count, tokenRefresh } = receipt;
    const token = tokenRefresh
      ? "token refresh included"
      : "but not yet on a token refresh, which is the only one phones act on";
    const again = count > 1 ? `; at least ${count} times, last ${timeWithHint(lastAt, now)}` : "";
    return `delivered ${timeWithHint(firstAt, now)}, ${token}${again}`;
  }
  if (!wipes) return NOTHING_TO_WIPE;
  const isSeen = lastSeen !== null && Date.parse(lastSeen.at) >= Date.parse(statusSince);
  return isSeen
    ? "not delivered: seen since it was reported lost, but not on an app with the profile bitwarden"
    : "not delivered: the device hasn't been seen since it was reported lost";
}

/** What a certificate says about itself, and when it was added, if it is a device's. */
export function certificateFacts(
  certificate: CertificateDetails & { addedAt?: string },
  now: number,
): [string, string | null][] {
  const { fingerprint, subject, issuer, serial, notBefore, notAfter, addedAt } = certificate;
  const text = (value: string | null, show = printable) => (value === null ? "not known yet" : show(value));
  const time = (iso: string) => timeWithHint(iso, now);
  return [
    ["fingerprint", printable(fingerprint)],
    ["subject", text(subject, distinguishedName)],
    ["issuer", text(issuer, distinguishedName)],
    ["serial", text(serial)],
    ["valid from", text(notBefore, time)],
    ["expires", text(notAfter, time)],
    ["added", addedAt === undefined ? null : time(addedAt)],
  ];
}

/** How long a browser stays signed in. */
function signInFacts(device: Device, now: number): [string, string | null][] {
  const { until, isExtended } = signedInUntil(device);
  if (until === null || device.status === "revoked") return [];
  const time = timeWithHint(until, now);
  if (Date.parse(until) <= now) return [["signed out", `${time}; its person can sign in again`]];
  return [
    [
      "signed in",
      `until ${time}${isExtended && device.status === "active" ? ", and longer if it is used" : ""}`,
    ],
  ];
}

/** What is known about a token or a feed's secret, which has no details of its own. */
function secretFacts(
  { kind }: Device,
  { fingerprint, notBefore, notAfter }: Credential,
  now: number,
): [string, string | null][] {
  return [
    ["fingerprint", printable(fingerprint)],
    [kind === "browser" ? "first used" : "made", notBefore === null ? null : timeWithHint(notBefore, now)],
    ["expires", kind === "browser" ? null : notAfter === null ? "never" : timeWithHint(notAfter, now)],
  ];
}

/** `185.1.2.3, DE` */
export function from({ ip, country }: { ip: string | null; country: string | null }): string {
  return printable([ip, country].filter((part) => part !== null).join(", "));
}

type FormatTime = (iso: string, now: number) => string;

/** A text with times in it, which are shorter where there is little room. */
function timed(text: (format: FormatTime) => string): Cell {
  return { full: text(relativeTime), short: text(shortTime) };
}

/** With a short form: of an IPv6 address only the network, which is the part that stays the same. */
export function fromCell(place: { ip: string | null; country: string | null }): Cell {
  const network = place.ip?.includes(":") ? networkOf(place.ip) : place.ip;
  return { full: from(place), short: from({ ...place, ip: network }) };
}

/** `2001:db8:1:2::`, the first half of an address; one that is abbreviated already stays as it is. */
function networkOf(address: string): string {
  const groups = address.split(":");
  return groups.length === 8 && !groups.includes("") ? `${groups.slice(0, 4).join(":")}::` : address;
}

function expiry(notAfter: string | null, output: Output, now: number, format: FormatTime): string {
  if (notAfter === null) return "unknown";
  const left = Date.parse(notAfter) - now;
  const text = left < 0 ? `expired ${format(notAfter, now)}` : format(notAfter, now);
  return left < EXPIRES_SOON_MS ? output.style(left < 0 ? "red" : "yellow", text) : text;
}
