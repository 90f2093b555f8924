// Which wipe answers the registry is told of.
import { BoundedMap } from "../domain/bounded-map.ts";

/** Wipe answers to one device are told to the registry at most once in this time, in milliseconds. */
export const RECEIPT_EVERY_MS = 5 * 60_000;

/** Lost devices that one isolate counts for. */
const MAX_COUNTED = 1_000;

/** Wipe answers since the last time that the registry was told. */
export interface Receipt {
  count: number;
  /** Whether the token call was among them: the one that phones obey. */
  tokenRefresh: boolean;
}

interface Counter extends Receipt {
  toldAt: number | undefined;
  toldTokenRefresh: boolean;
}

/**
 * Counts the wipe answers of one isolate, and says when the registry shall be told: at the first
 * one, at the first token call, and then every `RECEIPT_EVERY_MS`. What an isolate has counted
 * since is lost with it: the registry's count is a lower bound. `loss` names one device and the time
 * since which it is lost: found and lost again, it is counted anew.
 */
export class WipeReceipts {
  readonly #counters = new BoundedMap<string, Counter>(MAX_COUNTED);

  /** Notes one wipe answer. What is returned is to be told to the registry now. */
  note(loss: string, isTokenCall: boolean, now: number): Receipt | undefined {
    const counter = this.#counters.get(loss) ?? this.#newCounter(loss);
    counter.count += 1;
    counter.tokenRefresh ||= isTokenCall;
    const isNews = isTokenCall && !counter.toldTokenRefresh;
    const isDue = counter.toldAt === undefined || now - counter.toldAt >= RECEIPT_EVERY_MS;
    if (!isNews && !isDue) return undefined;
    const receipt = { count: counter.count, tokenRefresh: counter.tokenRefresh };
    counter.count = 0;
    counter.tokenRefresh = false;
    counter.toldAt = now;
    counter.toldTokenRefresh ||= receipt.tokenRefresh;
    return receipt;
  }

  /** After the registry could not be told: the next wipe answer tries again. */
  untell(loss: string, receipt: Receipt): void {
    const counter = this.#counters.get(loss);
    if (counter === undefined) return;
    counter.count += receipt.count;
    counter.tokenRefresh ||= receipt.tokenRefresh;
    counter.toldAt = undefined;
    if (receipt.tokenRefresh) counter.toldTokenRefresh = false;
  }

  #newCounter(loss: string): Counter {
    const counter: Counter = { count: 0, tokenRefresh: false, toldAt: undefined, toldTokenRefresh: false };
    this.#counters.set(loss, counter);
    return counter;
  }
}
