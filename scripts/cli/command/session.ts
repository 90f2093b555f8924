import type { Command } from "commander";
import type { Api } from "../../client/api.ts";
import { type ConnectionOptions, connectionFrom, parseTimeout } from "../../client/connection.ts";
import type { CloudflareClient } from "../../cloudflare/client/client.ts";
import { misuse } from "../../terminal/failure.ts";
import { createOutput, type Output } from "../../terminal/output.ts";
import { progress } from "../../terminal/progress.ts";
import { createPrompt, type Prompt } from "../../terminal/prompt.ts";

export interface GlobalOptions extends ConnectionOptions {
  json?: boolean;
  yes?: boolean;
}

/** What a command works with. The connection is made when it is first asked for. */
export interface Session {
  readonly environment: NodeJS.ProcessEnv;
  /** Those that say where the API is, as they were written: for `login`. */
  readonly options: ConnectionOptions;
  readonly output: Output;
  readonly prompt: Prompt;
  /** Milliseconds since 1970. */
  now(): number;
  /** `url`: where it is when nobody has said so. */
  api(url?: string): Promise<Api>;
  /** Cloudflare's own API, with the token of the environment. */
  cloudflare(): Promise<CloudflareClient>;
  /**
   * Asks, unless `--yes` was given; where nobody can answer, that is misuse. Last of all, when everything that can
   * be checked has been: else `--yes` would seem to be what is missing.
   */
  confirm(question: string): Promise<void>;
  /** The same, with a warning before it; one of the device's names is to be typed. */
  confirmByName(warning: readonly string[], question: string, names: readonly string[]): Promise<void>;
}

/** A command adds itself to the program; its action runs in a session. */
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
    api(url) {
      const environmentUrl = process.env.LATCHKEY_URL || undefined;
      const where = options.url ?? environmentUrl ?? url;
      api ??= connect(where === undefined ? options : { ...options, url: where });
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

function requireSomebody({ interactive }: Prompt, question: string): void {
  if (interactive) return;
  throw misuse(`nobody is there to answer: ${question}`, "add --yes to go ahead without being asked");
}

/** The HTTP client takes longer to load than all the rest: only those wait for it who need it. */
async function connect(options: ConnectionOptions): Promise<Api> {
  const connection = await connectionFrom(options, process.env);
  const { createApi } = await import("../../client/api.ts");
  return createApi(connection);
}

/** The same: the SDK takes most of a second. */
async function connectToCloudflare(options: ConnectionOptions): Promise<CloudflareClient> {
  const { cloudflareConnectionFrom, standInNotice } = await import("../../cloudflare/client/connection.ts");
  const connection = cloudflareConnectionFrom(process.env, parseTimeout(options.timeout));
  const notice = standInNotice(connection);
  // For people: a program that sets the variable knows.
  if (notice !== undefined && process.stderr.isTTY) progress(`latchkey: ${notice}`);
  const { createCloudflareClient } = await import("../../cloudflare/client/client.ts");
  return createCloudflareClient(connection);
}
