import { TOKEN_SECONDS } from "../../src/contract/limits.ts";
import { TOKEN_SCOPES, type TokenScope } from "../../src/domain/credential.ts";
import { deviceNameProblem } from "../../src/domain/device.ts";
import type { UserId } from "../../src/domain/user.ts";
import { withHint, withUnknownUser } from "../client/answer.ts";
import { LATCHKEY } from "../terminal/called-as.ts";
import { misuse } from "../terminal/failure.ts";
import { printable } from "../terminal/text.ts";
import { timeWithHint } from "../terminal/time.ts";
import { userArgument } from "./words/arguments.ts";
import { durationOption } from "./words/duration.ts";
import type { AddCommand } from "./words/session.ts";
import { tokenLabel } from "./words/token-reference.ts";

interface CreateOptions {
  for?: string;
  everyone?: boolean;
  expires?: string;
  name?: string;
}

export const addTokenCreate: AddCommand = (token, open) => {
  token
    .command("create")
    .summary("make a token, and print it once")
    .description(
      "Make a token for one user's devices, or one that reads everything. It is printed once, alone on the standard output; whoever has it can use it, here or to sign in on the pages.",
    )
    .argument("[user]", "whose devices, such as alice")
    .option("--everyone", "or all users; such a token can only read")
    .option("--for <what>", "devices: see and change the user's devices; read: only look")
    .option("--expires <time>", "how long it is good: 5m to 3650d, or never (default: 90d)")
    .option("--name <name>", "what it is called in the audit log (default: what it is for, and the day)")
    .addHelpText(
      "after",
      `
Examples:
  latchkey token create alice --for devices --name laptop
  latchkey token create --everyone --for read --name grafana > grafana-token`,
    )
    .action(async (text: string | undefined, options: CreateOptions) => {
      const user = userOption(text, options.everyone === true);
      const scope = scopeOption(options.for, user);
      const expiresInSeconds = expiresOption(options.expires);
      const { output, now, ...session } = open();
      const name = nameOption(options.name, scope, now());
      const api = await session.api();
      try {
        const made = await api.createToken({
          ...{ user, name, scope },
          ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
        });
        output.object(made);
        output.lines(printable(made.token));
        output.aside(
          `made the token ${tokenLabel(made)}, ${made.expiresAt === null ? "good until it is revoked" : `good until ${timeWithHint(made.expiresAt, now())}`}`,
          `it is printed this once; to use it: ${LATCHKEY} login`,
        );
      } catch (error) {
        const better = withHint(error, "name-taken", "choose another --name, or revoke that token first");
        throw user === null
          ? better
          : withUnknownUser(better, user, `add the user first: ${LATCHKEY} users add ${user}`);
      }
    });
};

function userOption(text: string | undefined, everyone: boolean): UserId | null {
  if ((text === undefined) !== everyone) {
    throw misuse(
      everyone ? "give a user or --everyone, not both" : "name the user the token is for",
      "such as alice; --everyone makes a token that reads everything",
    );
  }
  return text === undefined ? null : userArgument(text);
}

function scopeOption(text: string | undefined, user: UserId | null): TokenScope {
  const scope = TOKEN_SCOPES.find((each) => each === text);
  if (scope === undefined) {
    throw misuse(
      text === undefined
        ? "say what the token is for"
        : `--for must be devices or read, not '${printable(text)}'`,
      "give --for devices to change the user's devices, or --for read to look at them",
    );
  }
  if (user === null && scope !== "read") {
    throw misuse("a token for everyone can only read", "give --for read, or name one user");
  }
  return scope;
}

/** `null`: never; `undefined`: as the API has it. */
function expiresOption(text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined;
  return text === "never" ? null : durationOption("--expires", text, TOKEN_SECONDS, "never");
}

/** The audit log shows it, so there is always one. */
function nameOption(text: string | undefined, scope: TokenScope, now: number): string {
  if (text === undefined) return `${scope} ${new Date(now).toISOString().slice(0, 10)}`;
  const problem = deviceNameProblem(text, "token");
  if (problem === undefined) return text;
  throw misuse(`--name '${printable(text)}' is not a name: ${problem}`, "put a name with spaces in quotes");
}
