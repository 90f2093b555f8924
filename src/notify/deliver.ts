// Sends one notification to one address.
import { type Notification, NTFY_LOOKS } from "./event.ts";
import type { NotifyTarget } from "./settings.ts";

/** A receiver that has not answered by then, in milliseconds, counts as unreachable. */
const ANSWER_TIMEOUT_MS = 10_000;

/** The outcome of one try; `status` is the answer's. */
export type Delivery =
  | { kind: "taken" }
  | { kind: "refused"; status: number }
  | { kind: "unreachable"; message: string };

/**
 * Posts a notification to one target, once. 2xx means taken; everything else is refused, redirects too, which could
 * lead anywhere. Never throws.
 *
 * Generic JSON has the headers of Standard Webhooks, and is signed if there is a secret. Source:
 * github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export async function deliver(
  target: NotifyTarget,
  notification: Notification,
  secret: Uint8Array<ArrayBuffer> | null,
  now: number,
): Promise<Delivery> {
  // Not AbortSignal.timeout: its timer cannot be stopped, and keeps the object awake after the answer.
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new DOMException("late", "TimeoutError")), ANSWER_TIMEOUT_MS);
  try {
    const body = bodyFor(target, notification);
    const headers = new Headers({ "Content-Type": "application/json", "User-Agent": "Latchkey" });
    if (target.authorization !== null) headers.set("Authorization", target.authorization);
    if (target.format === "json") {
      const timestamp = String(Math.floor(now / 1000));
      headers.set("webhook-id", notification.id);
      headers.set("webhook-timestamp", timestamp);
      if (secret !== null) {
        headers.set("webhook-signature", await signature(secret, `${notification.id}.${timestamp}.${body}`));
      }
    }
    const request = new Request(target.url, {
      ...{ method: "POST", headers, body },
      redirect: "manual",
      signal: late.signal,
    });
    const response = await fetch(request);
    // An unread answer would keep its connection open. What was taken stays taken.
    await response.body?.cancel().catch(() => undefined);
    return response.ok ? { kind: "taken" } : { kind: "refused", status: response.status };
  } catch (error) {
    // Only the name: the runtime's message may repeat the address.
    return { kind: "unreachable", message: error instanceof Error ? error.name : "error" };
  } finally {
    clearTimeout(timer);
  }
}

/** `v1,<base64>`: HMAC-SHA-256. */
async function signature(secret: Uint8Array<ArrayBuffer>, signed: string): Promise<string> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", secret, algorithm, false, ["sign"]);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(signed)));
  return `v1,${mac.toBase64()}`;
}

/** Identical at each repetition. */
export function bodyFor(target: NotifyTarget, notification: Notification): string {
  const { id, type, at, title, message, data } = notification;
  if (target.format === "json") return JSON.stringify({ id, type, at, title, message, data });
  // As JSON and not in headers, which can carry only ASCII.
  return JSON.stringify({ topic: target.topic, title, message, ...NTFY_LOOKS[type] });
}
