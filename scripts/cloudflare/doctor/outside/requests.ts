// Real requests to the hosts, as strangers and as a device.
import { Agent, buildConnector, type Dispatcher, request } from "undici";
import { ENROL_PATH, WHOAMI_PATH } from "../../../../src/contract/paths.ts";
import { isPublicPath } from "../../../../src/domain/request/path-rules.ts";
import { answer } from "../../../../src/gate/answers.ts";
import { errorCode } from "../../../terminal/failure.ts";
import type { GatedHost } from "../../client/wrangler-toml.ts";
import type { Expected, Observation, Seen } from "./judge-requests.ts";

/** How the hosts are reached, and as whom. */
export interface OutsideOptions {
  /** `127.0.0.1:8443`: where https goes instead of where the names lead, as curl's `--connect-to`. */
  connectTo: { hostname: string; port: number } | undefined;
  /** PEM: the only authorities to trust; without it, the system's own. */
  ca: string | undefined;
  timeoutMs: number;
  /** PEM. */
  credential: { certificate: string; key: string } | undefined;
}

/** Where people who are not signed in get the sign-in page. */
const HOME_PATH = "/.latchkey/";

/** More than any refusal of ours; the beginning of an app's answer is enough. */
const MAX_BODY_BYTES = 4096;

/** What a client could send to claim an identity: the gate must not care. */
const FORGED_HEADERS = {
  "Cf-Access-Jwt-Assertion": "eyJhbGciOiJub25lIn0.eyJlbWFpbCI6ImFsaWNlQGV4YW1wbGUuY29tIn0.",
  "Cf-Access-Authenticated-User-Email": "alice@example.com",
  "Cf-Client-Cert-Verified": "SUCCESS",
  "X-Latchkey-User": "alice",
  "X-Latchkey-Device": "pixel-9",
  "X-Latchkey-Fingerprint": "0".repeat(64),
};

/** Asks one host after the other. A request that got no answer is part of the observation. */
export async function observe(hosts: readonly GatedHost[], options: OutsideOptions): Promise<Observation[]> {
  const stranger = createAgent(options, undefined);
  const device = options.credential === undefined ? undefined : createAgent(options, options.credential);
  try {
    const observations: Observation[] = [];
    for (const gated of hosts) observations.push(await observeHost(gated, options, stranger, device));
    return observations;
  } finally {
    await Promise.all([stranger.close(), device?.close()]);
  }
}

/** The sign-in page, as a browser without a certificate gets it. */
export async function observeAdminHost(host: string, options: OutsideOptions): Promise<Seen> {
  const agent = createAgent(options, undefined);
  try {
    return await look(`https://${host}${HOME_PATH}`, agent, options.timeoutMs, {});
  } finally {
    await agent.close();
  }
}

async function observeHost(
  { host, app }: GatedHost,
  { connectTo, timeoutMs }: OutsideOptions,
  stranger: Dispatcher,
  device: Dispatcher | undefined,
): Promise<Observation> {
  const path = isPublicPath(app.publicPaths, `https://${host}/`, "/") ? GATED_PATH : "/";
  const get = (scheme: "https" | "http", wanted: string, by: Dispatcher, headers = {}) =>
    look(`${scheme}://${host}${wanted}`, by, timeoutMs, headers);
  const [expected, unadorned, page, forged, http, whoami, visit] = await Promise.all([
    expectedAnswer(app, path),
    get("https", path, stranger),
    get("https", ENROL_PATH, stranger),
    get("https", path, stranger, FORGED_HEADERS),
    connectTo === undefined ? get("http", path, stranger) : undefined,
    device === undefined ? undefined : get("https", WHOAMI_PATH, device),
    device === undefined ? undefined : get("https", path, device),
  ]);
  return { host, expected, stranger: unadorned, page, forged, http, whoami, visit };
}

/** Asked for where the app's first page is public: this path surely is not. */
const GATED_PATH = "/latchkey-doctor";

async function expectedAnswer(app: GatedHost["app"], pathname: string): Promise<Expected> {
  const response = answer("no-certificate", app.profile, { method: "GET", pathname });
  return { status: response.status, body: await response.text() };
}

function createAgent(
  { connectTo, ca, timeoutMs }: OutsideOptions,
  credential: OutsideOptions["credential"],
): Agent {
  const connect = buildConnector({
    timeout: timeoutMs,
    ...(ca === undefined ? {} : { ca }),
    ...(credential === undefined ? {} : { cert: credential.certificate, key: credential.key }),
  });
  if (connectTo === undefined) return new Agent({ connect });
  const { hostname, port } = connectTo;
  return new Agent({
    connect(options, callback) {
      const { servername = options.hostname } = options;
      connect({ ...options, servername, hostname, port: String(port) }, callback);
    },
  });
}

async function look(
  url: string,
  dispatcher: Dispatcher,
  timeoutMs: number,
  headers: Record<string, string>,
): Promise<Seen> {
  try {
    const response = await request(url, {
      dispatcher,
      headers: { "User-Agent": "latchkey-doctor", ...headers },
      signal: AbortSignal.timeout(timeoutMs),
    });
    let body = "";
    for await (const chunk of response.body.setEncoding("utf8")) {
      body += chunk;
      if (body.length > MAX_BODY_BYTES) break;
    }
    const location = response.headers.location;
    return {
      kind: "answer",
      status: response.statusCode,
      body: body.slice(0, MAX_BODY_BYTES),
      location: typeof location === "string" ? location : null,
    };
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    const isLate = name === "TimeoutError";
    const why = isLate ? `no answer within ${timeoutMs / 1000} s` : (errorCode(error) ?? message);
    return { kind: "silence", why };
  }
}
