import { deviceNameKey } from "../../src/domain/device.ts";
import { misuse } from "../terminal/failure.ts";
import { printable } from "../terminal/text.ts";
import type { Backup } from "./backup-file.ts";

export type BackedUpDevice = Backup["users"][number]["devices"][number];

/** The one device of a backup that is named: `alice/pixel-9`, `alice/ID`, or only an id. */
export function deviceInBackup({ users }: Backup, reference: string): BackedUpDevice {
  const slash = reference.indexOf("/");
  const [user, name] = [reference.slice(0, Math.max(slash, 0)), reference.slice(slash + 1)];
  const devices = users.flatMap((each) => (slash === -1 || each.id === user ? each.devices : []));
  const byId = devices.filter(({ id }) => id === name.toLowerCase());
  const byName =
    slash === -1 ? [] : devices.filter((device) => deviceNameKey(device.name) === deviceNameKey(name));
  const [found, ...others] = byId.length > 0 ? byId : byName;
  if (found === undefined) {
    throw misuse(
      `the backup has no device '${printable(reference)}'`,
      "write USER/NAME as the difference shows it, or the device's id",
    );
  }
  if (others.length > 0) {
    throw misuse(
      `the backup has ${others.length + 1} devices '${printable(reference)}'`,
      "name the one you mean by its id",
      [found, ...others].map(({ id, status }) => `${printable(id)}  ${status}`),
    );
  }
  return found;
}
