import type { Device, UnknownCertificate } from "../../../src/contract/requests.ts";
import { deviceNameKey } from "../../../src/domain/device.ts";
import { type Fingerprint, parseFingerprint } from "../../../src/domain/fingerprint.ts";
import { parseUserId, type UserId } from "../../../src/domain/user.ts";
import { ProblemFailure, withUnknownUser } from "../../client/answer.ts";
import type { Api } from "../../client/api.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { failed, misuse } from "../../terminal/failure.ts";
import { nearest, printable, shellWord } from "../../terminal/text.ts";
import { localTime } from "../../terminal/time.ts";
import { deviceLabel } from "../devices/view.ts";
import { userArgument } from "./arguments.ts";

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** Whether a word names a device, and no fingerprint. */
export function isDeviceReference(text: string): boolean {
  return text.includes("/") || UUID.test(text);
}

/** Which device a name means when a living and a revoked device share it. */
export type Preference = "not-revoked" | "revoked";

/**
 * Finds the device that the caller names:
 * - `alice/pixel-9`: the user, then everything after the first slash is the device's name, in any
 *   case; of several, the one that is not revoked, then the one that is written so;
 * - `alice/ID`, or an id alone: every user is asked then.
 */
export async function findDevice(
  api: Api,
  reference: string,
  preference: Preference = "not-revoked",
): Promise<Device> {
  if (UUID.test(reference)) return findById(api, reference.toLowerCase());
  const slash = reference.indexOf("/");
  if (slash <= 0 || slash === reference.length - 1) {
    throw misuse(
      `'${printable(reference)}' does not name a device`,
      `write USER/NAME, such as alice/pixel-9, or the device's id; ${LATCHKEY} devices lists them`,
    );
  }
  const user = userArgument(reference.slice(0, slash));
  const name = reference.slice(slash + 1);
  const devices = await devicesOf(api, user);
  const matches = matchByName(devices, name, preference);
  const [found, ...others] =
    matches.length > 0 ? matches : devices.filter(({ id }) => id === name.toLowerCase());
  if (found === undefined) throw noSuchDevice(user, name, devices);
  if (others.length > 0) {
    throw failed(
      `${user} has ${matches.length} devices named '${printable(name)}'`,
      "name the one you mean by its id",
      matches.map(({ id, status, enrolledAt }) => `${id}  ${status}, enrolled ${localTime(enrolledAt)}`),
    );
  }
  return found;
}

/** The devices of a user who may not exist. */
export async function devicesOf(api: Api, user: UserId): Promise<Device[]> {
  try {
    return await api.devices(user);
  } catch (error) {
    throw withUnknownUser(error, user);
  }
}

/** Status before spelling: the revoked `Pixel` must not be taken for the `pixel` that is still let in. */
function matchByName(devices: readonly Device[], name: string, preference: Preference): Device[] {
  const same = devices.filter((device) => deviceNameKey(device.name) === deviceNameKey(name));
  const preferred = same.filter(({ status }) => (status === "revoked") === (preference === "revoked"));
  const matches = preferred.length > 0 ? preferred : same;
  const exact = matches.filter((device) => device.name === name);
  return exact.length > 0 ? exact : matches;
}

async function findById(api: Api, id: string): Promise<Device> {
  for (const user of await api.users()) {
    const userId = parseUserId(user.id);
    if (userId === undefined) continue;
    try {
      return await api.device(userId, id);
    } catch (error) {
      const elsewhere =
        error instanceof ProblemFailure && (error.code === "unknown-device" || error.code === "unknown-user");
      if (!elsewhere) throw error;
    }
  }
  throw failed(`no user has a device with the id ${id}`, `list the devices with: ${LATCHKEY} devices`);
}

function noSuchDevice(user: UserId, name: string, devices: readonly Device[]) {
  const near = nearest(
    name,
    devices.map((device) => device.name),
  );
  const hint =
    near.length > 0
      ? `did you mean ${near.map((candidate) => shellWord(`${user}/${candidate}`)).join(" or ")}`
      : `list the devices with: ${LATCHKEY} devices ${user}`;
  return failed(`${user} has no device named '${printable(name)}'`, hint);
}

/** The fewest digits that may stand for a waiting fingerprint: as many as the gate's log shows. */
const PREFIX_MIN_DIGITS = 8;

/** A whole fingerprint, or the first digits of exactly one that is waiting. */
export async function findUnknownCertificate(api: Api, text: string): Promise<Fingerprint> {
  const whole = parseFingerprint(text);
  if (whole !== undefined) return whole;
  const prefix = text.replaceAll(":", "").toLowerCase();
  if (!/^[0-9a-f]*$/.test(prefix) || prefix.length < PREFIX_MIN_DIGITS || prefix.length > 64) {
    throw misuse(
      `'${printable(text)}' is not a fingerprint`,
      `give its 64 hex digits, or at least the first ${PREFIX_MIN_DIGITS} of one that is waiting`,
    );
  }
  const matches = (await api.unknownCertificates()).filter(({ fingerprint }) =>
    fingerprint.startsWith(prefix),
  );
  const [found, ...others] = matches;
  const fingerprint = parseFingerprint(found?.fingerprint);
  if (fingerprint === undefined) {
    throw failed(
      `no waiting certificate begins with ${prefix}`,
      `list what is waiting with: ${LATCHKEY} unknown`,
    );
  }
  if (others.length > 0) {
    throw failed(
      `${matches.length} waiting certificates begin with ${prefix}`,
      "give more digits",
      matches.map(describe),
    );
  }
  return fingerprint;
}

function describe({ fingerprint, subject }: UnknownCertificate): string {
  return `${printable(fingerprint)}  ${printable(subject ?? "unknown subject")}`;
}

/** How a device is named back to the caller. */
export function referenceTo(device: Device): string {
  return shellWord(deviceLabel(device));
}
