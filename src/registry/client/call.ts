// One call of a Durable Object: how long it may take, and when it is repeated.
/** Tries of an idempotent call, the first included. */
const MAX_TRIES = 3;

/** The pause before the first repetition, in milliseconds; doubled for each further one. */
const FIRST_PAUSE_MS = 50;

/** After this long, in milliseconds, a call counts as failed: a client should not hang on us. */
const CALL_TIMEOUT_MS = 10_000;

/** The registry did not answer, or failed: nothing is known, so nothing is allowed. */
export class RegistryUnavailable extends Error {
  override name = "RegistryUnavailable";
}

/**
 * Calls a Durable Object. Repeats only errors that the runtime marks `.retryable` and not
 * `.overloaded`, with a new stub (`stub()` is called again, since a failed one may be broken), and
 * only when the call is idempotent. Throws `RegistryUnavailable` with the last error as its cause.
 *
 * Source: developers.cloudflare.com/durable-objects/best-practices/error-handling
 */
export async function callObject<Stub, T>(
  stub: () => Stub,
  call: (stub: Stub) => Promise<T>,
  { idempotent, timeoutMs = CALL_TIMEOUT_MS }: { idempotent: boolean; timeoutMs?: number },
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await withTimeout(call(stub()), timeoutMs);
    } catch (cause) {
      if (!idempotent || tries >= MAX_TRIES || !isRetryable(cause)) {
        throw new RegistryUnavailable("the registry does not answer", { cause });
      }
      await pause(FIRST_PAUSE_MS * 2 ** (tries - 1));
    }
  }
}

function isRetryable(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { retryable, overloaded } = error as { retryable?: unknown; overloaded?: unknown };
  return retryable === true && overloaded !== true;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function withTimeout<T>(promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
