import type { Command } from "commander";
import type { Api } from "./api.ts";
import { type ConnectionOptions, connectionFrom } from "./connection.ts";
import { misuse } from "./failure.ts";
import { createOutput, type Output } from "./output.ts";
import { createPrompt, type Prompt } from "./prompt.ts";

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
  api(): Promise<Api>;
  /** Before an act that asks: ends the command at once where nobody can be asked. */
  requireConsent(act: string): void;
  /** Asks, unless `--yes` was given. */
  confirm(question: string): Promise<void>;
  /** Warns and asks for the device's name to be typed, unless `--yes` was given. */
  confirmByName(warning: readonly string[], question: string, name: string): Promise<void>;
}

/** A command adds itself to the program; its action runs in a session. */
export type AddCommand = (program: Command, open: () => Session) => void;

export function openSession(options: GlobalOptions): Session {
  const prompt = createPrompt();
  let api: Promise<Api> | undefined;
  return {
    environment: process.env,
    options,
    output: createOutput(process.stdout, options.json === true),
    prompt,
    now: Date.now,
    api() {
      api ??= connect(options);
      return api;
    },
    requireConsent(act) {
      if (options.yes !== true && !prompt.interactive) {
        throw misuse(
          `${act} asks before it acts, and nobody is there to answer`,
          "add --yes to go ahead unasked",
        );
      }
    },
    async confirm(question) {
      if (options.yes !== true) await prompt.confirm(question);
    },
    async confirmByName(warning, question, name) {
      if (options.yes !== true) await prompt.confirmByName(warning, question, name);
    },
  };
}

/** The HTTP client takes longer to load than all the rest: only those wait for it who need it. */
async function connect(options: ConnectionOptions): Promise<Api> {
  const connection = await connectionFrom(options, process.env);
  const { createApi } = await import("./api.ts");
  return createApi(connection);
}
