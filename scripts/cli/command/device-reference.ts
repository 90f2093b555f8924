// How a command line names a device, and how a device is named back.
import type { Device } from "../../../src/contract/answers.ts";
import { deviceNameKey } from "../../../src/domain/device.ts";
import { nearest } from "../../../src/domain/general/nearest.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { orAbsent } from "../../client/answer.ts";
import type { Api } from "../../client/api.ts";
import { deviceLabel } from "../../client/device.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { failed, misuse } from "../../terminal/failure.ts";
import { printable, shellWord } from "../../terminal/text.ts";
import { localTime } from "../../terminal/time.ts";
import { userArgument } from "./arguments.ts";

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** Whether a word could name a device. */
export function looksLikeDevice(text: string): boolean {
  return UUID.test(text) || /^[a-z0-9-]+\/[^/]+$/.test(text);
}

/** Which device a name means when a revoked device has it as well as another. */
type Preference = "not-revoked" | "revoked";

/**
 * Finds the device that the caller names:
 * - `alice/pixel-9`: the user, then everything after the first slash is the device's name, in any case; of several,
 *   the one that is not revoked, then the one spelled exactly so;
 * - `alice/ID`, or only an id: then every user is searched.
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
  const devices = await api.devices(user);
  const matches = matchByName(devices, name, preference);
  const [found, ...others] =
    matches.length > 0 ? matches : devices.filter(({ id }) => id === name.toLowerCase());
  if (found === undefined) throw noSuchDevice(user, name, devices);
  if (others.length > 0) {
    throw failed(
      `${user} has ${matches.length} devices named '${printable(name)}'`,
      "give the id of the one you mean",
      matches.map(({ id, status, enrolledAt }) => `${id}  ${status}, enrolled ${localTime(enrolledAt)}`),
    );
  }
  return found;
}

/** Status before spelling: a revoked `Pixel` must not be taken for the `pixel` that is still let in. */
function matchByName(devices: readonly Device[], name: string, preference: Preference): Device[] {
  const same = devices.filter((device) => deviceNameKey(device.name) === deviceNameKey(name));
  const preferred = same.filter(({ status }) => (status === "revoked") === (preference === "revoked"));
  const matches = preferred.length > 0 ? preferred : same;
  const exact = matches.filter((device) => device.name === name);
  return exact.length > 0 ? exact : matches;
}

async function findById(api: Api, id: string): Promise<Device> {
  for (const user of await api.users()) {
    const device = await orAbsent(api.device(userArgument(user.id), id), "unknown-device", "unknown-user");
    if (device !== undefined) return device;
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

/** How a device is named in a command to copy. */
export function referenceTo(device: Device): string {
  return shellWord(deviceLabel(device));
}
