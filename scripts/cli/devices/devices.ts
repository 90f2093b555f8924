// The devices and their records: list, show, rename, note, forget.

import type { Device } from "../../../src/contract/answers.ts";
import { ofUsers } from "../../client/all-users.ts";
import { withHint } from "../../client/answer.ts";
import { deviceLabel, living } from "../../client/device.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { deviceNameArgument, durationOption, userArgument } from "../command/arguments.ts";
import type { AddCommand } from "../command/command.ts";
import { findDevice, referenceTo } from "../command/device-reference.ts";
import { canWipeAnything } from "../command/target.ts";
import { devicesTable, showDevice } from "./view.ts";

/** What `--expiring` takes, in seconds: up to ten years. */
const EXPIRING_SECONDS = { min: 60, max: 3650 * 24 * 3600 };

export const addDevices: AddCommand = (program) => {
  program
    .command("devices")
    .aliases(["ls", "list"])
    .summary("list the devices of one user, or of all")
    .description("List the devices of one user, or of all users.")
    .argument("[user]", "the user's id; all users when left out")
    .option("--expiring <time>", "only those that expire within this time, or have expired")
    .notes(`
With --expiring, what expires first comes first: a certificate, a token, or the
device itself (see limit). Revoked devices are left out, and so are browsers,
which stay signed in while they are used. A time is a number and d, h or m: 30d,
12h, 90m.

Examples:
  latchkey devices
  latchkey devices alice
  latchkey devices --expiring 30d
  latchkey devices --json | jq -r '.devices[].name'
  latchkey devices list list    (of a user whose id is list)`)
    .lists(async ({ output, now, connect }, text, { expiring }: { expiring?: string }) => {
      const user = text === undefined ? undefined : userArgument(text);
      const seconds =
        expiring === undefined ? undefined : durationOption("--expiring", expiring, EXPIRING_SECONDS);
      const api = await connect();
      const all = await ofUsers(api, user, api.devices);
      const devices = seconds === undefined ? all : expiringBefore(all, now() + seconds * 1000);
      output.object({ devices, next: null });
      devicesTable(
        devices,
        output,
        now(),
        expiring !== undefined
          ? `nothing expires within ${expiring}`
          : `no devices yet; enrol one with: ${LATCHKEY} enrol ${user ?? "alice"} phone --certificate phone.pem`,
      );
    });
};

/**
 * Devices that expire by this time, in milliseconds; the first to expire comes first. A browser's sign-in lasts while it
 * is used, and nobody renews it.
 */
function expiringBefore(devices: readonly Device[], time: number): Device[] {
  return devices
    .filter(({ status, kind }) => status !== "revoked" && kind !== "browser")
    .map((device) => ({ device, end: firstExpiry(device) }))
    .filter(({ end }) => end <= time)
    .sort((a, b) => a.end - b.end)
    .map(({ device }) => device);
}

/** When the first of its credentials expires, or the device itself; never, as long as no date is known. */
function firstExpiry(device: Device): number {
  const ends = [device.expiresAt, ...living(device).map(({ notAfter }) => notAfter)];
  return Math.min(
    ...ends.flatMap((end) => (end === null ? [] : [Date.parse(end)])),
    Number.POSITIVE_INFINITY,
  );
}

export const addShow: AddCommand = (program) => {
  program
    .command("show")
    .summary("show everything about a device")
    .description(
      "Show everything about a device: its id, status, limits, credentials, note, and when it was last seen.",
    )
    .device()
    .run(async (session, reference: string) => {
      const { output, now, connect } = session;
      const device = await findDevice(await connect(), reference);
      output.object(device);
      const isWaiting =
        !output.json && device.kind === "certificate" && device.status === "lost" && device.wipe === null;
      showDevice(device, output, now(), !isWaiting || (await canWipeAnything(session)));
    });
};

export const addRename: AddCommand = (program) => {
  program
    .command("rename")
    .summary("give a device another name")
    .description("Give a device another name. Nothing else changes, and its history stays.")
    .device()
    .argument("<name>", "the new name, without the user")
    .addHelpText("after", "\nExample:\n  latchkey rename alice/pixel-9 old-pixel")
    .run(async ({ output, connect }, reference: string, nameText: string) => {
      const name = deviceNameArgument(nameText);
      const api = await connect();
      const device = await findDevice(api, reference);
      const renamed = await api.edit(device, { name });
      output.object(renamed);
      output.lines(`${deviceLabel(device)} is now ${deviceLabel(renamed)}`);
    });
};

export const addNote: AddCommand = (program) => {
  program
    .command("note")
    .summary("write a device's note")
    .description("Write a device's note, replacing the old one. An empty text removes it.")
    .device()
    .argument("<text>", "the note")
    .notes(`
Examples:
  latchkey note alice/pixel-9 "screen broken, in repair"
  latchkey note alice/pixel-9 ""`)
    .run(async ({ output, connect }, reference: string, text: string) => {
      const api = await connect();
      const device = await api.edit(await findDevice(api, reference), { note: text === "" ? null : text });
      output.object(device);
      output.lines(`${text === "" ? "removed" : "wrote"} the note of ${deviceLabel(device)}`);
    });
};

/** What becomes of what the device showed. */
const FORGOTTEN: Record<Device["kind"], string> = {
  certificate: "its certificate is unknown now, and can be enrolled again",
  token: "its token is unknown now, and stays refused",
  feed: "its feed URL is unknown now, and stays refused",
  browser: "its person can sign in with it again, as another device",
};

export const addForget: AddCommand = (program) => {
  program
    .command("forget")
    .summary("delete the record of a revoked device")
    .description(
      "Delete the record of a revoked device. Its certificate can then be enrolled again; the audit log stays.",
    )
    .device()
    .run(async ({ output, connect, confirm }, reference: string) => {
      const api = await connect();
      const device = await findDevice(api, reference, "revoked");
      const label = deviceLabel(device);
      if (device.status === "revoked") {
        await confirm(`Forget the revoked device ${label}? (id ${device.id})`);
      }
      try {
        await api.forget(device);
      } catch (error) {
        throw withHint(error, "not-revoked", `revoke it first: ${LATCHKEY} revoke ${referenceTo(device)}`);
      }
      output.lines(`forgot ${label}: ${FORGOTTEN[device.kind]}`);
    });
};
