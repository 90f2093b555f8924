// The list of blocked certificates and tokens: a secret of the deployed Worker, or a file of the local edge.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Command, Option } from "commander";
import type { Fingerprint } from "../../../src/domain/fingerprint.ts";
import { isLoopback } from "../../client/address.ts";
import { isOutOfOrder, ProblemFailure } from "../../client/answer.ts";
import type { Api } from "../../client/api.ts";
import { BLOCKED_TEMPLATE, blockedEntry } from "../../edge/state/blocked.ts";
import { PUBLIC_MODE, readIfThere, writeWhole } from "../../files.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { type Failure, failed, misuse } from "../../terminal/failure.ts";
import { progress } from "../../terminal/output.ts";
import { printable } from "../../terminal/text.ts";
import type { Session } from "../command/session.ts";
import { type AtCloudflare, atCloudflareIn } from "../command/target.ts";
import { readSettings } from "../zone/wrangler-config.ts";

/** A secret holds 5 KB (developers.cloudflare.com/workers/platform/limits), a fingerprint and its comma 65 bytes. */
export const BLOCKED_MAX = 75;

/** The Worker's secret: fingerprints joined by commas. */
const SECRET = "BLOCKED";
/** The same for the local edge, in its state folder. */
const FILE = "blocked.txt";

/** The certificates and tokens that the gate refuses before it asks anybody. */
export interface BlockList {
  /** What is in force now, sorted. */
  read(): Promise<Fingerprint[]>;
  /** Makes it exactly this. */
  write(fingerprints: readonly Fingerprint[]): Promise<void>;
  /** Waits until the gate uses this list, and returns what is known about that. Fails if it never does. */
  settle(fingerprints: readonly Fingerprint[]): Promise<string>;
}

export interface BlockListOptions {
  edge?: string;
  config?: string;
  zone?: string;
}

export function blockListOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--edge <folder>", "the list of the local edge with this state folder").conflicts([
        "config",
        "zone",
      ]),
    )
    .option("--config <file>", "another wrangler.toml, which names the Worker")
    .option("--zone <name>", "the zone of the gate (default: that of --url)");
}

/** The list, and where certificates are looked up by name: at Cloudflare, unless the list is the local edge's. */
export interface Brake {
  list: BlockList;
  atCloudflare: AtCloudflare | undefined;
}

export async function openBrake(session: Session, options: BlockListOptions): Promise<Brake> {
  const { edge, config, zone } = options;
  if (edge !== undefined) return { list: await edgeBlockList(edge), atCloudflare: undefined };
  const { worker, adminHost, hosts } = await readSettings(config);
  const [first] = hosts;
  const host = adminHost ?? first?.host;
  const api = await session.connect(host === undefined ? undefined : `https://${host}`);
  const atCloudflare = {
    ...atCloudflareIn(session, api, zone),
    // Made when it is first needed: reading the list needs no Cloudflare token.
    async client() {
      // Tests and demos have a stand-in for Cloudflare, beside a local edge.
      if (isLocal(api) && !session.environment.LATCHKEY_CLOUDFLARE_API) throw localEdge(api);
      return session.cloudflare();
    },
  };
  return { list: deployedBlockList(api, atCloudflare, worker), atCloudflare };
}

function isLocal(api: Api): boolean {
  return isLoopback(new URL(api.origin).hostname);
}

function localEdge(api: Api): Failure {
  return misuse(
    `${api.origin} is a local edge, whose list is in its state folder and not at Cloudflare`,
    `name the edge's state folder, such as ${LATCHKEY} block DEVICE --edge .latchkey`,
  );
}

/** The list of the Worker that is deployed: read from the gate, since a secret cannot be read back. */
function deployedBlockList(
  api: Api,
  { client, place: { zone, hostname } }: AtCloudflare,
  worker: string,
): BlockList {
  async function read(): Promise<Fingerprint[]> {
    try {
      return await api.blocked();
    } catch (error) {
      if (!(error instanceof ProblemFailure) || error.code !== "not-found") throw error;
      throw failed(
        `the Worker at ${api.origin} does not know ${SECRET}: it was deployed before there was such a list`,
        "deploy this version first: latchkey deploy",
      );
    }
  }
  return {
    read,
    async write(fingerprints) {
      const { findZone, zoneOfHost } = await import("../../cloudflare/client/zone.ts");
      const connected = await client();
      const { account } = await (zone === undefined
        ? zoneOfHost(connected, hostname)
        : findZone(connected, zone));
      const { isNotFound } = await import("../../cloudflare/client/failure.ts");
      const { removeSecret, storeSecret } = await import("../../cloudflare/client/worker-secret.ts");
      const at = { client: connected, account: account.id, worker };
      if (fingerprints.length === 0) return removeSecret(at, SECRET);
      try {
        await storeSecret(at, SECRET, fingerprints.join(","));
      } catch (error) {
        throw isNotFound(error) && isLocal(api) ? localEdge(api) : error;
      }
    },
    async settle(fingerprints) {
      progress(`stored as the Worker's secret ${SECRET}; waiting until the gate uses it`);
      const shown = await isShown(read, fingerprints, { now: Date.now, pause: () => delay(PAUSE_MS) });
      if (shown) return `the gate at ${api.origin} uses it; other Cloudflare locations follow within seconds`;
      throw failed(
        `Cloudflare has stored the list, but the gate did not use it within ${WAIT_MS / 1000} s`,
        `check again in a minute: ${LATCHKEY} blocked`,
      );
    },
  };
}

/** Makes the list exactly `after`. If the gate doesn't come to use it, programs still learn what was stored. */
export async function putInForce(
  { output }: Session,
  list: BlockList,
  after: readonly Fingerprint[],
  result: object,
  done: string,
): Promise<void> {
  await list.write(after);
  output.lines(done);
  let confirmed = false;
  try {
    output.lines(await list.settle(after));
    confirmed = true;
  } finally {
    output.object({ done: true, confirmed, ...result });
  }
}

/** How long to wait for a new secret. Storing one deploys the Worker, which takes seconds. */
const WAIT_MS = 60_000;
const PAUSE_MS = 2000;

/** Whether the gate shows this list in time. Missing answers do not end the wait. */
export async function isShown(
  read: () => Promise<readonly Fingerprint[]>,
  wanted: readonly Fingerprint[],
  clock: { now(): number; pause(): Promise<void> },
): Promise<boolean> {
  const expected = [...wanted].sort().join();
  for (const end = clock.now() + WAIT_MS; ; ) {
    try {
      if ([...(await read())].sort().join() === expected) return true;
    } catch (error) {
      if (!isOutOfOrder(error)) throw error;
    }
    if (clock.now() >= end) return false;
    await clock.pause();
  }
}

/** The list of the local edge, in its state folder. Comments and the order of the lines stay. */
export async function edgeBlockList(stateDir: string): Promise<BlockList> {
  const path = join(stateDir, FILE);
  const isStateFolder = await stat(join(stateDir, "admin-token")).catch(() => undefined);
  if (isStateFolder === undefined) {
    throw misuse(
      `${printable(stateDir)} is not the state folder of a local edge`,
      "start the local edge first (npm start), or name its state folder",
    );
  }
  const lines = async () => ((await readIfThere(path)) ?? BLOCKED_TEMPLATE).trimEnd().split("\n");
  const entryIn = (line: string, index: number): Fingerprint | undefined => {
    const entry = blockedEntry(line);
    if (entry === undefined || entry.fingerprint !== undefined) return entry?.fingerprint;
    throw failed(
      `${printable(path)}, line ${index + 1}: '${printable(entry.text)}' is not a fingerprint`,
      "correct the line: 64 hex digits, or # before it",
    );
  };
  return {
    read: async () =>
      [...new Set((await lines()).flatMap((line, index) => entryIn(line, index) ?? []))].sort(),
    async write(fingerprints) {
      const before = await lines();
      const entries = before.map(entryIn);
      const kept = before.filter((_, index) => {
        const entry = entries[index];
        return entry === undefined || fingerprints.includes(entry);
      });
      const added = fingerprints.filter((fingerprint) => !entries.includes(fingerprint));
      await writeWhole(path, `${[...kept, ...added].join("\n")}\n`, PUBLIC_MODE);
    },
    settle: async () => `written to ${printable(path)}; a running local edge picks it up`,
  };
}
