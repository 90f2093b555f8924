import type { Device } from "../../../src/contract/requests.ts";
import { RETIREMENT_MAX_SECONDS } from "../../../src/contract/requests.ts";
import { withHint } from "../../client/answer.ts";
import type { Api, Made } from "../../client/api.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { failed, misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";
import { referenceTo } from "../command/device-reference.ts";
import { parseDuration } from "../command/duration.ts";
import { deviceLabel, living } from "../devices/view.ts";

// What renewing a certificate is made of, wherever the next certificate comes from.

/** `2026-12-24`, alone or with a time of day, which is in local time unless it says otherwise (ISO 8601). */
const DATE = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?)?$/;

/**
 * When the old certificate ends at the latest, as an option says it: a date, or a time span from now. In
 * milliseconds since 1970. Throws a misuse for what is neither, or not to come.
 */
export function untilOption(option: string, text: string, now: number): number {
  const seconds = parseDuration(text);
  const written = `${option} '${printable(text)}'`;
  // A date without a time would be read as UTC.
  const until =
    seconds === undefined
      ? DATE.test(text)
        ? Date.parse(text.includes("T") ? text : `${text}T00:00`)
        : Number.NaN
      : now + seconds * 1000;
  if (Number.isNaN(until)) {
    throw misuse(`${written} is neither a date nor a time span`, "write a date such as 2026-12-24, or 30d");
  }
  if (until <= now || until > now + RETIREMENT_MAX_SECONDS * 1000) {
    throw misuse(
      `${written} is in the past, or more than ten years away`,
      "give a time within the next ten years",
    );
  }
  return until;
}

/** Before a certificate is made for it: fails where `addCertificate` would. */
export function requireRenewable(device: Device): void {
  const label = deviceLabel(device);
  if (device.status !== "active" && device.status !== "suspended") {
    throw failed(`${label} is ${device.status}`, ONLY_LIVING);
  }
  if (living(device).length > 1) {
    throw failed(`${label} is being renewed already`, endOne(device));
  }
}

const ONLY_LIVING = "only a device that is active or suspended is renewed";
const endOne = (device: Device) =>
  `wait until the old certificate ends, or end one of the two: ${LATCHKEY} retire ${referenceTo(device)} FINGERPRINT`;

/**
 * Gives a device its next certificate (PEM). The one that it has ends when the next one is first seen, and at
 * `retireBy` at the latest (milliseconds since 1970; `undefined` = no date). Repeating changes nothing.
 */
export async function addCertificate(
  api: Api,
  device: Device,
  pem: string,
  retireBy: number | undefined,
): Promise<Made<Device>> {
  try {
    return await api.addCertificate(device, {
      certificate: pem,
      ...(retireBy === undefined ? {} : { retireBy: new Date(retireBy).toISOString() }),
    });
  } catch (error) {
    throw withHint(
      withHint(error, "forbidden-transition", ONLY_LIVING),
      "too-many-certificates",
      endOne(device),
    );
  }
}
