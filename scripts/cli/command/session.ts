// What every command runs in: its output, its prompts, its clock, and the two APIs it may call.
import type { Command } from "commander";
import type { Api } from "../../client/api.ts";
import { type ConnectionOptions, connectionFrom, parseTimeout } from "../../client/connection.ts";
import type { CloudflareClient } from "../../cloudflare/client/client.ts";
import { misuse } from "../../terminal/failure.ts";
import { createOutput, type Output, progress } from "../../terminal/output.ts";
import { createPrompt, type Prompt } from "../../terminal/prompt.ts";

export interface GlobalOptions extends ConnectionOptions {
  json?: boolean;
  yes?: boolean;
}

/** Connections are made when they are first asked for. */
export interface Session {
  readonly environment: NodeJS.ProcessEnv;
  /** The options that say where the API is, as written: for `login`. */
  readonly options: ConnectionOptions;
  readonly output: Output;
  readonly prompt: Prompt;
  /** Milliseconds since 1970. */
  now(): number;
  /** The gate's API. `url` is where to find it if nobody has said. */
  connect(url?: string): Promise<Api>;
  /** Cloudflare's own API, with the token of the environment. */
  cloudflare(): Promise<CloudflareClient>;
  /**
   * Asks, unless `--yes` was given; where nobody can answer, that is misuse. Called last, when everything else has
   * been checked: otherwise `--yes` would seem to be what is missing.
   */
  confirm(question: string): Promise<void>;
  /** The same, after a warning; the answer is one of the device's names. */
  confirmByName(warning: readonly string[], question: string, names: readonly string[]): Promise<void>;
}

/** A command adds itself to the program; its action opens a session. */
export type AddCommand = (program: Command, open: () => Session) => void;

export function openSession(options: GlobalOptions): Session {
  const prompt = createPrompt();
  let api: Promise<Api> | undefined;
  let cloudflare: Promise<CloudflareClient> | undefined;
  return {
    environment: process.env,
    options,
    output: createOutput(process.stdout, options.json === true),
    prompt,
    now: Date.now,
    connect(url) {
      const environmentUrl = process.env.LATCHKEY_URL || undefined;
      const where = options.url ?? environmentUrl ?? url;
      api ??= connectToGate(where === undefined ? options : { ...options, url: where });
      return api;
    },
    cloudflare() {
      cloudflare ??= connectToCloudflare(options);
      return cloudflare;
    },
    async confirm(question) {
      if (options.yes === true) return;
      requireSomebody(prompt, question);
      await prompt.confirm(question);
    },
    async confirmByName(warning, question, names) {
      if (options.yes === true) return;
      requireSomebody(prompt, question);
      await prompt.confirmByName(warning, question, names);
    },
  };
}

/** A plan is agreed to by whoever sees it, and with `--json` it isn't shown. */
export function requireShownPlan({ json, yes }: GlobalOptions, dryRun: boolean | undefined): void {
  if (json !== true || yes === true || dryRun === true) return;
  throw misuse(
    "with --json the plan is not shown, so there is nothing to agree to",
    "see it with --dry-run, then add --yes",
  );
}

function requireSomebody({ interactive }: Prompt, question: string): void {
  if (interactive) return;
  throw misuse(
    `this needs a confirmation, and there is no terminal: ${question}`,
    "add --yes to go ahead without being asked",
  );
}

/** The HTTP client takes longer to load than everything else together, so only commands that need it load it. */
async function connectToGate(options: ConnectionOptions): Promise<Api> {
  const connection = await connectionFrom(options, process.env);
  const { createApi } = await import("../../client/api.ts");
  return createApi(connection);
}

/** The same: Cloudflare's SDK takes most of a second. */
async function connectToCloudflare(options: ConnectionOptions): Promise<CloudflareClient> {
  const { cloudflareConnectionFrom, standInNotice } = await import("../../cloudflare/client/connection.ts");
  const connection = cloudflareConnectionFrom(process.env, parseTimeout(options.timeout));
  const notice = standInNotice(connection);
  // For people: a program that sets the variable knows.
  if (notice !== undefined && process.stderr.isTTY) progress(notice);
  const { createCloudflareClient } = await import("../../cloudflare/client/client.ts");
  return createCloudflareClient(connection);
}

/**
 * A noun without a subcommand lists; `list` and `ls`, which other programs have, do the same. The noun's options
 * count for both: the parser reads them wherever they stand.
 */
export function addListVerb(noun: Command, list: (word: string | undefined) => Promise<void>): void {
  const verb = noun
    .command("list")
    .alias("ls")
    .summary("the same as without a subcommand")
    .description(`The same as latchkey ${noun.name()} without a subcommand.`);
  for (const argument of noun.registeredArguments) verb.addArgument(argument);
  verb.action(() => list(verb.args[0]));
  noun.action(() => list(noun.args[0]));
}
