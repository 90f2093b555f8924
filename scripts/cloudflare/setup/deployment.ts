import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { open, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { SECRET_MODE } from "../../files.ts";
import { failed } from "../../terminal/failure.ts";
import { DEPLOYMENTS, VERSIONS } from "../client/answers.ts";
import type { CloudflareClient } from "../client/client.ts";
import { unlessMissing } from "../client/failure.ts";
import { watchForInterruption } from "../client/interruption.ts";
import { parseWranglerToml } from "../client/wrangler-toml.ts";
import { type Step, settled } from "./step.ts";

/** Runs `wrangler deploy`; rejects with a `Failure` when it fails. */
export interface Deployer {
  /** `tag` is kept with the version: how the next run knows what is deployed. */
  deploy(config: string, account: string, tag: string): Promise<void>;
  /** Builds and checks, and sends nothing. */
  dryRun(config: string): Promise<void>;
}

const ROOT = join(import.meta.dirname, "..", "..", "..");

/** The real program, of this project's own version. What it prints goes to the standard error. */
export const wrangler: Deployer = {
  deploy: (config, account, tag) =>
    run(["deploy", "--config", config, "--tag", tag], { CLOUDFLARE_ACCOUNT_ID: account }),
  dryRun: (config) => run(["deploy", "--config", config, "--dry-run"], {}),
};

async function run(words: readonly string[], environment: Record<string, string>): Promise<void> {
  const program = join(
    dirname(createRequire(import.meta.url).resolve("wrangler/package.json")),
    "bin",
    "wrangler.js",
  );
  const child = spawn(process.execPath, [program, ...words], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio: ["ignore", process.stderr, process.stderr],
  });
  const code = await new Promise<number | null>((resolve, reject) =>
    child.on("error", reject).on("close", resolve),
  );
  if (code !== 0) {
    throw failed(
      `wrangler ${words[0]} failed`,
      "see its output above; what was done before stays, and latchkey setup goes on from there",
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
  const tag = await tagOf(text);
  const deployed = await deployedTag(client, account, worker);
  if (deployed === tag) {
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
    apply: async () => deployer.deploy(config, account, await tagOf(await readFile(config, "utf8"))),
  };
}

/**
 * A name for what a deploy would send: sources, dependencies and `wrangler.toml` without its routes,
 * which setup makes itself.
 */
export async function tagOf(text: string): Promise<string> {
  const { routes: _, ...settings } = parseWranglerToml(text);
  const hash = createHash("sha256").update(JSON.stringify(settings));
  const names = (await readdir(join(ROOT, "src"), { recursive: true })).filter((name) =>
    name.endsWith(".ts"),
  );
  for (const name of [...names.map((each) => join("src", each)).sort(), "package-lock.json"]) {
    hash.update(`\0${name}\0`).update(await readFile(join(ROOT, name)));
  }
  return `latchkey-${hash.digest("hex").slice(0, 12)}`;
}

/** The tag of what runs: `null` without a Worker, empty when it is not known. */
async function deployedTag(
  client: CloudflareClient,
  account: string,
  worker: string,
): Promise<string | null> {
  const need = { permission: "scripts-read", what: "list the Worker's versions" } as const;
  const path = `/accounts/${account}/workers/scripts/${encodeURIComponent(worker)}`;
  return unlessMissing(async () => {
    const { items: newest } = await client.ask(need, (sdk) => sdk.get(`${path}/versions`), VERSIONS);
    const { deployments } = await client.ask(need, (sdk) => sdk.get(`${path}/deployments`), DEPLOYMENTS);
    const running = deployments[0]?.versions ?? [];
    // Of several versions, or of one that is not the newest, nothing is known.
    if (running.length !== 1 || running[0]?.version_id !== newest[0]?.id) return "";
    // A secret that is set makes a version of its own, with the same code.
    const uploaded = newest.find(({ annotations }) => annotations?.["workers/triggered_by"] !== "secret");
    return uploaded?.annotations?.["workers/tag"] ?? "";
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
