import { isAbsolute, relative, resolve, sep } from "node:path";
import { Command, CommanderError, Option } from "commander";
import { DEPLOYMENT_FOLDER } from "../package.ts";
import { type Failure, misuse } from "../terminal/failure.ts";
import { misuseFromCommander } from "../terminal/misuse.ts";
import { parseJson, printable, shellWord } from "../terminal/text.ts";
import { DEFAULT_COUNTRY } from "./cloudflare.ts";
import type { EdgeOptions } from "./edge.ts";
import { parseOrigin } from "./origin.ts";
import { type ProviderChoice, readProviderChoice } from "./provider-choice.ts";
import type { Vars } from "./worker-config.ts";

const DEFAULT_PORT = "8443";
const DEFAULT_STATE = ".latchkey";

export const START_DESCRIPTION =
  "Run the gate on this machine, behind a local edge with real client certificates.";

/** The end of the help; `command` is called as it is, `prefix` before options. */
export function startNotes(command: string, prefix: string): string {
  return `
The state folder holds a certificate authority for this machine, the server's
and three devices' certificates, the admin token and the registry. It is made on
the first start.

Examples:
  ${command}
  ${prefix} --origin http://127.0.0.1:8123
  ${prefix} --sign-in https://id.example.com --client-id latchkey
  ${prefix} --port 9443 --state /tmp/gate --var REVOCATION_DELAY_SECONDS=0
  ${prefix} --country US --var 'APPS={"a.localhost":{"countries":["CH"]}}'`;
}

/** What is written on the command line. */
export interface StartOptions {
  port: string;
  state: string;
  origin?: string;
  country: string;
  latency: string;
  var?: Record<string, unknown>;
  signIn?: string | false;
  clientId?: string;
}

/** What it means: the edge's options, and who signs people in. */
export interface StartSettings extends EdgeOptions {
  vars: Vars;
  provider: ProviderChoice;
}

function createProgram(): Command {
  return withStartOptions(new Command("npm start --"))
    .description(START_DESCRIPTION)
    .usage("[options]")
    .helpOption("-h, --help", "print this help")
    .allowExcessArguments(false)
    .addHelpText("after", startNotes("npm start", "npm start --"))
    .configureOutput({ outputError: () => undefined })
    .showHelpAfterError(false)
    .exitOverride();
}

/** Adds the options of `npm start` and `latchkey start`; `startSettings` reads them. */
export function withStartOptions<C extends Command>(command: C): C {
  return command
    .addOption(
      withDefault("--port <port>", "where to listen, on 127.0.0.1; 0 takes a free one", DEFAULT_PORT),
    )
    .addOption(withDefault("--state <folder>", "the state folder", DEFAULT_STATE))
    .option("--origin <url>", "the app behind the gate, instead of the demo app")
    .option(
      "--var <name=value>",
      "override a variable of wrangler.toml; the value may be JSON; repeatable",
      addVar,
    )
    .option(
      "--sign-in <issuer>",
      "the OpenID Connect provider people sign in with, instead of the local one; its secret is in SIGN_IN_SECRET or asked for",
    )
    .option("--client-id <id>", "the gate's client id there")
    .option("--no-sign-in", "certificates only: nobody signs in")
    .addOption(withDefault("--country <code>", "the country all clients appear to be in", DEFAULT_COUNTRY))
    .addOption(
      withDefault(
        "--latency <ms>",
        "delay each call to the registry and its answer by 0 to this many milliseconds, as between distant machines",
        "0",
      ),
    );
}

/** Commander would show the default in quotes. */
function withDefault(flags: string, description: string, value: string): Option {
  return new Option(flags, description).default(value, value);
}

/** What the Worker reads besides these secrets; it ignores any other name. */
const VARIABLES = [
  "APPS",
  "REVOCATION_DELAY_SECONDS",
  "ADMIN_HOST",
  "BLOCKED",
  "NOTIFY_URLS",
  "NOTIFY_SECRET",
  "NOTIFY_OFF",
  "SIGN_IN",
];

/** Secrets, and where they come from instead. */
const SECRETS: Readonly<Record<string, string>> = {
  ADMIN_TOKEN: "the state folder holds it, in the file admin-token",
  SIGN_IN_SECRET: "set SIGN_IN_SECRET in the environment",
};

/** `NAME=VALUE`; a value that is JSON is what it says, everything else is a string. */
function addVar(text: string, vars: Record<string, unknown> = {}): Record<string, unknown> {
  const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw misuse("--var is not NAME=VALUE", "such as --var REVOCATION_DELAY_SECONDS=0");
  }
  const elsewhere = SECRETS[name];
  if (elsewhere !== undefined) {
    throw misuse("a secret is not given as an argument: other users of this machine would see it", elsewhere);
  }
  if (!VARIABLES.includes(name)) {
    throw misuse(
      `--var names no variable of the Worker: ${printable(name)}`,
      `there are ${VARIABLES.join(", ")}`,
    );
  }
  const parsed = parseJson(value);
  return { ...vars, [name]: parsed === undefined ? value : parsed };
}

function parseWhole(text: string, limit: number, option: string, kind: string, hint: string): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (number <= limit) return number;
  throw misuse(`${option} '${printable(text)}' is not a ${kind}`, hint);
}

function parseCountry(text: string): string {
  if (!/^[A-Z][A-Z0-9]$/.test(text)) {
    throw misuse(`--country '${printable(text)}' is not a code`, "give two capital letters, such as CH");
  }
  return text;
}

/**
 * Where the user stands: npm runs its scripts in the folder of `package.json`, wherever it was called (`npm --prefix`,
 * or a folder further down), and keeps the caller's in INIT_CWD.
 */
export function callersFolder(environment: NodeJS.ProcessEnv): string {
  const { npm_lifecycle_event: script, INIT_CWD: caller } = environment;
  return script && caller ? caller : process.cwd();
}

/** Whether the command line is found there. */
export function isInClone(folder: string): boolean {
  return isWithin(DEPLOYMENT_FOLDER, folder);
}

/**
 * A path as it is typed from the caller's folder: short if it is below. From outside of the clone, where the commands
 * do not run, paths must hold in the clone as well.
 */
export function shownFrom(folder: string, path: string): string {
  return isInClone(folder) && isWithin(folder, path) ? relative(folder, path) || "." : path;
}

function isWithin(above: string, below: string): boolean {
  const way = relative(above, below);
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/**
 * The options as the edge takes them. Throws `Failure` for misuse, and `CommanderError` with exit code 0 once the
 * help is printed.
 */
export function readOptions(words: readonly string[], environment: NodeJS.ProcessEnv): StartSettings {
  const program = createProgram();
  const taken = takenByNpm(program, words, environment);
  if (taken !== undefined) throw taken;
  try {
    program.parse(words, { from: "user" });
  } catch (error) {
    throw failureOf(error, program);
  }
  // The default folder is the clone's.
  const isDefault = program.getOptionValueSource("state") === "default";
  return startSettings(program.opts(), isDefault ? process.cwd() : callersFolder(environment));
}

/** What was written, as the edge takes it. A relative state folder is below `folder`. */
export function startSettings(options: StartOptions, folder: string): StartSettings {
  const { port, state, origin, country, latency, var: vars = {}, ...provider } = options;
  if (origin !== undefined) parseOrigin(origin);
  return {
    port: parseWhole(port, 65_535, "--port", "port", "give a number up to 65535"),
    stateDir: resolve(folder, state),
    vars,
    provider: readProviderChoice(provider, vars),
    country: parseCountry(country),
    // Latency between any two places is below a second.
    latencyMs: parseWhole(latency, 1_000, "--latency", "latency", "give milliseconds, 0 to 1000"),
    ...(origin === undefined ? {} : { origin }),
  };
}

/**
 * Without `--`, npm takes our options for settings of its own: of `npm start --port 8600` only the 8600 arrives, and of
 * `--port=8600` nothing. Both leave a trace in the environment (tried with npm 10 and 11).
 */
function takenByNpm(
  program: Command,
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
): Failure | undefined {
  if (!environment.npm_lifecycle_event) return undefined;
  const taken = program.options.flatMap(({ long, negate }) => {
    const name = long?.replace(/^--(no-)?/, "").replaceAll("-", "_");
    const value = environment[`npm_config_${name}`];
    // Of `--no-sign-in`, npm makes a `sign_in` without a value.
    return long == null || value === undefined || (value === "") !== negate ? [] : [{ long, value }];
  });
  if (taken.length === 0) return undefined;
  const [only, ...others] = taken;
  const written = taken.map(({ long, value }) => {
    if (value === "") return long;
    if (value !== "true") return `${long} ${shellWord(value)}`;
    // Of several, it is unknown which word belonged to which.
    const [word] = words;
    return only !== undefined && others.length === 0 && word !== undefined
      ? `${long} ${shellWord(word)}`
      : `${long} …`;
  });
  return misuse(
    `npm took ${taken.map(({ long }) => long).join(" and ")} for itself`,
    `write npm start -- ${written.join(" ")}`,
  );
}

function failureOf(error: unknown, program: Command): unknown {
  if (!(error instanceof CommanderError) || error.exitCode === 0) return error;
  const { message, hint } = misuseFromCommander(error, program);
  return misuse(
    message,
    hint.startsWith("did you mean")
      ? hint
      : "options come after --, as in npm start -- --port 9443; see npm start -- --help",
  );
}
