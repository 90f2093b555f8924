// The emergency brake: refusing certificates and tokens at the gate, without the registry.
import type { Fingerprint } from "../../../src/domain/fingerprint.ts";
import { isOutOfOrder } from "../../client/answer.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { failed, misuse } from "../../terminal/failure.ts";
import { progress } from "../../terminal/output.ts";
import { plural, shellWord } from "../../terminal/text.ts";
import { PASSWORD_HELP } from "../command/arguments.ts";
import type { AddCommand } from "../command/command.ts";
import { requireWipe, type TargetOptions, targetOptions, targetsNamed } from "../command/target.ts";
import {
  BLOCKED_MAX,
  type BlockList,
  type BlockListOptions,
  blockListOptions,
  openBrake,
  putInForce,
} from "./block-list.ts";

interface BlockOptions extends BlockListOptions, TargetOptions {
  replace?: boolean;
  dryRun?: boolean;
  force?: boolean;
}

export const addBlock: AddCommand = (program) => {
  program
    .command("block")
    .summary("the emergency brake: refuse a device without the registry")
    .description(
      "Refuse a device's certificates, tokens or feed URLs at the gate, whatever the registry says: for when the registry cannot be written. Their fingerprints go into the Worker's secret BLOCKED. unblock takes them out again.",
    )
    .argument("[devices...]", "USER/NAME, the device's id, or a full fingerprint of 64 hex digits")
    .option("--replace", "make the list exactly this, whatever it is now: for a gate that does not answer")
    .option("--force", "even if the device is lost and has not received the wipe yet")
    .option("--dry-run", "show what would be blocked, and change nothing")
    .with(targetOptions)
    .with(blockListOptions)
    .notes(`
Needs CLOUDFLARE_API_TOKEN with Account > Workers Scripts > Edit, and the
ADMIN_TOKEN to read the list from the gate. If the registry does not answer, the
certificates are looked up at Cloudflare, by the names that issue gives them.
The list holds ${BLOCKED_MAX}: revoke in the registry as soon as it answers, then unblock.

${PASSWORD_HELP}

Examples:
  latchkey block alice/pixel-9
  latchkey block alice/pixel-9 --backup latchkey.json
  latchkey block --certificate pixel-9.pem --yes
  latchkey block alice/alice-phone --edge .latchkey`)
    .run(async (session, references: string[], options: BlockOptions) => {
      if (references.length === 0 && options.certificate === undefined) {
        throw misuse(
          "nothing to block was named",
          `name a device or a fingerprint, see ${LATCHKEY} block --help`,
        );
      }
      const { output } = session;
      const brake = await openBrake(session, options);
      // A missing token is reported before anything is done.
      if (options.dryRun !== true) await brake.atCloudflare?.client();
      // Both at the same time: a gate that hangs is waited for only once.
      const reading = listBefore(brake.list, options.replace === true);
      reading.catch(() => undefined);
      const targets = await targetsNamed(session, references, options, brake.atCloudflare);
      if (options.force !== true) for (const target of targets) await requireWipe(session, target);

      const wanted = targets.flatMap(({ fingerprints }) => fingerprints);
      const before = await reading;
      const after = [...new Set([...(options.replace === true ? [] : (before ?? [])), ...wanted])].sort();
      requireRoom(after);
      const labels = targets.map(({ label }) => label).join(", ");
      const result = { blocked: after, added: wanted.filter((each) => before?.includes(each) !== true) };
      if (before !== undefined && after.join() === before.join()) {
        output.object({ done: false, ...result });
        output.lines(`${labels}: already blocked`);
        return;
      }
      for (const line of targets.flatMap(({ found }) => found)) progress(`  ${line}`);
      if (options.dryRun === true) {
        output.object({ done: false, ...result });
        output.lines(
          `would block ${labels}: ${plural(after.length, "credential")} on the list then; nothing was changed`,
        );
        return;
      }
      const rest = options.replace === true ? ", and nothing else" : "";
      await session.confirm(`Block ${labels} (${plural(wanted.length, "credential")})${rest}?`);
      const done = `${labels}: blocked (${after.length} of at most ${BLOCKED_MAX} credentials)`;
      await putInForce(session, brake.list, after, result, done);
      const again = [...references, ...(options.edge === undefined ? [] : ["--edge", options.edge])];
      output.lines(
        `revoke it in the registry as soon as it answers, then: ${[LATCHKEY, "unblock", ...again.map(shellWord)].join(" ")}`,
      );
    });
};

/** `undefined` if the gate does not say, and the owner wants exactly the new list. */
async function listBefore(list: BlockList, replace: boolean): Promise<readonly Fingerprint[] | undefined> {
  try {
    return await list.read();
  } catch (error) {
    if (!isOutOfOrder(error)) throw error;
    if (replace) return undefined;
    throw failed(
      `the list in force cannot be read: ${error.message}`,
      "try again, or add --replace and name everything that is to be blocked: anything you do not name is let in again",
    );
  }
}

function requireRoom(list: readonly Fingerprint[]): void {
  if (list.length <= BLOCKED_MAX) return;
  throw failed(
    `that would make ${list.length} blocked credentials, but the Worker's secret holds only ${BLOCKED_MAX}`,
    `revoke some of the devices in the registry, then take them off the list: ${LATCHKEY} blocked, ${LATCHKEY} unblock`,
  );
}
