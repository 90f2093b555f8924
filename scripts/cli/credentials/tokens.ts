// Tokens for the API and the pages: list, create, revoke, and how a command line names one.

import type { NewToken, Token } from "../../../src/contract/answers.ts";
import { TOKEN_SECONDS } from "../../../src/contract/limits.ts";
import { isAppName } from "../../../src/domain/apps/names.ts";
import type { TokenScope } from "../../../src/domain/credential.ts";
import { deviceNameKey, deviceNameProblem } from "../../../src/domain/device.ts";
import { nearest } from "../../../src/domain/general/nearest.ts";
import { groupedCode } from "../../../src/domain/general/typed-code.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { withHint } from "../../client/answer.ts";
import type { Api } from "../../client/api.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { failed, misuse } from "../../terminal/failure.ts";
import { printable, shellWord } from "../../terminal/text.ts";
import { timeCell, timeWithHint } from "../../terminal/time.ts";
import { durationOption, userArgument } from "../command/arguments.ts";
import type { AddCommand } from "../command/command.ts";
import { findById, parseIdPrefix, shortId } from "../command/id-reference.ts";
import type { Session } from "../command/session.ts";

/** What `--for` takes. */
const FOR = ["devices", "read"] as const;

interface CreateOptions {
  for?: string;
  emergency?: boolean;
  print?: string;
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
    .option("--emergency", "make an emergency card: it can only shut out the user's devices")
    .option("--print <file>", "write the emergency card as a page to print, in a new file")
    .option(
      "--expires <time>",
      "when it expires: 5m to 3650d from now, or never (default: 90d; an emergency card: never)",
    )
    .option("--name <name>", "its name in the audit log (default: what it is for, and the date)")
    .notes(`
An emergency card is for the day a phone is gone, and the laptop with it: a code
that is typed in on the gate's pages, from any browser. It shows the user's
devices and can suspend them, report them lost or revoke them, nothing else.

Examples:
  latchkey token create alice --for devices --name laptop
  latchkey token create --everyone --for read --name grafana > grafana-token
  latchkey token create alice --emergency --print card.html`)
    .run(async (session, text: string | undefined, options: CreateOptions) => {
      const user = userOption(text, options.everyone === true);
      const scope = scopeOption(options, user);
      const expiresInSeconds = expiresOption(options.expires);
      const name = nameOption(options.name, scope, session.now());
      const wanted = { user, name, scope, expiresInSeconds };
      if (scope === "emergency") await makeCard(session, wanted, options.print);
      else await makeToken(session, wanted);
    });
};

type Wanted = Parameters<Api["createToken"]>[0];

async function makeToken({ output, now, connect }: Session, wanted: Wanted): Promise<void> {
  const made = await create(await connect(), wanted);
  output.object(made);
  output.lines(printable(made.token));
  output.aside(
    `made the token ${tokenLabel(made)}, ${validity(made, now())}`,
    `it is printed only this once; to use it: ${LATCHKEY} login`,
  );
}

/** An emergency card: on paper, in the file `print`, or printed here for somebody to write down. */
async function makeCard(session: Session, wanted: Wanted, print: string | undefined): Promise<void> {
  const { output, now, connect } = session;
  // Loaded only here: other commands draw no page.
  const { cardPage, pagesOf, refuseExisting, writeCard } = await import("./emergency-card.ts");
  if (print !== undefined) await refuseExisting(print);
  const api = await connect();
  const pages = await pagesOf(api);
  const made = await create(api, wanted);
  if (print !== undefined) {
    try {
      await writeCard(print, await cardPage(made, pages));
    } catch (error) {
      // A code that isn't on paper is no use to anybody.
      await api.revokeToken(made);
      throw error;
    }
  }
  output.object(made);
  output.lines(
    print === undefined
      ? groupedCode(printable(made.token))
      : `wrote ${printable(print)}: print it, then delete the file`,
  );
  output.aside(
    `made the emergency card ${tokenLabel(made)}, ${validity(made, now())}`,
    ...(print === undefined
      ? [
          `it is printed only this once: write it down; to use it, open ${pages.origin} and choose I have an emergency card`,
        ]
      : []),
    `to replace it: ${LATCHKEY} token revoke ${shellWord(tokenLabel(made))}`,
  );
}

function create(api: Api, wanted: Wanted): Promise<NewToken> {
  return api.createToken(wanted).catch((error: unknown) => {
    throw withHint(error, "name-taken", "choose another --name, or revoke that token first");
  });
}

function validity({ expiresAt }: Token, now: number): string {
  return expiresAt === null ? "valid until it is revoked" : `valid until ${timeWithHint(expiresAt, now)}`;
}

function userOption(text: string | undefined, everyone: boolean): UserId | null {
  if ((text === undefined) !== everyone) {
    throw misuse(
      everyone ? "give a user or --everyone, not both" : "name the user the token is for",
      "such as alice; --everyone makes a token that reads everything",
    );
  }
  return text === undefined ? null : userArgument(text);
}

function scopeOption({ for: text, emergency, print }: CreateOptions, user: UserId | null): TokenScope {
  if (print !== undefined && emergency !== true) {
    throw misuse("--print is for an emergency card", "add --emergency");
  }
  if (emergency === true && text !== undefined) {
    throw misuse("give --for or --emergency, not both", "an emergency card can only shut devices out");
  }
  const scope = emergency === true ? "emergency" : FOR.find((each) => each === text);
  if (scope === undefined) {
    throw misuse(
      text === undefined
        ? "say what the token is for"
        : `--for must be devices or read, not '${printable(text)}'`,
      text !== undefined && isAppName(text)
        ? `a token that a device shows to an app is made with: ${LATCHKEY} device-token`
        : "give --for devices to change the user's devices, or --for read to see them",
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
  if (text === undefined && scope === "emergency") return "emergency card";
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
