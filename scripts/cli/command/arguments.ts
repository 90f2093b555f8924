// The words of a command line that several commands take, read as strictly as the API reads them, before anything is
// sent: users, device names, fingerprints, hosts, time spans, and the password of a certificate file.
import type { Command } from "commander";
import { deviceNameProblem } from "../../../src/domain/device.ts";
import { FINGERPRINT_HINT, type Fingerprint, parseFingerprint } from "../../../src/domain/fingerprint.ts";
import { isHostname } from "../../../src/domain/request/hostname.ts";
import { parseUserId, USER_ID_HINT, type UserId } from "../../../src/domain/user.ts";
import type { PasswordSource } from "../../certificates/certificate-file.ts";
import { misuse } from "../../terminal/failure.ts";
import { plural, printable } from "../../terminal/text.ts";
import type { Session } from "./session.ts";

export function userArgument(text: string): UserId {
  const user = parseUserId(text);
  if (user === undefined) throw misuse(`'${printable(text)}' is not a user id`, USER_ID_HINT);
  return user;
}

export function deviceNameArgument(text: string): string {
  const problem = deviceNameProblem(text);
  if (problem === undefined) return text;
  throw misuse(`'${printable(text)}' is not a device name: ${problem}`, "put a name with spaces in quotes");
}

export function fingerprintArgument(text: string): Fingerprint {
  const fingerprint = parseFingerprint(text);
  if (fingerprint === undefined) throw misuse(`'${printable(text)}' is not a fingerprint`, FINGERPRINT_HINT);
  return fingerprint;
}

/** The fewest digits that may stand for a fingerprint: as many as lists and the gate's log show. */
export const PREFIX_MIN_DIGITS = 8;

/** The first digits of a fingerprint, or all of them, as the API writes them. `of` completes the hint. */
export function fingerprintPrefix(text: string, of = ""): string {
  const digits = text.replaceAll(":", "").toLowerCase();
  if (/^[0-9a-f]*$/.test(digits) && digits.length >= PREFIX_MIN_DIGITS && digits.length <= 64) return digits;
  throw misuse(
    `'${printable(text)}' is not a fingerprint`,
    `give its 64 hex digits, or at least the first ${PREFIX_MIN_DIGITS}${of}`,
  );
}

/** `--app`, in lower case. */
export function appOption(text: string): string {
  const host = text.toLowerCase();
  if (isHostname(host)) return host;
  throw misuse(
    `--app '${printable(text)}' is not a hostname`,
    "give only the host, such as vault.example.com",
  );
}

/** An option that is a whole number from 1 to `max`. `what`: it counts these. */
export function numberOption(option: string, text: string, max: number, what: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= max) return number;
  throw misuse(`${option} '${printable(text)}' is not a number of ${what}`, `give 1 to ${max}`);
}

/** The units of a time span, largest first, in seconds. */
const UNITS = [
  ["d", "day", 24 * 3600],
  ["h", "hour", 3600],
  ["m", "minute", 60],
] as const;

const DURATION = /^(\d{1,6})([dhm])$/;

/** `30d`, `12h`, `90m` in seconds; `undefined` for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, number, unit] = DURATION.exec(text) ?? [];
  const seconds = UNITS.find(([letter]) => letter === unit)?.[2];
  return seconds === undefined ? undefined : Number(number) * seconds;
}

/** `7 days`, in the largest unit that divides it evenly. */
export function durationText(seconds: number): string {
  const [, name, size] = UNITS.find(([, , size]) => seconds % size === 0) ?? ["s", "second", 1];
  return plural(seconds / size, name);
}

/** An option's time span in seconds, both bounds allowed. `or`: what else the option takes, for the hint. */
export function durationOption(
  option: string,
  text: string,
  { min, max }: { min: number; max: number },
  or?: string,
): number {
  const seconds = parseDuration(text);
  if (seconds !== undefined && seconds >= min && seconds <= max) return seconds;
  const written = `${option} '${printable(text)}'`;
  const allowed = `${durationText(min)} to ${durationText(max)}${or === undefined ? "" : `, or ${or}`}`;
  throw seconds === undefined
    ? misuse(
        `${written} is not a time span`,
        `write a number and d, h or m, such as 30d, 12h or 90m: ${allowed}`,
      )
    : misuse(`${written} is too short or too long`, `give ${allowed}`);
}

export interface PasswordOptions {
  password?: string;
}

export const PASSWORD_HELP = `The password of a PKCS#12 file is asked for if it has one. Programs set
LATCHKEY_P12_PASSWORD: other users of this machine can see --password.`;

export function passwordOption(command: Command): Command {
  return command.option("--password <password>", "the password of a PKCS#12 file");
}

export function passwordSource(
  { password }: PasswordOptions,
  { environment, prompt }: Pick<Session, "environment" | "prompt">,
): PasswordSource {
  return {
    given: password ?? environment.LATCHKEY_P12_PASSWORD,
    ask: () => prompt.password("Password of the PKCS#12 file"),
  };
}
