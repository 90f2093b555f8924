// Programs that accept nothing but a URL, such as calendars and podcast players: the secret is in the URL.
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
    .summary("let in a program that reads a URL: calendars, podcasts")
    .description(
      "Make a URL that lets in a program that accepts nothing else: a calendar, a podcast player, a feed reader. It can only read (GET, HEAD), and only the paths you name. It is shown once.",
    )
    .argument("<user>", "the user's id, such as alice")
    .argument("<name>", "the device's name, such as calendar")
    .with(pathOption)
    .with(enrolOptions)
    .notes(`
URLs end up in histories and logs, including Cloudflare's own analytics: if the
program can send a token or a certificate, use that instead. Latchkey itself
removes the secret before the app sees it, and logs no query strings. Feeds
don't work on an app with the profile bitwarden.

The URLs inside a feed (episodes, covers) don't contain the secret: they are
refused unless they are public, see docs/devices.md.

${UNTIL_HELP}

Examples:
  latchkey feed alice calendar --app dav.example.com --path /calendars/home.ics
  latchkey feed alice reader --app rss.example.com --path '/feeds/*' --valid 90d`)
    .run((session, user: string, name: string, { path, ...options }: FeedOptions) => {
      if (path === undefined) {
        throw misuse(
          "name a path for the feed to read",
          "give --path /calendars/home.ics, or --path '/feeds/*' for everything below",
        );
      }
      const paths = [...new Set(path)];
      return enrol(session, { user: userArgument(user), name, kind: "feed", paths }, options);
    });
};
