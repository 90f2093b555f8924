// Devices that show a token in a header instead of a certificate: a TV, a watch, a widget, a script.
import type { Me } from "../../../src/contract/answers.ts";
import { rowOf } from "../../../src/domain/apps/catalogue.ts";
import { tokenHints } from "../../../src/domain/apps/hints.ts";
import { APP_NAMES, type AppName, isAppName } from "../../../src/domain/apps/names.ts";
import { recipesFor } from "../../../src/domain/apps/recipes.ts";
import { nearest } from "../../../src/domain/general/nearest.ts";
import { misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";
import { userArgument } from "../command/arguments.ts";
import type { AddCommand } from "../command/command.ts";
import { UNTIL_HELP } from "../command/until.ts";
import { type EnrolOptions, enrol, enrolOptions } from "./enrolment.ts";
import { appUrls } from "./secret.ts";

interface TokenOptions extends EnrolOptions {
  for?: string;
}

export const addDeviceToken: AddCommand = (program) => {
  program
    .command("device-token")
    .summary("let in a device that shows a token: TVs, watches, scripts")
    .description(
      "Let in a device that cannot present a certificate. It shows a token instead: in the header X-Latchkey-Token, or as the client secret in apps with fields for a client id and a client secret. The token is shown once, with lines to copy into known apps.",
    )
    .argument("<user>", "the user's id, such as alice")
    .argument("<name>", "the device's name, such as tv")
    .with(enrolOptions)
    .option("--for <app>", "show the lines for this app, such as immich (default: the one in APPS)")
    .notes(`
Anyone who has the token is let in. So it is always limited to the apps you
name, and it expires after a year unless --valid says otherwise. If a
certificate works, use that instead. This is not an API token, which is for a
person: see token.

${UNTIL_HELP}

Examples:
  latchkey device-token alice tv --app photos.example.com
  latchkey device-token alice watch --app ntfy.example.com --valid 90d
  latchkey device-token bob nas --app dav.example.com --for webdav --country CH`)
    .run((session, user: string, name: string, options: TokenOptions) => {
      const named = options.for === undefined ? undefined : appNameOption(options.for);
      return enrol(session, { user: userArgument(user), name, kind: "token" }, options, {
        before: (known, hosts) => {
          const names = hosts.flatMap((host) => named ?? appAt(known, host).name ?? []);
          return [...new Set(names)].map(rowOf).flatMap(tokenHints);
        },
        recipes: ({ device, token }, known, origin) =>
          appUrls(device, origin).flatMap((url) => {
            const { name, basic } = appAt(known, new URL(url).hostname);
            return recipesFor(named ?? name, { url, token, basic });
          }),
      });
    });
};

function appNameOption(text: string): AppName {
  const name = text.toLowerCase();
  if (isAppName(name)) return name;
  const [near] = nearest(name, APP_NAMES);
  throw misuse(
    `--for '${printable(text)}' is not the name of a known app`,
    near === undefined ? `give one of ${APP_NAMES.join(", ")}, or leave it out` : `did you mean ${near}`,
  );
}

/** What `APPS` says runs there: its entry `*` comes last, and has all hosts without one. */
function appAt(apps: Me["apps"], host: string): { name: AppName | undefined; basic: boolean } {
  const { app = "", basic = false } = apps.find((each) => each.host === host || each.host === "*") ?? {};
  return { name: isAppName(app) ? app : undefined, basic };
}
