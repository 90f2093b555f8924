import type { Device } from "../../src/control/contract.ts";
import { parseUserId, type UserId } from "../../src/registry/user.ts";
import { ProblemFailure } from "./shared/answer.ts";
import type { Api } from "./shared/api.ts";
import { userArgument } from "./shared/arguments.ts";
import { LATCHKEY } from "./shared/called-as.ts";
import { devicesOf } from "./shared/device-reference.ts";
import { DEVICE_HEAD, deviceRow } from "./shared/device-view.ts";
import type { AddCommand } from "./shared/session.ts";

export const addDevices: AddCommand = (program, open) => {
  program
    .command("devices")
    .summary("list the devices of one user, or of all")
    .description("List the devices of one user, or of all users.")
    .argument("[user]", "the user's id; all users when left out")
    .addHelpText(
      "after",
      `
Examples:
  latchkey devices
  latchkey devices alice
  latchkey devices --json | jq -r '.devices[] | select(.status == "active") | .name'`,
    )
    .action(async (text: string | undefined) => {
      const user = text === undefined ? undefined : userArgument(text);
      const { output, now, ...session } = open();
      const api = await session.api();
      const devices = user === undefined ? await devicesOfAll(api) : await devicesOf(api, user);
      output.object({ devices, next: null });
      output.table(
        DEVICE_HEAD,
        devices.map((device) => deviceRow(device, output, now())),
        `no devices yet; enrol one with: ${LATCHKEY} enrol ${user ?? "alice"} phone --certificate phone.pem`,
      );
    });
};

/** Users whose devices are asked for at once: few enough to spare the server, enough not to wait long. */
const USERS_AT_ONCE = 4;

async function devicesOfAll(api: Api): Promise<Device[]> {
  const users = (await api.users()).flatMap(({ id }) => parseUserId(id) ?? []);
  const devices: Device[] = [];
  for (let index = 0; index < users.length; index += USERS_AT_ONCE) {
    const batch = users.slice(index, index + USERS_AT_ONCE);
    devices.push(...(await Promise.all(batch.map((user) => devicesIfAny(api, user)))).flat());
  }
  return devices;
}

/** A user removed since the list was made has no devices. */
async function devicesIfAny(api: Api, user: UserId): Promise<Device[]> {
  try {
    return await api.devices(user);
  } catch (error) {
    if (error instanceof ProblemFailure && error.code === "unknown-user") return [];
    throw error;
  }
}
