// Shows and changes what a device is limited to.
import { type Command, Option } from "commander";
import type { Device } from "../../../src/contract/answers.ts";
import { pathPatternProblem } from "../../../src/domain/request/path-rules.ts";
import { withHint } from "../../client/answer.ts";
import type { Api } from "../../client/api.ts";
import { deviceLabel } from "../../client/device.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";
import type { AddCommand } from "../command/command.ts";
import { findDevice, referenceTo } from "../command/device-reference.ts";
import { type LimitOptions, limitFacts, limitOptions, limitsFrom, requireApps } from "../command/limits.ts";
import { UNTIL_HELP } from "../command/until.ts";
import { EVERYWHERE } from "./status.ts";

interface LimitChange extends LimitOptions {
  everyApp?: boolean;
  everywhere?: boolean;
  /** `false`: `--no-end`. */
  end: boolean;
  path?: string[];
}

export const addLimit: AddCommand = (program) => {
  program
    .command("limit")
    .summary("limit a device to apps, countries and a time, or show its limits")
    .description(
      "Limit a device to apps, countries and a time, or lift a limit. Limits you don't mention stay as they are; without options, the limits are only shown.",
    )
    .device()
    .with(limitOptions)
    .addOption(new Option("--every-app", "it can use every app").conflicts("app"))
    .addOption(new Option("--everywhere", "it is let in from any country").conflicts("country"))
    .addOption(new Option("--no-end", "it never expires").conflicts("until"))
    .with(pathOption)
    .notes(`
This takes the ADMIN_TOKEN: whoever is limited must not be able to lift it. A
device that shows a token or a feed URL is always limited to named apps. So is a
browser: to those on which its person has signed in, and signing in adds one.

${UNTIL_HELP}

Examples:
  latchkey limit bob/laptop
  latchkey limit bob/laptop --app git.example.com --app docs.example.com
  latchkey limit bob/laptop --every-app --country CH,DE --until 2026-12-24
  latchkey limit carol/calendar --path /calendars/carol.ics`)
    .run(async ({ output, now, connect }, reference: string, options: LimitChange) => {
      const wanted = changesFrom(options, now());
      const api = await connect();
      await requireApps(api, wanted.apps ?? undefined);
      const device = await findDevice(api, reference);
      const label = deviceLabel(device);
      if (Object.keys(wanted).length === 0) {
        output.object(device);
        output.facts([["device", label], ...limitFacts(device, now())]);
        return;
      }
      requirePaths(device, wanted);
      const changed = await api.limit(device, wanted).catch((error: unknown) => {
        throw withHint(error, "scope-required", "name at least one app with --app HOST");
      });
      output.object(changed);
      const before = limitFacts(device, now());
      output.table(
        ["", "BEFORE", "NOW"],
        limitFacts(changed, now()).map(([name, value], index) => [name, before[index]?.[1] ?? "", value]),
        "",
      );
      output.lines("", `${label} has these limits ${EVERYWHERE}`);
      if (device.kind === "browser") {
        output.lines(
          `an app that it lost comes back when its person signs in there: to keep it out, ${LATCHKEY} suspend ${referenceTo(device)}`,
        );
      }
    });
};

/** `--path`, only for feeds. */
export function pathOption(command: Command): Command {
  return command.option(
    "--path <pattern>",
    "for a feed: it reads only this path, or with /path/* everything below; may be repeated",
    (text: string, before: string[] = []) => {
      const problem = pathPatternProblem(text);
      if (problem === undefined) return [...before, text];
      throw misuse(
        `--path '${printable(text)}' ${problem}`,
        "give a path in the feed URL, such as /calendars/home.ics or /feeds/*",
      );
    },
  );
}

/** What to change, as the API takes it; `null` lifts a limit. */
function changesFrom(options: LimitChange, now: number): Parameters<Api["limit"]>[1] {
  const { everyApp = false, everywhere = false, end, path } = options;
  return {
    ...limitsFrom(options, now),
    ...(everyApp ? { apps: null } : {}),
    ...(everywhere ? { countries: null } : {}),
    ...(end ? {} : { expiresAt: null }),
    ...(path === undefined ? {} : { paths: [...new Set(path)] }),
  };
}

function requirePaths(device: Device, { paths }: Parameters<Api["limit"]>[1]): void {
  if (paths === undefined || device.kind === "feed") return;
  throw misuse(
    `--path is for feeds, but ${deviceLabel(device)} shows a ${printable(device.kind)}`,
    "limit it to whole apps with --app",
  );
}
