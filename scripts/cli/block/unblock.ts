import { LATCHKEY } from "../../terminal/called-as.ts";
import { failed, misuse } from "../../terminal/failure.ts";
import { plural } from "../../terminal/text.ts";
import type { AddCommand } from "../command/session.ts";
import { addTargetOptions, type Target, type TargetOptions, targetsNamed } from "../command/target.ts";
import { addBlockListOptions, type BlockListOptions, openBrake } from "./block-list.ts";

interface UnblockOptions extends BlockListOptions, TargetOptions {
  dryRun?: boolean;
}

export const addUnblock: AddCommand = (program, open) => {
  const command = program
    .command("unblock")
    .summary("take certificates off the list of blocked ones")
    .description(
      "Take certificates out of the Worker's secret BLOCKED. From then on the registry decides about them again.",
    )
    .argument("[devices...]", "USER/NAME, the device's id, or a full fingerprint of 64 hex digits")
    .option("--dry-run", "show what would be taken out, and change nothing");
  addBlockListOptions(addTargetOptions(command))
    .addHelpText(
      "after",
      `
A device that is active in the registry is let in again: revoke it first,
unless that is what you want.

Examples:
  latchkey blocked
  latchkey unblock alice/pixel-9
  latchkey unblock --certificate pixel-9.pem`,
    )
    .action(async (references: string[], options: UnblockOptions) => {
      if (references.length === 0 && options.certificate === undefined) {
        throw misuse("nothing to unblock was named", `see what is blocked: ${LATCHKEY} blocked`);
      }
      const session = open();
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
      await session.confirm(`Unblock ${labels} (${plural(removed.length, "certificate")})? ${standing}`);
      await list.write(after);
      output.lines(`${labels}: no longer blocked; ${standing}`);
      let confirmed = false;
      try {
        output.lines(await list.settle(after));
        confirmed = true;
      } finally {
        output.object({ done: true, confirmed, ...result });
      }
    });
};

/** What happens once the gate asks the registry again. */
function standingOf({ label, device }: Target): string {
  if (device === undefined) return `what the registry says of ${label} is not known here`;
  return device.status === "active"
    ? `${label} is active in the registry, and is let in again`
    : `the registry refuses ${label}: it is ${device.status}`;
}
