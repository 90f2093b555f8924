// Deploying a new version: what it brings, a backup, the deploy, the doctor, and the way back.
import { join } from "node:path";
import { readIfThere } from "../../files.ts";
import { requireNewNode } from "../../node-version.ts";
import { PACKAGE_ROOT, VERSION, WRANGLER_TOML } from "../../package.ts";
import { failed } from "../../terminal/failure.ts";
import { type Output, progress } from "../../terminal/output.ts";
import { printable } from "../../terminal/text.ts";
import { backUp } from "../backup.ts";
import type { AddCommand } from "../command/command.ts";
import { requireShownPlan } from "../command/session.ts";
import { refuseStandIn } from "./deploy.ts";
import { examine, isFailure, showChecks } from "./doctor.ts";
import { readSettings } from "./wrangler-config.ts";

interface UpgradeOptions {
  config?: string;
  dryRun?: boolean;
  backup: boolean;
  outside: boolean;
}

/** So much of the changelog fits on a screen or two. */
const CHANGES_MAX_LINES = 40;

export const addUpgrade: AddCommand = (program) => {
  program
    .command("upgrade")
    .summary("deploy this version, and roll back if the checks get worse")
    .description(
      "Show what this version brings, ask, back up the registry, deploy, and run the doctor. If a check fails that did not fail before, have wrangler roll the Worker back to the version before.",
    )
    .option("--dry-run", "show what this version brings, and change nothing")
    .option("--no-backup", "go ahead without a backup of the registry")
    .option("--no-outside", "check without requests from outside")
    .option("--config <file>", "another wrangler.toml")
    .notes(`
Install the new version into your deployment folder first:
  npm install ./latchkey-0.2.0.tgz
  npm exec --no -- latchkey upgrade

Until then the command is newer than the gate, and says so: what is new in it
may not work. Install the same version on each machine where you use it.

A rollback brings back the old code and settings, not the old data: what the new
version changed in the registry's tables stays. Should the old code refuse it,
deploy the new version again, or restore the backup under another Worker's name.

Needs CLOUDFLARE_API_TOKEN, see docs/cloudflare.md, and for the backup a login,
LATCHKEY_TOKEN or LATCHKEY_TOKEN_FILE. Exit code 1: it was rolled back, or a
check failed.`)
    .run(async (session, options: UpgradeOptions) => {
      const { config = WRANGLER_TOML, outside } = options;
      requireShownPlan(session.options, options.dryRun);
      if (options.dryRun !== true) {
        refuseStandIn(session);
        requireNewNode("wrangler");
      }
      await readSettings(config);
      const { readTarget } = await import("../../cloudflare/rollout/deploy.ts");
      const { readRunning, tagOf, wrangler } = await import("../../cloudflare/setup/deployment.ts");
      const target = await readTarget(await session.cloudflare(), config);
      const { client, account, settings, text } = target;
      const running = await readRunning(client, account, settings.worker);
      if (running === null) {
        throw failed(
          `there is no Worker ${settings.worker} to upgrade`,
          "run latchkey setup, which makes it",
        );
      }
      if (running.tag === (await tagOf(text, config))) {
        session.output.object({ from: running.version ?? null, to: VERSION, upToDate: true });
        session.output.lines(`${settings.worker} runs exactly what is here: Latchkey ${VERSION}`);
        return;
      }
      const changes = await whatChanges(text, running.version);
      showChanges(session.output, changes, running.version);
      if (options.dryRun === true) {
        session.output.object({ from: running.version ?? null, to: VERSION, upToDate: false, ...changes });
      }
      requireSettings(changes);
      if (options.dryRun === true) {
        session.output.lines("", "dry run: nothing was changed");
        return;
      }
      const look = () => examine(session, { outside, config });
      progress("the doctor looks at what runs now");
      const before = await look();
      await session.confirm(`Deploy Latchkey ${VERSION}?`);
      if (options.backup) await backUp(session, settings);
      const { upgrade } = await import("../../cloudflare/rollout/upgrade.ts");
      const isBad = (finding: (typeof before)[number]) => isFailure([finding]);
      const given = { target, deployer: wrangler, previous: running.id, examine: look, isBad };
      const { after, worse, isRolledBack } = await upgrade(given, before);
      showChecks(session.output, after);
      if (isFailure(after)) process.exitCode = 1;
      if (worse.length === 0) return;
      throw failed(
        isRolledBack
          ? "the checks got worse, so the Worker was rolled back to the version before"
          : "the checks got worse, and Cloudflare did not say which version to go back to",
        isRolledBack
          ? "run latchkey doctor to see whether all is as it was; your registry was not touched by the rollback"
          : "see npx wrangler versions list, then npx wrangler rollback VERSION",
        worse.map(({ id, reason }) => `${id}: ${reason}`),
      );
    });
};

type Changes = Awaited<ReturnType<typeof whatChanges>>;

async function whatChanges(text: string, from: string | undefined) {
  const { changesSince, settingsChange } = await import("../../deployment/changes.ts");
  const read = async (name: string) => (await readIfThere(join(PACKAGE_ROOT, name))) ?? "";
  return {
    changelog: changesSince(await read("CHANGELOG.md"), from),
    settings: settingsChange(text, await read("wrangler.toml")),
  };
}

function showChanges(output: Output, { changelog, settings }: Changes, from: string | undefined): void {
  output.lines(`from ${from ?? "a version that Cloudflare does not name"} to ${VERSION}`, "");
  output.lines(...changelog.slice(0, CHANGES_MAX_LINES).map(printable));
  const more = changelog.length - CHANGES_MAX_LINES;
  if (more > 0) output.lines(`(${more} more lines in ${join(PACKAGE_ROOT, "CHANGELOG.md")})`);
  const notes = [
    ...settings.missing.map((path) => `new in wrangler.toml: ${path}`),
    ...settings.different.map((setting) => `tested with ${setting}`),
  ];
  if (notes.length > 0) output.lines("", ...notes.map(printable));
}

function requireSettings({ settings: { required } }: Changes): void {
  if (required.length === 0) return;
  throw failed(
    `wrangler.toml lacks what this version needs: ${required.join(", ")}`,
    `copy it from ${join(PACKAGE_ROOT, "wrangler.toml")}, then run this again`,
  );
}
