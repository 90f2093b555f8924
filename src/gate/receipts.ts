// Which wipe answers are reported to the registry, and when.
import { BoundedMap } from "../domain/general/bounded-map.ts";

/** Wipe answers to one device are reported to the registry at most once in this time, in milliseconds. */
export const RECEIPT_EVERY_MS = 5 * 60_000;

/** Lost devices that one isolate counts for. */
const MAX_COUNTED = 1_000;

/** Wipe answers since the last report. */
export interface Receipt {
  count: number;
  /** Whether the token call was among them: the one that phones obey. */
  tokenRefresh: boolean;
}

interface Counter extends Receipt {
  reportedAt: number | undefined;
  reportedTokenRefresh: boolean;
}

/**
 * Counts the wipe answers of one isolate, and says when to report them: after the first one, after the first token
 * call, and then every `RECEIPT_EVERY_MS`. What an isolate has counted since then is lost with it, so the registry's
 * count is a lower bound. `loss` names one device and the time since which it is lost: if it is found and lost again,
 * its count starts again.
 */
export class WipeReceipts {
  readonly #counters = new BoundedMap<string, Counter>(MAX_COUNTED);

  /** Notes one wipe answer. What is returned is to be reported now. */
  note(loss: string, isTokenCall: boolean, now: number): Receipt | undefined {
    const counter = this.#counters.get(loss) ?? this.#newCounter(loss);
    counter.count += 1;
    counter.tokenRefresh ||= isTokenCall;
    const isNews = isTokenCall && !counter.reportedTokenRefresh;
    const isDue = counter.reportedAt === undefined || now - counter.reportedAt >= RECEIPT_EVERY_MS;
    if (!isNews && !isDue) return undefined;
    const receipt = { count: counter.count, tokenRefresh: counter.tokenRefresh };
    counter.count = 0;
    counter.tokenRefresh = false;
    counter.reportedAt = now;
    counter.reportedTokenRefresh ||= receipt.tokenRefresh;
    return receipt;
  }

  /** The report failed: the next wipe answer tries again. */
  takeBack(loss: string, receipt: Receipt): void {
    const counter = this.#counters.get(loss);
    if (counter === undefined) return;
    counter.count += receipt.count;
    counter.tokenRefresh ||= receipt.tokenRefresh;
    counter.reportedAt = undefined;
    if (receipt.tokenRefresh) counter.reportedTokenRefresh = false;
  }

  #newCounter(loss: string): Counter {
    const counter: Counter = {
      count: 0,
      tokenRefresh: false,
      reportedAt: undefined,
      reportedTokenRefresh: false,
    };
    this.#counters.set(loss, counter);
    return counter;
  }
}
