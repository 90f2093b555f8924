// Tokens for the API and the pages: list, create, revoke, and how a command line names one.

import type { Token } from "../../../src/contract/answers.ts";
import { TOKEN_SECONDS } from "../../../src/contract/limits.ts";
import { TOKEN_SCOPES, type TokenScope } from "../../../src/domain/credential.ts";
import { deviceNameKey, deviceNameProblem } from "../../../src/domain/device.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { withHint } from "../../client/answer.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { failed, misuse } from "../../terminal/failure.ts";
import { nearest, printable, shellWord } from "../../terminal/text.ts";
import { timeCell, timeWithHint } from "../../terminal/time.ts";
import { durationOption, userArgument } from "../command/arguments.ts";
import type { AddCommand } from "../command/command.ts";
import { findById, parseIdPrefix, shortId } from "../command/id-reference.ts";
import type { Session } from "../command/session.ts";

interface CreateOptions {
  for?: string;
  everyone?: boolean;
  expires?: string;
  name?: string;
}

const addTokenCreate: AddCommand = (token) => {
  token
    .command("create")
    .summary("make a token, and print it once")
    .description(
      "Make a token for one user's devices, or one that reads everything. It is printed once, on the standard output; anyone who has it can use it, here or to sign in on the pages.",
    )
    .argument("[user]", "whose devices, such as alice")
    .option("--everyone", "or all users; such a token can only read")
    .option("--for <what>", "devices: see and change the user's devices; read: only see them")
    .option("--expires <time>", "when it expires: 5m to 3650d from now, or never (default: 90d)")
    .option("--name <name>", "its name in the audit log (default: what it is for, and the date)")
    .notes(`
Examples:
  latchkey token create alice --for devices --name laptop
  latchkey token create --everyone --for read --name grafana > grafana-token`)
    .run(async ({ output, now, connect }, text: string | undefined, options: CreateOptions) => {
      const user = userOption(text, options.everyone === true);
      const scope = scopeOption(options.for, user);
      const expiresInSeconds = expiresOption(options.expires);
      const name = nameOption(options.name, scope, now());
      const api = await connect();
      const made = await api.createToken({ user, name, scope, expiresInSeconds }).catch((error: unknown) => {
        throw withHint(error, "name-taken", "choose another --name, or revoke that token first");
      });
      output.object(made);
      output.lines(printable(made.token));
      output.aside(
        `made the token ${tokenLabel(made)}, valid until ${made.expiresAt === null ? "it is revoked" : timeWithHint(made.expiresAt, now())}`,
        `it is printed only this once; to use it: ${LATCHKEY} login`,
      );
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
      "give --for devices to change the user's devices, or --for read to see them",
    );
  }
  if (user === null && scope !== "read") {
    throw misuse("a token for everyone can only read", "give --for read, or name one user");
  }
  return scope;
}

/** `null`: never; `undefined`: the API's default. */
function expiresOption(text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined;
  return text === "never" ? null : durationOption("--expires", text, TOKEN_SECONDS, "never");
}

/** There is always one, since the audit log shows it. */
function nameOption(text: string | undefined, scope: TokenScope, now: number): string {
  if (text === undefined) return `${scope} ${new Date(now).toISOString().slice(0, 10)}`;
  const problem = deviceNameProblem(text, "token");
  if (problem === undefined) return text;
  throw misuse(`--name '${printable(text)}' is not a name: ${problem}`, "put a name with spaces in quotes");
}

export const addToken: AddCommand = (program) => {
  const token = program
    .command("token")
    .alias("tokens")
    .summary("list the tokens; create or revoke one")
    .description(
      "List the tokens, each of which lets somebody use the API and the pages. Subcommands create or revoke one.",
    )
    .notes(`
Examples:
  latchkey token
  latchkey token create alice --for devices --expires 90d --name laptop
  latchkey token create --everyone --for read --expires never --name grafana
  latchkey token revoke alice/laptop`);
  token.lists(listTokens);
  addTokenCreate(token);
  addTokenRevoke(token);
};

async function listTokens({ output, now, connect }: Session): Promise<void> {
  const tokens = await (await connect()).tokens();
  output.object({ tokens });
  output.table(
    ["TOKEN", "ID", "FOR", "CREATED", "EXPIRES", "LAST USED"],
    tokens.map((token) => [
      tokenLabel(token),
      shortId(token.id),
      printable(token.scope),
      timeCell(token.createdAt, now()),
      token.expiresAt === null ? "never" : timeCell(token.expiresAt, now()),
      token.lastUsedAt === null ? "never" : timeCell(token.lastUsedAt, now()),
    ]),
    `no tokens yet; make one with: ${LATCHKEY} token create alice --for devices`,
  );
}

const addTokenRevoke: AddCommand = (token) => {
  token
    .command("revoke")
    .aliases(["rm", "delete"])
    .summary("make a token useless, and sign out its browsers")
    .description("Revoke a token for good. The browsers that signed in with it are signed out.")
    .argument("<token>", "USER/NAME, such as alice/laptop, NAME, or its id; its first characters will do")
    .notes(`
Examples:
  latchkey token revoke alice/laptop
  latchkey token revoke 3f2a1b9c --yes`)
    .run(async ({ output, connect, confirm }, reference: string) => {
      const api = await connect();
      const found = findToken(await api.tokens(), reference);
      const label = tokenLabel(found);
      await confirm(`Revoke the token ${label} for good? (${found.scope}, id ${found.id})`);
      await api.revokeToken(found);
      output.lines(`revoked the token ${label}: anyone who uses it is refused from now on`);
    });
};

// `alice/laptop`, or `*/grafana` for one that reads everything, as in the audit log.
export function tokenLabel({ user, name }: Pick<Token, "user" | "name">): string {
  return printable(`${user ?? "*"}/${name}`);
}

/** The token that the caller names: `alice/laptop`, or only `laptop`, in any case; else its id, or its beginning. */
export function findToken(tokens: readonly Token[], reference: string): Token {
  const [found, ...others] = byName(tokens, reference);
  if (found === undefined) return byId(tokens, reference);
  if (others.length === 0) return found;
  throw failed(
    `${others.length + 1} tokens are named '${printable(reference)}'`,
    "give the id of the one you mean",
    [found, ...others].map((token) => `${printable(token.id)}  ${tokenLabel(token)}`),
  );
}

/** An exact match before one in another case, with its user before without: to the API, `Laptop` is not `laptop`. */
function byName(tokens: readonly Token[], reference: string): Token[] {
  const whole = ({ user, name }: Token) => `${user ?? "*"}/${name}`;
  const key = deviceNameKey(reference);
  const rules: ((token: Token) => boolean)[] = [
    (token) => whole(token) === reference,
    (token) => deviceNameKey(whole(token)) === key,
    ({ name }) => name === reference,
    ({ name }) => deviceNameKey(name) === key,
  ];
  return rules.map((fits) => tokens.filter(fits)).find((found) => found.length > 0) ?? [];
}

function byId(tokens: readonly Token[], reference: string): Token {
  const id = parseIdPrefix(reference);
  if (id !== undefined) {
    return findById<Token>(tokens, id, {
      one: "token",
      many: "tokens",
      list: `${LATCHKEY} token`,
      describe: tokenLabel,
    });
  }
  const near = nearest(
    reference,
    tokens.flatMap((token) => [token.name, tokenLabel(token)]),
  );
  throw failed(
    `there is no token '${printable(reference)}'`,
    near.length === 0
      ? `list the tokens with: ${LATCHKEY} token`
      : `did you mean ${near.map(shellWord).join(" or ")}`,
  );
}
