// The stand-in for Cloudflare's API beside the local edge: not Cloudflare. What it signs, the edge verifies; what
// it has revoked, the edge reports as revoked; and it keeps its state in the edge's state folder.
import { X509Certificate } from "node:crypto";
import { chmod } from "node:fs/promises";
import type { Credential } from "../certificates/authority.ts";
import type { Signer } from "../edge/edge.ts";
import type { StatePaths } from "../edge/state/paths.ts";
import { normaliseSerial } from "../edge/state/revoked.ts";
import { loadToken } from "../edge/state/state.ts";
import { readIfThere, SECRET_MODE, writeWhole } from "../files.ts";
import { failed } from "../terminal/failure.ts";
import { settleCertificates } from "./client-certificates.ts";
import { type StandIn, startCloudflare } from "./stand-in.ts";
import { type CloudflareState, createState, emptyZone } from "./state.ts";

/** The local hosts' zone, which signs for devices, and one for `setup --dry-run` by the examples of the documentation. */
const ZONES = ["localhost", "example.com"];

/** Shows what the token is for, wherever it turns up. */
const TOKEN_PREFIX = "stand-in-";

/** How long a revocation stays pending, in milliseconds: long enough to be seen. Cloudflare takes about a minute. */
const SETTLE_MS = 3_000;

/** GraphQL's answer on the day's use, which nobody counts here. */
const NOTHING_USED = {
  viewer: { accounts: [{ workersInvocationsAdaptive: [], durableObjectsInvocationsAdaptiveGroups: [] }] },
};

export interface HomeCloudflare extends Signer {
  /** `http://127.0.0.1:PORT/client/v4` */
  url: string;
}

interface Kept {
  port: number;
  state: CloudflareState;
}

/**
 * Starts the stand-in with the edge's authority, and with the certificates, the port and the token of the last time.
 * Should another program have taken the port meanwhile, it takes a free one.
 */
export async function startHomeCloudflare(authority: Credential, paths: StatePaths): Promise<HomeCloudflare> {
  const token = await loadToken(paths.cloudflareToken, TOKEN_PREFIX);
  await chmod(paths.cloudflareToken, SECRET_MODE);
  const kept = await readKept(paths.cloudflare);
  const state = { ...createState(ZONES), ...kept?.state, analytics: NOTHING_USED, token };
  settleCertificates(state);

  let revoked = revokedIn(state);
  let saved = Promise.resolve();
  let settling: NodeJS.Timeout | undefined;
  let standIn: StandIn | undefined;

  /** One after the other, so that the newest state is the one that stays. */
  const save = (): Promise<void> => {
    revoked = revokedIn(state);
    const port = Number(new URL(standIn?.url ?? "http://127.0.0.1:0").port);
    saved = saved
      .catch(() => undefined)
      .then(() => writeWhole(paths.cloudflare, toText({ port, state }), SECRET_MODE));
    return saved;
  };
  const onChange = async () => {
    await save();
    settling ??= setTimeout(() => {
      settling = undefined;
      settleCertificates(state);
      // Should this fail, the next start settles it again.
      save().catch(() => undefined);
    }, SETTLE_MS).unref();
  };

  const start = (port: number) => startCloudflare({ authority, state, port, keepRequests: 0, onChange });
  standIn = await start(kept?.port ?? 0).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EADDRINUSE") throw error;
    return start(0);
  });
  const { url, stop } = standIn;
  await save();
  return {
    url,
    revokedSerials: () => revoked,
    async stop() {
      await stop();
      clearTimeout(settling);
      await saved.catch(() => undefined);
    },
  };
}

function revokedIn({ zones }: CloudflareState): ReadonlySet<string> {
  const certificates = zones.flatMap((zone) => zone.certificates);
  return new Set(
    certificates
      .filter(({ status }) => status === "revoked")
      .map(({ certificate }) => normaliseSerial(new X509Certificate(certificate).serialNumber)),
  );
}

const ABOUT = "The state of the local stand-in for Cloudflare's API: not Cloudflare.";

/** JSON, with maps as `{ "$map": [...] }` and sets as `{ "$set": [...] }`. The token has a file of its own. */
function toText({ port, state }: Kept): string {
  const { token: _, ...rest } = state;
  const replace = (_key: string, value: unknown) => {
    if (value instanceof Map) return { $map: [...value] };
    return value instanceof Set ? { $set: [...value] } : value;
  };
  return `${JSON.stringify({ about: ABOUT, port, state: rest }, replace, 2)}\n`;
}

async function readKept(path: string): Promise<Kept | undefined> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  try {
    const { port, state } = JSON.parse(text, (_key, value) => {
      if (Array.isArray(value?.$map)) return new Map(value.$map);
      return Array.isArray(value?.$set) ? new Set(value.$set) : value;
    }) as Kept;
    // A field that was added since then gets its initial value.
    const zones = state.zones.map((zone) => ({ ...emptyZone(zone.name), ...zone }));
    return { port: Number.isInteger(port) ? port : 0, state: { ...state, zones } };
  } catch {
    throw failed(
      `${path} is not the state of the stand-in for Cloudflare's API`,
      "delete it: the stand-in then starts again, and forgets the certificates that it signed",
    );
  }
}
