// Deploying what is in the deployment folder, and checking it.
import { requireNewNode } from "../../node-version.ts";
import { WRANGLER_TOML } from "../../package.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { misuse } from "../../terminal/failure.ts";
import { progress } from "../../terminal/output.ts";
import { plural, printable } from "../../terminal/text.ts";
import type { AddCommand } from "../command/command.ts";
import type { Session } from "../command/session.ts";
import { examine, isFailure, showChecks } from "./doctor.ts";
import { readSettings } from "./wrangler-config.ts";

interface DeployOptions {
  config?: string;
  outside: boolean;
}

export const addDeploy: AddCommand = (program) => {
  program
    .command("deploy")
    .summary("deploy what is in this folder, and check it")
    .description(
      "Have wrangler deploy the Worker with the settings in wrangler.toml, make each of its routes fail closed, and end with the doctor. Before setup has been here, deploy the Worker without a route: nothing leads to it yet.",
    )
    .option("--config <file>", "another wrangler.toml")
    .option("--no-outside", "end without requests from outside")
    .notes(`
wrangler cannot set how a route fails, and a deploy may reset it: then the apps
would be open once the day's requests are used up. Deploy with this command, not
with wrangler.

Needs CLOUDFLARE_API_TOKEN, see docs/cloudflare.md (without a route, only what
wrangler itself needs), and, for the doctor's look at the registry, a login,
LATCHKEY_TOKEN or LATCHKEY_TOKEN_FILE. Exit code 1: the deploy or a check
failed.

Examples:
  latchkey deploy
  latchkey deploy --no-outside --json`)
    .run(async (session, options: DeployOptions) => {
      const { config = WRANGLER_TOML, outside } = options;
      refuseStandIn(session);
      requireNewNode("wrangler");
      await readSettings(config);
      const { deploy, leadsNowhere, readSource, readTarget } = await import(
        "../../cloudflare/rollout/deploy.ts"
      );
      const { tagOf, wrangler } = await import("../../cloudflare/setup/deployment.ts");
      const source = await readSource(config);
      if (leadsNowhere(source)) {
        const { text, settings } = source;
        // With wrangler's own credentials: Cloudflare's deploy button has no others, and nothing else is asked.
        await wrangler.deploy(config, undefined, await tagOf(text, config));
        session.output.object({ deployed: settings.worker, routes: [] });
        session.output.lines(
          `deployed the Worker ${printable(settings.worker)}, to which nothing leads yet: it has no app`,
          `next: ${LATCHKEY} setup`,
        );
        return;
      }
      const target = await readTarget(await session.cloudflare(), config);
      progress(`wrangler deploy: ${target.settings.worker}`);
      const { routes, corrected } = await deploy(target, wrangler);
      for (const pattern of corrected) progress(`${printable(pattern)} fails closed again`);
      session.output.lines(
        `deployed; ${plural(routes.length, "route")}, all of which fail closed; the doctor finds:`,
        "",
      );
      const checks = await examine(session, { outside, config });
      showChecks(session.output, checks);
      if (isFailure(checks)) process.exitCode = 1;
    });
};

/** What wrangler deploys goes to Cloudflare, wherever the other calls go. */
export function refuseStandIn({ environment }: Session): void {
  if (!environment.LATCHKEY_CLOUDFLARE_API) return;
  throw misuse(
    "nothing can be deployed while LATCHKEY_CLOUDFLARE_API names a stand-in",
    "for your own zone, unset LATCHKEY_CLOUDFLARE_API and set CLOUDFLARE_API_TOKEN to a token of Cloudflare's",
  );
}
