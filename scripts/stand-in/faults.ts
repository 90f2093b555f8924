// Faults that a test orders from the stand-in.

/** What may go wrong with one call. `when` says whether the change was made before it did. */
export type Fault =
  | { kind: "rate-limit"; retryAfterSeconds: number }
  /** With `retryAfterSeconds: 0`, a client need not make pauses that a test would wait for. */
  | { kind: "server-error"; status?: 500 | 502 | 503 | 504; retryAfterSeconds?: number; when?: When }
  /** 403 with code 10000, or 9109 where Cloudflare is believed to use that. */
  | { kind: "no-permission"; code?: 10000 | 9109 }
  /** The connection ends without an answer. */
  | { kind: "reset"; when?: When }
  /** No answer comes until the client gives up. */
  | { kind: "hang"; when?: When }
  /** The right answer, late. */
  | { kind: "slow"; ms: number }
  /** The call is done, and the whole body of its answer is changed. */
  | { kind: "answer"; change: (body: Record<string, unknown>) => unknown }
  /** A page that is not the API's: what a proxy in between might answer. */
  | { kind: "garbage"; status?: number; when?: When };

export type When = "before-the-change" | "after-the-change";

/** The calls that a fault is for: a string is a part of `METHOD /path`. */
export type CallMatch = string | RegExp;

interface Plan {
  fault: Fault;
  match: CallMatch | undefined;
  /** Calls that still pass. */
  skip: number;
  /** Calls that still fail. */
  times: number;
}

/** The switches of the stand-in: which call of those to come fails, and how. */
export class Faults {
  #plans: Plan[] = [];

  /** The n-th call from now on fails, counted from 1, and the `times - 1` after it. */
  at(n: number, fault: Fault, times = 1): void {
    this.#plans.push({ fault, match: undefined, skip: n - 1, times });
  }

  /** The next calls of this kind fail: one by default. */
  on(match: CallMatch, fault: Fault, times = 1): void {
    this.#plans.push({ fault, match, skip: 0, times });
  }

  clear(): void {
    this.#plans = [];
  }

  /** For the server only: the fault of this call, if it has one. Counts the call. */
  take(call: string): Fault | undefined {
    let found: Fault | undefined;
    for (const plan of this.#plans) {
      const matches =
        plan.match === undefined ||
        (typeof plan.match === "string" ? call.includes(plan.match) : plan.match.test(call));
      if (!matches) continue;
      if (plan.skip > 0) plan.skip -= 1;
      else if (plan.times > 0 && found === undefined) {
        plan.times -= 1;
        found = plan.fault;
      }
    }
    return found;
  }
}
