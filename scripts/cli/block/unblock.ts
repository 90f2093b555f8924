// What the emergency brake refuses: listing it, and taking it off the list.
import type { DeviceStatus } from "../../../src/domain/device.ts";
import { ofAllUsers } from "../../client/all-users.ts";
import { deviceLabel } from "../../client/device.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { Failure, failed, misuse } from "../../terminal/failure.ts";
import { plural, printable, short } from "../../terminal/text.ts";
import type { AddCommand } from "../command/command.ts";
import type { Session } from "../command/session.ts";
import { type Target, type TargetOptions, targetOptions, targetsNamed } from "../command/target.ts";
import { BLOCKED_MAX, type BlockListOptions, blockListOptions, openBrake, putInForce } from "./block-list.ts";

interface UnblockOptions extends BlockListOptions, TargetOptions {
  dryRun?: boolean;
}

export const addUnblock: AddCommand = (program) => {
  program
    .command("unblock")
    .summary("take a device off the list of blocked ones")
    .description(
      "Take a device's certificates, tokens or feed URLs out of the Worker's secret BLOCKED. From then on the registry decides about them again.",
    )
    .argument("[devices...]", "USER/NAME, the device's id, or a full fingerprint of 64 hex digits")
    .option("--dry-run", "show what would be taken off, and change nothing")
    .with(targetOptions)
    .with(blockListOptions)
    .notes(`
A device that is active in the registry is let in again: revoke it first,
unless that is what you want.

Examples:
  latchkey blocked
  latchkey unblock alice/pixel-9
  latchkey unblock --certificate pixel-9.pem`)
    .run(async (session, references: string[], options: UnblockOptions) => {
      if (references.length === 0 && options.certificate === undefined) {
        throw misuse("nothing to unblock was named", `see what is blocked: ${LATCHKEY} blocked`);
      }
      const { output } = session;
      const { list, atCloudflare } = await openBrake(session, options);
      if (options.dryRun !== true) await atCloudflare?.client();
      const targets = await targetsNamed(session, references, options, atCloudflare);
      const before = await list.read();
      const removed = before.filter((each) =>
        targets.some(({ fingerprints }) => fingerprints.includes(each)),
      );
      const after = before.filter((each) => !removed.includes(each));
      const labels = targets.map(({ label }) => label).join(", ");
      if (removed.length === 0) {
        throw failed(`${labels}: not blocked`, `see what is blocked: ${LATCHKEY} blocked`);
      }
      const result = { blocked: after, removed };
      const standing = targets.map(standingOf).join("; ");
      if (options.dryRun === true) {
        output.object({ done: false, ...result });
        output.lines(`would unblock ${labels} (${standing}); nothing was changed`);
        return;
      }
      await session.confirm(`Unblock ${labels} (${plural(removed.length, "credential")})? ${standing}`);
      await putInForce(session, list, after, result, `${labels}: no longer blocked; ${standing}`);
    });
};

/** What happens once the gate asks the registry again. */
function standingOf({ label, device }: Target): string {
  if (device === undefined) return `what the registry says about ${label} is not known`;
  return device.status === "active"
    ? `${label} is active in the registry, and is let in again`
    : `the registry refuses ${label}: it is ${device.status}`;
}

export const addBlocked: AddCommand = (program) => {
  program
    .command("blocked")
    .summary("list what is blocked without the registry")
    .description(
      "List the certificates, tokens and feed URLs that the gate refuses whatever the registry says, with their devices.",
    )
    .with(blockListOptions)
    .notes(`
The list comes from the gate itself, the devices' names from the registry, if it
answers.

Examples:
  latchkey blocked
  latchkey blocked --edge .latchkey
  latchkey blocked --json | jq -r '.blocked[].fingerprint'`)
    .lists(async (session, _, options: BlockListOptions) => {
      const { output } = session;
      const { list } = await openBrake(session, options);
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
          // Without a device, nothing else says which one it is.
          device === null ? fingerprint : { full: fingerprint, short: short(fingerprint) },
          device === null ? "unknown" : printable(device),
          status === null ? "unknown" : output.status(status),
        ]),
        "nothing is blocked",
      );
      if (blocked.length > 0)
        output.lines("", `${plural(blocked.length, "credential")} of at most ${BLOCKED_MAX}`);
    });
};

interface Named {
  device: string;
  status: DeviceStatus;
}

/** By fingerprint; empty if the registry does not answer: the list matters more than the names. */
async function devicesBy(session: Session): Promise<Map<string, Named>> {
  try {
    const api = await session.connect();
    const devices = await ofAllUsers(api, api.devices);
    return new Map(
      devices.flatMap((device) =>
        device.credentials.map(({ fingerprint }) => [
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
