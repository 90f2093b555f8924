// Asks the issuer, and limits how long its answer may take and how long it may be.
import { SignInFailed } from "./failure.ts";

/** An issuer that has not answered in full by then, in milliseconds, counts as unavailable. */
const ANSWER_TIMEOUT_MS = 10_000;
/** Discovery documents and keys have a few kibibytes. */
const ANSWER_MAX_BYTES = 256 * 1024;
/** For the log. */
const ADDRESS_SHOWN_MAX = 200;

/** Sends a request, and nothing else: the runtime's `fetch`. */
export type Send = (request: Request) => Promise<Response>;

/** What the two libraries say about a request. */
interface Asked {
  method: string;
  headers: Headers | Record<string, string>;
  body?: URLSearchParams | null | undefined;
}

/**
 * A `fetch` for the libraries. Its answers are read in full; redirects are answers, and the libraries refuse them.
 *
 * @throws {SignInFailed} `issuer-unavailable`: no answer in time, an error of the server, or too long an answer.
 */
export function boundedFetch(send: Send): (url: string, asked: Asked) => Promise<Response> {
  return async (url, { method, headers, body }) => {
    // Not AbortSignal.timeout: its timer cannot be stopped.
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), ANSWER_TIMEOUT_MS);
    try {
      const request = new Request(url, {
        ...{ method, headers: ours(headers), body: body ?? null },
        redirect: "manual",
        signal: late.signal,
      });
      const response = await send(request);
      const { status } = response;
      if (status >= 500 || status === 429) {
        await response.body?.cancel().catch(() => undefined);
        throw unavailable(url, `status ${status}`);
      }
      const bytes = await readUpTo(response, ANSWER_MAX_BYTES);
      if (bytes === undefined) throw unavailable(url, `more than ${ANSWER_MAX_BYTES / 1024} KiB`);
      // Answers without a body, such as 204, must be made without one.
      return new Response(bytes.length === 0 ? null : bytes, { status, headers: response.headers });
    } catch (error) {
      if (error instanceof SignInFailed) throw error;
      const seconds = ANSWER_TIMEOUT_MS / 1000;
      throw unavailable(url, late.signal.aborted ? `no answer within ${seconds} s` : "no answer");
    } finally {
      clearTimeout(timer);
    }
  };
}

function ours(headers: Asked["headers"]): Headers {
  const all = new Headers(headers);
  all.set("User-Agent", "Latchkey");
  return all;
}

/** `undefined`: there is more. */
async function readUpTo(response: Response, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > maxBytes) {
      await reader.cancel().catch(() => undefined);
      return undefined;
    }
    chunks.push(value);
  }
  const all = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
}

/** Without the query, although the libraries put nothing secret there. */
function unavailable(url: string, why: string): SignInFailed {
  const { origin, pathname } = new URL(url);
  const message = `${`${origin}${pathname}`.slice(0, ADDRESS_SHOWN_MAX)}: ${why}`;
  return new SignInFailed({ code: "issuer-unavailable", message });
}
