import type { Device } from "../../../src/contract/requests.ts";
import { ofAllUsers } from "../../client/all-users.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { userArgument } from "../command/arguments.ts";
import { devicesOf } from "../command/device-reference.ts";
import { durationOption } from "../command/duration.ts";
import type { AddCommand } from "../command/session.ts";
import { addListVerb } from "../command/subcommand.ts";
import { DEVICE_HEAD, deviceRow, living } from "./view.ts";

/** What `--expiring` takes, in seconds: up to ten years. */
const EXPIRING_SECONDS = { min: 60, max: 3650 * 24 * 3600 };

export const addDevices: AddCommand = (program, open) => {
  const command = program
    .command("devices")
    .aliases(["ls", "list"])
    .summary("list the devices of one user, or of all")
    .description("List the devices of one user, or of all users.")
    .argument("[user]", "the user's id; all users when left out")
    .option("--expiring <time>", "only those whose certificate expires within this time, or has expired")
    .addHelpText(
      "after",
      `
With --expiring, the certificate that expires first comes first; revoked devices
are left out. A time is a number and d, h or m: 30d, 12h, 90m.

Examples:
  latchkey devices
  latchkey devices alice
  latchkey devices --expiring 30d
  latchkey devices --json | jq -r '.devices[].name'
  latchkey devices list list    (of a user whose id is list)`,
    );
  addListVerb(command, async (text) => {
    const { expiring } = command.opts<{ expiring?: string }>();
    const user = text === undefined ? undefined : userArgument(text);
    const seconds =
      expiring === undefined ? undefined : durationOption("--expiring", expiring, EXPIRING_SECONDS);
    const { output, now, ...session } = open();
    const api = await session.api();
    const all = user === undefined ? await ofAllUsers(api, api.devices) : await devicesOf(api, user);
    const devices = seconds === undefined ? all : endingBefore(all, now() + seconds * 1000);
    output.object({ devices, next: null });
    output.table(
      DEVICE_HEAD,
      devices.map((device) => deviceRow(device, output, now())),
      expiring !== undefined
        ? `no certificate ends within ${expiring}`
        : `no devices yet; enrol one with: ${LATCHKEY} enrol ${user ?? "alice"} phone --certificate phone.pem`,
    );
  });
};

/** Devices that a certificate's end will shut out by this time, in milliseconds; the first one first. */
function endingBefore(devices: readonly Device[], time: number): Device[] {
  return devices
    .filter(({ status }) => status !== "revoked")
    .map((device) => ({ device, end: firstEnd(device) }))
    .filter(({ end }) => end <= time)
    .sort((a, b) => a.end - b.end)
    .map(({ device }) => device);
}

/** When the first of its certificates ends that is not retired; what nobody knows yet is never. */
function firstEnd(device: Device): number {
  const ends = living(device).flatMap(({ notAfter }) => (notAfter === null ? [] : [Date.parse(notAfter)]));
  return Math.min(...ends, Number.POSITIVE_INFINITY);
}
