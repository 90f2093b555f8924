// A program that knows nothing but an address, such as a calendar or a podcast player: the secret is in the address.
import { misuse } from "../../terminal/failure.ts";
import { userArgument } from "../command/arguments.ts";
import type { AddCommand } from "../command/command.ts";
import { UNTIL_HELP } from "../command/until.ts";
import { pathOption } from "../devices/limit.ts";
import { type EnrolOptions, enrol, enrolOptions } from "./enrolment.ts";

interface FeedOptions extends EnrolOptions {
  path?: string[];
}

export const addFeed: AddCommand = (program) => {
  program
    .command("feed")
    .summary("let in what reads an address: calendars, podcasts, readers")
    .description(
      "Make an address that lets in programs that know nothing but an address: calendars, podcast players, feed readers. It reads (GET, HEAD) the paths that are named, and nothing else. It is shown once.",
    )
    .argument("<user>", "the user's id, such as alice")
    .argument("<name>", "the device's name, such as calendar")
    .with(pathOption)
    .with(enrolOptions)
    .notes(`
Addresses end up in histories and logs, those of Cloudflare's own analytics
among them: use a token or a certificate where the program can. Latchkey itself
removes the secret before the app sees it, and logs no query. An app with the
profile bitwarden takes no feeds.

The addresses that a feed names (episodes, covers) lack the secret: they are
refused unless they are public, see docs/devices.md.

${UNTIL_HELP}

Examples:
  latchkey feed alice calendar --app dav.example.com --path /calendars/home.ics
  latchkey feed alice reader --app rss.example.com --path '/feeds/*' --valid 90d`)
    .run((session, user: string, name: string, { path, ...options }: FeedOptions) => {
      if (path === undefined) {
        throw misuse(
          "name the path that the feed reads",
          "give --path /calendars/home.ics, or --path '/feeds/*' for everything below",
        );
      }
      const paths = [...new Set(path)];
      return enrol(session, { user: userArgument(user), name, kind: "feed", paths }, options);
    });
};
