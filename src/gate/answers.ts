// No I/O. No clock.
import type { Reason } from "./decision.ts";

interface Answer {
  status: number;
  body: string;
  headers: Record<string, string>;
}

/** Seconds after which a client may try again when the failure is ours. */
const RETRY_AFTER_SECONDS = 30;

const PLAIN_TEXT = { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store" };

/** Nothing here: the same to the byte whatever the reason, so that it tells a stranger nothing. */
const NOT_FOUND: Answer = { status: 404, body: "Not Found", headers: PLAIN_TEXT };

/** Not the device's fault: a soft error, on which no client deletes anything. */
const UNAVAILABLE: Answer = {
  status: 503,
  body: "Service Unavailable",
  headers: { ...PLAIN_TEXT, "Retry-After": String(RETRY_AFTER_SECONDS) },
};

/** Never 401, 403, 410, a redirect or an empty 200: each makes some client delete data. */
function answerFor(reason: Reason): Answer {
  switch (reason) {
    case "registry-unavailable":
    case "internal-error":
      return UNAVAILABLE;
    default:
      return NOT_FOUND;
  }
}

/** The response for a refusal: the only place that makes one. A HEAD gets no body. */
export function answer(reason: Reason, method: string): Response {
  const { status, body, headers } = answerFor(reason);
  return new Response(method === "HEAD" ? null : body, { status, headers });
}
