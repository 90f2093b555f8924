import type { DeviceStatus } from "../../../src/domain/device.ts";
import { ofAllUsers } from "../../client/all-users.ts";
import { Failure } from "../../terminal/failure.ts";
import { plural, printable, short } from "../../terminal/text.ts";
import type { AddCommand, Session } from "../command/session.ts";
import { addListVerb } from "../command/subcommand.ts";
import { deviceLabel } from "../devices/view.ts";
import { addBlockListOptions, BLOCKED_MAX, type BlockListOptions, openBrake } from "./block-list.ts";

export const addBlocked: AddCommand = (program, open) => {
  const command = program
    .command("blocked")
    .summary("list the certificates that are blocked without the registry")
    .description(
      "List the certificates that the gate refuses whatever the registry says, with their devices.",
    );
  addBlockListOptions(command).addHelpText(
    "after",
    `
The list comes from the gate itself, the devices' names from the registry if it
answers.

Examples:
  latchkey blocked
  latchkey blocked --edge .latchkey
  latchkey blocked --json | jq -r '.blocked[].fingerprint'`,
  );
  addListVerb(command, async () => {
    const session = open();
    const { output } = session;
    const { list } = await openBrake(session, command.opts<BlockListOptions>());
    const fingerprints = await list.read();
    const devices = fingerprints.length === 0 ? new Map<string, Named>() : await devicesBy(session);
    const blocked = fingerprints.map((fingerprint) => ({
      fingerprint,
      ...(devices.get(fingerprint) ?? { device: null, status: null }),
    }));
    output.object({ blocked });
    output.table(
      ["FINGERPRINT", "DEVICE", "STATUS"],
      blocked.map(({ fingerprint, device, status }) => [
        // Of one that no device has, nothing else says which it is.
        device === null ? fingerprint : { full: fingerprint, short: short(fingerprint) },
        device === null ? "unknown" : printable(device),
        status === null ? "unknown" : output.status(status),
      ]),
      "nothing is blocked",
    );
    if (blocked.length > 0)
      output.lines("", `${plural(blocked.length, "certificate")} of at most ${BLOCKED_MAX}`);
  });
};

interface Named {
  device: string;
  status: DeviceStatus;
}

/** By fingerprint; nothing where the registry does not answer: the list is worth more than the names. */
async function devicesBy(session: Session): Promise<Map<string, Named>> {
  try {
    const api = await session.api();
    const devices = await ofAllUsers(api, api.devices);
    return new Map(
      devices.flatMap((device) =>
        device.certificates.map(({ fingerprint }) => [
          fingerprint,
          { device: deviceLabel(device), status: device.status },
        ]),
      ),
    );
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    session.output.aside(`the devices' names are not known: ${error.message}`);
    return new Map();
  }
}
