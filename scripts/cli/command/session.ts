// What every command runs in: its output, its prompts, its clock, and the two APIs it may call.
import type { Api } from "../../client/api.ts";
import { type ConnectionOptions, connectionFrom, givenUrl, parseTimeout } from "../../client/connection.ts";
import { versionNotice } from "../../client/version-notice.ts";
import type { CloudflareClient } from "../../cloudflare/client/client.ts";
import { misuse } from "../../terminal/failure.ts";
import { createOutput, notice, type Output, progress } from "../../terminal/output.ts";
import { type ByName, createPrompt, type Prompt } from "../../terminal/prompt.ts";

export interface GlobalOptions extends ConnectionOptions {
  json?: boolean;
  yes?: boolean;
}

/** Connections are made when they are first asked for. */
export interface Session {
  readonly environment: NodeJS.ProcessEnv;
  /** The options that every command takes, as they were written. */
  readonly options: GlobalOptions;
  readonly output: Output;
  readonly prompt: Prompt;
  /** Milliseconds since 1970. */
  now(): number;
  /**
   * The gate's API. `url` is where to find it if nobody has said; whoever gives it is about to look at the deployment or
   * to change it, and needs no notice that the gate is of another version.
   */
  connect(url?: string): Promise<Api>;
  /** Cloudflare's own API, with the token of the environment. */
  cloudflare(): Promise<CloudflareClient>;
  /**
   * Asks, unless `--yes` was given; where nobody can answer, that is misuse. Called last, when everything else has
   * been checked: otherwise `--yes` would seem to be what is missing. `byName`: the answer is a name, typed.
   */
  confirm(question: string, byName?: ByName): Promise<void>;
}

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
      const where = givenUrl(options, process.env) ?? url;
      api ??= connectToGate(
        { ...options, ...(where === undefined ? {} : { url: where }) },
        url === undefined,
      );
      return api;
    },
    cloudflare() {
      cloudflare ??= connectToCloudflare(options);
      return cloudflare;
    },
    async confirm(question, byName) {
      if (options.yes === true) return;
      if (!prompt.interactive) {
        throw misuse(
          `this needs a confirmation, and there is no terminal: ${question}`,
          "add --yes to go ahead without being asked",
        );
      }
      await (byName === undefined ? prompt.confirm(question) : prompt.confirmByName(question, byName));
    },
  };
}

/** Only someone who sees a plan can agree to it, and with `--json` it isn't shown. */
export function requireShownPlan({ json, yes }: GlobalOptions, dryRun: boolean | undefined): void {
  if (json !== true || yes === true || dryRun === true) return;
  throw misuse(
    "with --json the plan is not shown, so there is nothing to agree to",
    "see it with --dry-run, then add --yes",
  );
}

/** The HTTP client takes longer to load than everything else together, so only commands that need it load it. */
async function connectToGate(options: GlobalOptions, says: boolean): Promise<Api> {
  const connection = await connectionFrom(options, process.env);
  const { createApi } = await import("../../client/api.ts");
  return createApi(connection, says && options.json !== true ? noticeOnce(connection.origin) : undefined);
}

/** Says that the gate is of another version, the first time that it says so. */
function noticeOnce(origin: string): (version: string) => void {
  let isDone = false;
  return (version) => {
    const lines = isDone ? undefined : versionNotice(version, origin);
    if (lines === undefined) return;
    isDone = true;
    notice(...lines);
  };
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
