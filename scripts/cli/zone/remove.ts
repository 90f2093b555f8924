// Taking the gate away from the apps of a zone.
import { WRANGLER_TOML } from "../../package.ts";
import { failed, misuse } from "../../terminal/failure.ts";
import { progress } from "../../terminal/output.ts";
import { backUp } from "../backup.ts";
import type { AddCommand } from "../command/command.ts";
import { requireShownPlan } from "../command/session.ts";
import { showPlan } from "./setup.ts";
import { readSettings } from "./wrangler-config.ts";

interface RemoveOptions {
  config?: string;
  dryRun?: boolean;
  leaveOpen?: boolean;
  deleteWorker?: boolean;
  backup: boolean;
}

export const addRemove: AddCommand = (program) => {
  program
    .command("remove")
    .summary("take the gate away from your apps")
    .description(
      "Delete the Worker's routes, so that requests go to the apps again, and stop asking for certificates. The Worker and its registry stay, unless you say otherwise. Shows first what it will do, and asks.",
    )
    .option("--dry-run", "show what would be done, and change nothing")
    .option("--leave-open", "go ahead even if everyone can then reach some of the apps")
    .option("--delete-worker", "also delete the Worker and its registry, after a backup")
    .option("--no-backup", "delete the registry without a backup")
    .option("--config <file>", "another wrangler.toml")
    .notes(`
Without the gate, everyone reaches an app that nothing else guards. Guard it
first: let Access cover its host, without the policy 'Latchkey: everyone, the
gate decides' or the application that setup made, or take it out of the tunnel.

To put the gate back, run latchkey setup.

Examples:
  latchkey remove --dry-run
  latchkey remove --delete-worker`)
    .run(async (session, options: RemoveOptions) => {
      const { config = WRANGLER_TOML, deleteWorker = false } = options;
      const { output } = session;
      requireShownPlan(session.options, options.dryRun);
      const settings = await readSettings(config);
      const { readTarget } = await import("../../cloudflare/rollout/deploy.ts");
      const { planRemoval } = await import("../../cloudflare/rollout/remove.ts");
      const { carryOut, isDone } = await import("../../cloudflare/setup/run.ts");
      const target = await readTarget(await session.cloudflare(), config);
      const { steps, open, isReachable } = await planRemoval(target, deleteWorker);
      const plan = {
        steps,
        byHand: open.map((host) => ({
          reason: `everyone reaches ${host} then: no Access application guards all of it`,
          remedy: "guard it first, or take it out of the tunnel",
        })),
      };
      showPlan(output, plan);
      const remains = whatRemains(target.settings.worker, settings.adminHost, deleteWorker);
      if (options.dryRun === true) {
        const shown = steps.map(({ id, found, change }) => ({ id, found, change }));
        output.object({ steps: shown, open, remains });
        output.lines("", "dry run: nothing was changed");
        return;
      }
      if (!isDone(plan)) {
        if (open.length > 0 && options.leaveOpen !== true) {
          throw misuse(
            `nothing else guards ${open.join(", ")}`,
            "guard these apps first, or add --leave-open; see latchkey remove --help",
          );
        }
        const backsUp = options.backup && steps.some(({ id, change }) => id.startsWith("worker ") && change);
        // The token would go to the app itself.
        if (backsUp && !isReachable) {
          throw failed(
            "no route leads to the registry any more, so it cannot be backed up",
            "run latchkey setup to put the gate back, then this again; or add --no-backup if you have a backup",
          );
        }
        await session.confirm("Take the gate away?");
        // The routes are the way to the registry.
        if (backsUp) await backUp(session, settings);
        await carryOut(plan, { before: ({ id, change }) => progress(`${id}: ${change}`) });
      }
      output.object({ removed: true, open, remains });
      output.lines("", "the gate is gone; what remains:", ...remains.map((line) => `  ${line}`));
    });
};

function whatRemains(worker: string, adminHost: string | undefined, deletesWorker: boolean): string[] {
  return [
    ...(deletesWorker
      ? []
      : [`the Worker ${worker} and its registry, which nothing leads to: --delete-worker`]),
    "the devices' certificates at Cloudflare: revoke them under SSL/TLS > Client Certificates",
    ...(adminHost === undefined ? [] : [`the DNS record of ${adminHost}: delete it under DNS > Records`]),
    "policies and applications in Access whose names begin with 'Latchkey': delete them under Zero Trust > Access",
    "your API token, ~/.latchkey-token, and this folder: with its routes, wrangler deploy would bring the gate back",
  ];
}
