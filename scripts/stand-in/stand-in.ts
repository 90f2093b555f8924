// A STAND-IN for Cloudflare's API v4, on loopback: not Cloudflare, and no proof of what Cloudflare does.
//
// It answers the calls that Latchkey makes, and really signs the requests for certificates. Requests and answers
// are checked against Cloudflare's own specification, whose few errors are listed with the reason
// (test/scripts/cloudflare/conformity.test.ts). As the public log of a live zone shows it
// (github.com/pedropaulovc/agent-sessions-backup, infra/cf/mtls.md, September 2026): a certificate is made with
// 201, has a UUID, keeps `O` and `CN`, and its fingerprint is 64 lower-case digits; the list holds active ones
// only, unless asked for others; a revocation is pending first; a zone that never asked for certificates answers
// `"hostnames": null`; zones that have moved away stay listed.
// As Cloudflare's changelog of 2025-04-15 shows it: a route without a word about it fails closed.
//
// Believed only:
// - the codes and texts of most errors (1406, 1407, 1448, 1451, 1404 of certificates; 10021, 10022 of
//   routes; 9999 of Access), and which service says 10000 and which 9109 when a permission is missing;
//   reported by others: 1445, 10000, 9109, 10003, 10007, 10019, 10020;
// - that the list of zones is empty, and no error, for a token that may read none;
// - the number form of `serial_number`;
// - that a zone whose hosts were all taken out again answers `null`, too;
// - how long a revocation stays pending (here: until `settle()`), and that it frees its slot immediately;
// - that `request_limit_fail_open`, which is in no published schema, is always reported;
// - the exact profile of a signed certificate (key usage, serial, backdating);
// - the codes of DNS records (81053, 81058), and that a record of an existing name is refused as here;
// - the certificate packs and the tunnels, which follow the SDK's types only, and that a locally managed
//   tunnel has no configuration;
// - Access as an identity provider: that an application's secret is in the answer to its making only (its schema says
//   so), that a PUT keeps the policies that it names by id, and what an account without an organisation answers;
// - the settings of a new zone, `grpc` among them, and the fields of bot management.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { type Credential, createAuthority } from "../certificates/authority.ts";
import { ACCESS_ENDPOINTS } from "./access.ts";
import { ApiError, type Endpoint, FORBIDDEN, type Reply } from "./call.ts";
import { clientCertificateEndpoints, settleCertificates } from "./client-certificates.ts";
import { type Fault, Faults } from "./faults.ts";
import { allows, type CloudflareState, createState } from "./state.ts";
import { TUNNEL_ENDPOINTS } from "./tunnels.ts";
import { WORKER_ENDPOINTS } from "./workers.ts";
import { ZONE_ENDPOINTS } from "./zones.ts";

const BASE_PATH = "/client/v4";

export interface RecordedRequest {
  method: string;
  /** Without the base path, with the query: `/zones?per_page=50`. */
  path: string;
  headers: IncomingMessage["headers"];
  /** As it was sent. */
  body: string;
  /** 0 where no answer was given. */
  status: number;
  /** Which of the endpoints it was for; undefined where there is no such one. */
  endpoint?: Endpoint;
  /** The body as it was answered; undefined where there is none, or a page that is not the API's. */
  answer?: unknown;
}

export type StandIn = Awaited<ReturnType<typeof startCloudflare>>;

export interface StandInOptions {
  zones?: readonly string[];
  /** Without one, a new authority is made. */
  authority?: Credential;
  /** What an earlier one held; then `zones` counts for nothing. */
  state?: CloudflareState;
  /** On 127.0.0.1; without one, any free port. */
  port?: number;
  /** How many calls `requests` keeps, with their bodies; without a word, the last 10,000. */
  keepRequests?: number;
  /** Called after each call that has changed something, or may have, and awaited before it is answered. */
  onChange?(): Promise<void>;
}

/** `requests` keeps the last of them, or it would grow for as long as this runs. */
const REQUESTS_KEPT = 10_000;
/** The largest body that is read, in bytes: far above a Worker's upload. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

export async function startCloudflare(options: StandInOptions = {}) {
  const { zones = ["example.com"], keepRequests = REQUESTS_KEPT } = options;
  const authority = options.authority ?? (await createAuthority("Stand-in managed CA", new Date()));
  const state = options.state ?? createState(zones);
  const faults = new Faults();
  const requests: RecordedRequest[] = [];
  const endpoints = [
    ...ZONE_ENDPOINTS,
    ...clientCertificateEndpoints(authority),
    ...WORKER_ENDPOINTS,
    ...ACCESS_ENDPOINTS,
    ...TUNNEL_ENDPOINTS,
  ];

  async function answerAndKeep(record: RecordedRequest): Promise<Done> {
    const done = await answerTo(endpoints, state, record);
    if (record.method !== "GET" && done.status < 400) await options.onChange?.();
    return done;
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url = "/", headers } = request;
    const received = await bodyOf(request, headers.authorization === `Bearer ${state.token}`);
    const path = url.startsWith(BASE_PATH) ? url.slice(BASE_PATH.length) : url;
    const record: RecordedRequest = { method, path, headers, body: received, status: 0 };
    requests.push(record);
    if (requests.length > keepRequests) requests.shift();
    const fault = faults.take(`${method} ${path}`);
    if (fault === undefined || fault.kind === "slow" || fault.kind === "answer") {
      const done = await answerAndKeep(record);
      if (fault?.kind === "slow") await delay(fault.ms);
      const body = fault?.kind === "answer" ? fault.change(done.body as Record<string, unknown>) : done.body;
      return send(response, record, done.status, body);
    }
    if ("when" in fault && fault.when === "after-the-change") await answerAndKeep(record);
    await fail(response, record, fault);
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      // A fault of the stand-in itself: the test should fail loudly.
      send(response, { status: 0 }, 500, envelope(undefined, [{ code: 0, message: String(error) }]));
    });
  });
  await once(server.listen(options.port ?? 0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${BASE_PATH}`;
  return {
    /** `http://127.0.0.1:PORT/client/v4` */
    url,
    state,
    faults,
    /** Every call since the start, refused ones too. */
    requests,
    /** All that it can answer. */
    endpoints,
    /** The managed CA. An edge with its files verifies what was signed here. */
    authority,
    /** How the command line finds this instead of Cloudflare. */
    environment: { CLOUDFLARE_API_TOKEN: state.token, LATCHKEY_CLOUDFLARE_API: url },
    /** Completes pending revocations, for which Cloudflare takes some time. */
    settle: () => settleCertificates(state),
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Of a caller without the token, and of what is too large, nothing is read: anybody on this machine can send it. */
async function bodyOf(request: IncomingMessage, mayCall: boolean): Promise<string> {
  const length = Number(request.headers["content-length"] ?? 0);
  if (mayCall && length <= MAX_BODY_BYTES) return text(request);
  request.resume();
  return "";
}

interface Done {
  status: number;
  body: unknown;
}

async function answerTo(
  endpoints: readonly Endpoint[],
  state: CloudflareState,
  record: RecordedRequest,
): Promise<Done> {
  try {
    const reply = await handle(endpoints, state, record);
    const { status = 200, result, result_info, raw } = reply;
    // A copy: what a test changes later was not in this answer.
    return { status, body: structuredClone(raw ?? envelope(result, [], result_info)) };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { status, code, message } = error;
    return { status, body: envelope(null, [{ code, message }]) };
  }
}

async function handle(
  endpoints: readonly Endpoint[],
  state: CloudflareState,
  record: RecordedRequest,
): Promise<Reply> {
  const { method, path, body } = record;
  const { authorization } = record.headers;
  if (authorization === undefined) throw new ApiError(400, 9106, "Missing X-Auth-Key or Authorization");
  if (!/^Bearer [\w-]+$/.test(authorization)) throw new ApiError(400, 6003, "Invalid request headers");
  if (authorization !== `Bearer ${state.token}`) throw new ApiError(403, 9109, "Invalid access token");
  const { pathname, searchParams } = new URL(path, "http://stand-in");
  for (const endpoint of endpoints) {
    const params = endpoint.method === method ? matchPath(endpoint.pattern, pathname) : undefined;
    if (params === undefined) continue;
    record.endpoint = endpoint;
    const { permissions, forbidden } = endpoint;
    if (permissions.length > 0 && !permissions.some((each) => allows(state, each))) {
      throw new ApiError(403, forbidden, FORBIDDEN[forbidden]);
    }
    // Another account than the stand-in's own.
    if ((params.account ?? state.account.id) !== state.account.id) {
      throw new ApiError(403, 10000, FORBIDDEN[10000]);
    }
    return endpoint.handle({ state, params, query: searchParams, body: parse(body) });
  }
  throw new ApiError(404, 7000, `No route for that URI: ${method} ${pathname}`);
}

function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const found = decodeURIComponent(given[index] ?? "");
    if (part.startsWith(":")) params[part.slice(1)] = found;
    else if (part !== found) return undefined;
  }
  return params;
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

function envelope(
  result: unknown,
  errors: readonly { code: number; message: string }[],
  result_info?: Record<string, unknown>,
) {
  return {
    result: result ?? null,
    success: errors.length === 0,
    errors,
    messages: [],
    ...(result_info === undefined ? {} : { result_info }),
  };
}

function send(
  response: ServerResponse,
  record: Pick<RecordedRequest, "status" | "answer">,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  record.status = status;
  record.answer = body;
  response.writeHead(status, { "content-type": "application/json", "cf-ray": "stand-in-LOC", ...headers });
  response.end(JSON.stringify(body));
}

function sendError(
  response: ServerResponse,
  record: RecordedRequest,
  status: number,
  code: number,
  message: string,
  retryAfterSeconds?: number,
): void {
  const headers = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
  send(response, record, status, envelope(null, [{ code, message }]), headers);
}

async function fail(
  response: ServerResponse,
  record: RecordedRequest,
  fault: Exclude<Fault, { kind: "slow" | "answer" }>,
): Promise<void> {
  switch (fault.kind) {
    case "rate-limit": {
      const message = "Please wait and consider throttling your request speed";
      return sendError(response, record, 429, 971, message, fault.retryAfterSeconds);
    }
    case "server-error": {
      const { status = 500, retryAfterSeconds } = fault;
      return sendError(response, record, status, 10013, "Unknown error", retryAfterSeconds);
    }
    case "no-permission": {
      const { code = 10000 } = fault;
      return sendError(response, record, 403, code, FORBIDDEN[code]);
    }
    case "reset":
      response.socket?.resetAndDestroy();
      return;
    case "hang":
      // Longer than any client of the tests waits.
      await delay(60_000, undefined, { ref: false });
      response.socket?.destroy();
      return;
    case "garbage":
      record.status = fault.status ?? 200;
      response.writeHead(record.status, { "content-type": "text/html" });
      response.end("<html><body>A proxy says hello</body></html>");
      return;
  }
}
