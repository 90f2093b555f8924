import { Agent, type ClientRequest, request } from "node:http";
import type { Readable } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import { errorCode } from "../../terminal/failure.ts";
import { parseSight, type Sight } from "./sight.ts";

/** How to reach the throw-away host. */
export interface Reach {
  host: string;
  /** An address of Cloudflare's edge that the host's name resolves to, or that of `--connect-to`. */
  address: { hostname: string; port: number };
  ca: string | undefined;
  /** The secret without which the probe's Worker answers 404. */
  key: string;
  timeoutMs: number;
  signal: AbortSignal;
}

export interface TlsOptions {
  credential?: { certificate: string; key: string } | undefined;
  /** Exactly this version; by default, the newest that both sides speak. */
  version?: "TLSv1.2" | "TLSv1.3";
  /** From an earlier connection, to resume. */
  session?: Buffer | undefined;
  /** The host by default. */
  servername?: string;
  protocol?: "http/1.1" | "h2";
}

/** The answer to a request. */
export type Answer =
  | { kind: "sight"; sight: Sight }
  /** From something other than the Worker, mostly Cloudflare itself. `code`: 1027 of `error code: 1027`. */
  | { kind: "other"; status: number; code: number | null }
  /** No answer. `why` is a code such as `ECONNRESET`. */
  | { kind: "silence"; why: string };

export interface Ask {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: { stream: Readable; bytes: number };
  timeoutMs?: number;
}

export type Connection = Awaited<ReturnType<typeof openConnection>>;

/**
 * One TLS connection, for HTTP/1.1 requests one after the other. Rejects with the code of the error when the handshake
 * fails.
 */
export async function openConnection(reach: Reach, options: TlsOptions = {}) {
  const { socket, session } = await openTls(reach, options);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let isGiven = false;
  agent.createConnection = () => {
    // A connection that has ended is not silently replaced by another: this very one is under test.
    if (isGiven) throw Object.assign(new Error("the connection has ended"), { code: "ECONNRESET" });
    isGiven = true;
    return socket;
  };
  return {
    /** Whether the handshake resumed the session that was given. */
    resumed: socket.isSessionReused(),
    /** The newest ticket from the server. With TLS 1.3 it comes after the handshake: ask something first. */
    session,
    ask: (ask: Ask = {}) => exchange(reach, agent, ask),
    close() {
      agent.destroy();
      socket.destroy();
    },
  };
}

/** One request on a connection of its own. Silence is an answer, too. */
export async function askOnce(reach: Reach, options: TlsOptions = {}, ask: Ask = {}): Promise<Answer> {
  return (await resume(reach, options, ask)).answer;
}

/** The same, with what became of the given session, and the session that the server offers after the request. */
export async function resume(
  reach: Reach,
  options: TlsOptions,
  ask: Ask = {},
): Promise<{ answer: Answer; isResumed: boolean; session: Buffer | undefined }> {
  try {
    const connection = await openConnection(reach, options);
    try {
      const answer = await connection.ask(ask);
      return { answer, isResumed: connection.resumed, session: connection.session() };
    } finally {
      connection.close();
    }
  } catch (error) {
    return { answer: silence(error, reach.signal), isResumed: false, session: undefined };
  }
}

/** The TLS handshake with the edge. `session()` is the newest ticket so far. */
export function openTls(
  reach: Reach,
  { credential, version, session, servername = reach.host, protocol = "http/1.1" }: TlsOptions,
): Promise<{ socket: TLSSocket; session(): Buffer | undefined }> {
  const { address, ca, timeoutMs, signal } = reach;
  return new Promise((resolve, reject) => {
    let newest: Buffer | undefined;
    const socket = connect({
      host: address.hostname,
      port: address.port,
      servername,
      ALPNProtocols: [protocol],
      ...(ca === undefined ? {} : { ca }),
      ...(credential === undefined ? {} : { cert: credential.certificate, key: credential.key }),
      ...(version === undefined ? {} : { minVersion: version, maxVersion: version }),
      ...(session === undefined ? {} : { session }),
    });
    const abort = () => socket.destroy(new DOMException("interrupted", "AbortError"));
    signal.addEventListener("abort", abort, { once: true });
    socket.on("session", (ticket) => {
      newest = ticket;
    });
    socket.setTimeout(timeoutMs, () => socket.destroy(Object.assign(new Error(), { code: "ETIMEDOUT" })));
    socket.on("error", reject);
    socket.once("close", () => {
      signal.removeEventListener("abort", abort);
      reject(Object.assign(new Error("closed during the handshake"), { code: "ECONNRESET" }));
    });
    socket.once("secureConnect", () => resolve({ socket, session: () => newest }));
    if (signal.aborted) abort();
  });
}

async function exchange(reach: Reach, agent: Agent, ask: Ask): Promise<Answer> {
  const { method = "GET", path = "/", headers = {}, body, timeoutMs = reach.timeoutMs } = ask;
  const signal = AbortSignal.any([reach.signal, AbortSignal.timeout(timeoutMs)]);
  const own = { host: reach.host, "x-prove-key": reach.key };
  const length = body === undefined ? {} : { "content-length": body.bytes };
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const outgoing = request(
        { agent, method, path, signal, headers: { ...own, ...length, ...headers } },
        (response) => {
          readAnswer(response.statusCode ?? 0, response)
            .then(resolve, reject)
            // A server that has answered has no use for the rest of the body.
            .finally(() => body?.stream.destroy());
        },
      );
      outgoing.on("error", reject);
      if (body === undefined) outgoing.end();
      else sendBody(outgoing, body.stream);
    });
  } catch (error) {
    return silence(error, reach.signal);
  }
}

/**
 * A body that is too long is refused by its announced length. Once it is being sent, the refusal comes with a reset,
 * which may overtake the answer; hence the pause before it.
 */
function sendBody(outgoing: ClientRequest, body: Readable): void {
  outgoing.flushHeaders();
  body.on("error", () => undefined);
  const timer = setTimeout(() => body.pipe(outgoing), BODY_AFTER_MS);
  outgoing.once("response", () => clearTimeout(timer));
  outgoing.once("close", () => clearTimeout(timer));
}

const BODY_AFTER_MS = 1500;

/** More than the probe's Worker answers. */
const MAX_BODY_BYTES = 64 * 1024;

export async function readAnswer(status: number, body: AsyncIterable<Buffer>): Promise<Answer> {
  let text = "";
  for await (const chunk of body) {
    text += chunk.toString("latin1");
    if (text.length > MAX_BODY_BYTES) break;
  }
  const sight = status === 200 ? parseSight(text) : undefined;
  if (sight !== undefined) return { kind: "sight", sight };
  const code = /error(?: code:|<span>)\s*(\d{3,5})/i.exec(text)?.[1];
  return { kind: "other", status, code: code === undefined ? null : Number(code) };
}

/** Throws an interruption on: it ends the run. */
export function silence(error: unknown, signal: AbortSignal): Answer {
  if (signal.aborted) throw error;
  const timedOut = error instanceof Error && error.name === "TimeoutError";
  return { kind: "silence", why: timedOut ? "ETIMEDOUT" : (errorCode(error) ?? "unknown") };
}
