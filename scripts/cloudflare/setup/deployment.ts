import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { open, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { SECRET_MODE } from "../../files.ts";
import { DEPLOYMENT_FOLDER, IS_CLONE, VERSION, WRANGLER_TOML } from "../../package.ts";
import { failed } from "../../terminal/failure.ts";
import { DEPLOYMENTS, VERSIONS } from "../client/answers.ts";
import type { CloudflareClient } from "../client/client.ts";
import { unlessMissing } from "../client/failure.ts";
import { watchForInterruption } from "../client/interruption.ts";
import { parseWranglerToml } from "../client/wrangler-toml.ts";
import { wranglerProgram } from "../wrangler.ts";
import { type Step, settled } from "./step.ts";

/** Runs `wrangler deploy`; rejects with a `Failure` when it fails. */
export interface Deployer {
  /** `tag` is kept with the version: how the next run knows what is deployed. `undefined`: wrangler finds the account. */
  deploy(config: string, account: string | undefined, tag: string): Promise<void>;
  /** Builds and checks, and sends nothing. */
  dryRun(config: string): Promise<void>;
}

/** Runs `wrangler rollback`, to a version by Cloudflare's id. */
export interface Rollback {
  rollback(config: string, account: string, version: string): Promise<void>;
}

/** How a deploy says which version of Latchkey it brings. */
const MESSAGE = "Latchkey ";

/** The real program, of this project's own version. What it prints goes to the standard error. */
export const wrangler: Deployer & Rollback = {
  deploy: (config, account, tag) =>
    run(["deploy", "--config", resolve(config), "--tag", tag, "--message", `${MESSAGE}${VERSION}`], {
      ...(account === undefined ? {} : { CLOUDFLARE_ACCOUNT_ID: account }),
    }),
  dryRun: (config) => run(["deploy", "--config", resolve(config), "--dry-run"], {}),
  rollback: (config, account, version) =>
    run(["rollback", version, "--config", resolve(config), "--message", "latchkey upgrade", "--yes"], {
      CLOUDFLARE_ACCOUNT_ID: account,
    }),
};

async function run(words: readonly string[], environment: Record<string, string>): Promise<void> {
  const child = spawn(process.execPath, [wranglerProgram(), ...words], {
    cwd: DEPLOYMENT_FOLDER,
    env: { ...process.env, ...environment },
    stdio: ["ignore", process.stderr, process.stderr],
  });
  const code = await new Promise<number | null>((done, reject) =>
    child.on("error", reject).on("close", done),
  );
  if (code !== 0) {
    throw failed(
      `wrangler ${words[0]} failed`,
      "see its output above; what was done before stays, and the same command may be repeated",
    );
  }
}

export interface Deployment {
  client: CloudflareClient;
  account: string;
  worker: string;
  /** The path of `wrangler.toml`, and the text that it is planned to have by then. */
  config: string;
  text: string;
  deployer: Deployer;
}

/** Deploys, unless Cloudflare says that this very state is what runs. */
export async function deployStep(deployment: Deployment): Promise<Step> {
  const { client, account, worker, config, text, deployer } = deployment;
  const id = "deploy";
  const tag = await tagOf(text, config);
  const deployed = await readRunning(client, account, worker);
  if (deployed?.tag === tag) {
    return settled(id, `the Worker ${worker} runs what is here`);
  }
  return {
    id,
    found:
      deployed === null
        ? `there is no Worker ${worker}`
        : `the Worker ${worker} runs, but may differ from what is here`,
    change: "npx wrangler deploy",
    // What is in the file by then: the id of an application that had to be made was not known before.
    apply: async () => deployer.deploy(config, account, await tagOf(await readFile(config, "utf8"), config)),
  };
}

/**
 * A name for what a deploy would send: sources, dependencies and `wrangler.toml` without its routes,
 * which setup makes itself.
 */
export async function tagOf(text: string, config = WRANGLER_TOML): Promise<string> {
  const { routes: _, ...settings } = parseWranglerToml(text);
  const hash = createHash("sha256").update(JSON.stringify(settings));
  const folder = IS_CLONE ? DEPLOYMENT_FOLDER : dirname(config);
  for (const name of await sources(settings.main)) {
    hash.update(`\0${name}\0`).update(await readFile(join(folder, name)));
  }
  return `latchkey-${hash.digest("hex").slice(0, 12)}`;
}

/** What the Worker is made of, below its folder. A package's entry holds everything. */
async function sources(main: unknown): Promise<string[]> {
  if (!IS_CLONE) return [String(main)];
  const names = await readdir(join(DEPLOYMENT_FOLDER, "src"), { recursive: true });
  const own = names.filter((name) => name.endsWith(".ts")).map((name) => join("src", name));
  return [...own.sort(), "package-lock.json"];
}

/** What Cloudflare says of the Worker that runs. What it does not say, or not clearly, is missing. */
export interface Running {
  /** Cloudflare's id of the version. */
  id?: string;
  tag?: string;
  /** Latchkey's version. */
  version?: string;
}

/** `null`: there is no Worker. */
export async function readRunning(
  client: CloudflareClient,
  account: string,
  worker: string,
): Promise<Running | null> {
  const need = { permission: "scripts-read", what: "list the Worker's versions" } as const;
  const path = `/accounts/${account}/workers/scripts/${encodeURIComponent(worker)}`;
  return unlessMissing(async () => {
    const { items: newest } = await client.ask(need, (sdk) => sdk.get(`${path}/versions`), VERSIONS);
    const { deployments } = await client.ask(need, (sdk) => sdk.get(`${path}/deployments`), DEPLOYMENTS);
    const running = deployments[0]?.versions ?? [];
    // Of several versions, or of one that is not the newest, nothing is known.
    const id = running[0]?.version_id;
    if (id === undefined || running.length !== 1 || id !== newest[0]?.id) return {};
    // A secret that is set makes a version of its own, with the same code.
    const uploaded = newest.find(({ annotations }) => annotations?.["workers/triggered_by"] !== "secret");
    const { "workers/tag": tag, "workers/message": message } = uploaded?.annotations ?? {};
    const version = message?.startsWith(MESSAGE) ? message.slice(MESSAGE.length) : undefined;
    return { id, ...(tag === undefined ? {} : { tag }), ...(version === undefined ? {} : { version }) };
  });
}

/** Has the real program check a text as `wrangler.toml`, which is not written for it. */
export async function dryRun(deployer: Deployer, config: string, text: string): Promise<void> {
  // Beside it: paths in the file are relative to its folder.
  const path = join(dirname(config), `.latchkey-dry-run-${process.pid}.toml`);
  // Ctrl-C ends wrangler, and then this, once the file is gone.
  const interruption = watchForInterruption();
  try {
    // The text may hold secrets, such as the addresses of notifications.
    const file = await open(path, "wx", SECRET_MODE);
    try {
      await file.writeFile(text);
      await deployer.dryRun(path);
    } finally {
      await file.close();
      await rm(path, { force: true });
    }
    interruption.check();
  } finally {
    interruption.end();
  }
}
