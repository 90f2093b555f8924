// The log of one isolate, which no stranger can flood.

import { fingerprintOf } from "./domain/credential-key.ts";
import { shortFingerprint } from "./domain/fingerprint.ts";
import { clientName, withoutSecrets } from "./domain/request/client-name.ts";
import type { Shown } from "./domain/request/shown.ts";
import type { Visit } from "./visit.ts";

/** Writes one line to the log. */
export type Log = (line: Record<string, unknown>) => void;

/** Longer strings that clients send are cut, in characters. */
const TEXT_MAX = 200;

/** How many lines of a kind are written in full at first, and how many of all kinds. */
export const FULL_LINES_EACH = 5;
export const FULL_LINES_MAX = 50;
/** After this time, in milliseconds, this many may be written in full again. */
export const FULL_LINES_EVERY_MS = 10 * 60_000;

/** The other lines are counted, and each kind's count is written once in this time, in milliseconds. */
export const COUNT_EVERY_MS = 10_000;
/** How many kinds have a count of their own: the most frequent ones. All others share one. */
export const COUNTED_KINDS_MAX = 4;

/** How many kinds, and combinations with a `User-Agent`, are distinguished in `FULL_LINES_EVERY_MS`. */
const KINDS_MAX = 100;
const NAMES_MAX = 500;

/** What the lines that are counted together have in common. */
interface Kind {
  of: string;
  reason?: string;
  app?: string;
  /** As `clientName` returns it. */
  program?: string;
}

/** What distinguishes one refusal from another in the log. */
interface Refusal {
  event: "refused" | "control-refused";
  reason: string;
  hostname: string;
  agent: string | null;
}

interface Counter {
  kind: Kind;
  fullLines: number;
  /** Since counts were last written. */
  count: number;
}

/**
 * Writes the first lines of a kind in full, then how many there were. Counts that are due are written with the next
 * line, so that no timer runs: the last ones of a flood may wait for the next refusal.
 */
export class FoldedLog {
  readonly #write: Log;
  readonly #now: () => number;
  readonly #counters = new Map<string, Counter>();
  /** Counters by event, reason, app and `User-Agent`. */
  readonly #byName = new Map<string, Counter>();
  /** The last refusal's: in a flood most are alike, and a long string is compared faster than looked up. */
  #last: (Refusal & { counter: Counter }) | undefined;
  readonly #others: Counter = { kind: { of: "other" }, fullLines: FULL_LINES_EACH, count: 0 };
  #fullLines = 0;
  #begunAt = Number.NEGATIVE_INFINITY;
  #countedAt = Number.NEGATIVE_INFINITY;
  /** Refusals of verified certificates and our own tokens, counted separately: nobody without one can hide them in a flood. */
  readonly #ofDevices: FoldedLog | undefined;

  /** `now`: milliseconds since the epoch. `isPart`: it counts one part of a log, without parts of its own. */
  constructor(write: Log, now: () => number, isPart = false) {
    this.#write = write;
    this.#now = now;
    this.#ofDevices = isPart ? undefined : new FoldedLog(write, now, true);
  }

  /**
   * A request that was refused: by the gate, or (`control-refused`) on a path of Latchkey's own. `more` adds to a line
   * that is written in full; for one that is only counted, it isn't called.
   */
  refusal(
    visit: Visit,
    reason: string,
    shown?: Shown,
    event: Refusal["event"] = "refused",
    more?: (visit: Visit) => Record<string, unknown>,
  ): void {
    this.#rollOver();
    const part = (shown !== undefined && "key" in shown ? this.#ofDevices : undefined) ?? this;
    const agent = textOf(visit.request.headers.get("user-agent"));
    const counter = part.#counterOfRefusal({ event, reason, hostname: visit.hostname, agent });
    if (part.#mayWrite(counter)) {
      this.#write({ ...refusalLine(visit, reason, shown), event, ...more?.(visit) });
    }
  }

  #counterOfRefusal(refusal: Refusal): Counter {
    const { event, reason, hostname, agent } = refusal;
    const last = this.#last;
    const isSame =
      last?.agent === agent && last.hostname === hostname && last.reason === reason && last.event === event;
    if (isSame) return last.counter;
    const name = `${event} ${reason} ${hostname} ${agent ?? ""}`;
    let counter = this.#byName.get(name);
    if (counter === undefined) {
      // Too many names: they are not worth parsing.
      const isFull = this.#byName.size >= NAMES_MAX;
      const program = isFull ? undefined : clientName(agent);
      counter =
        program === undefined ? this.#others : this.#counterOf({ of: event, reason, app: hostname, program });
      if (!isFull) this.#byName.set(name, counter);
    }
    this.#last = { ...refusal, counter };
    return counter;
  }

  /** Any other line that strangers can cause. Its kind is its event, app and reason. */
  line(line: Record<string, unknown>): void {
    this.#rollOver();
    const { event, app, reason } = line;
    const kind: Kind = { of: String(event) };
    if (typeof reason === "string") kind.reason = reason;
    if (typeof app === "string") kind.app = app;
    if (this.#mayWrite(this.#counterOf(kind))) this.#write(line);
  }

  #counterOf(kind: Kind): Counter {
    const key = JSON.stringify(kind);
    const known = this.#counters.get(key);
    if (known !== undefined) return known;
    if (this.#counters.size >= KINDS_MAX) return this.#others;
    const counter = { kind, fullLines: 0, count: 0 };
    this.#counters.set(key, counter);
    return counter;
  }

  /** Whether a line of this kind may be written in full; otherwise it is counted. */
  #mayWrite(counter: Counter): boolean {
    if (counter.fullLines < FULL_LINES_EACH && this.#fullLines < FULL_LINES_MAX) {
      counter.fullLines += 1;
      this.#fullLines += 1;
      return true;
    }
    counter.count += 1;
    return false;
  }

  /** Writes the counts that are due: all of them, if the clock was set back. */
  #rollOver(now = this.#time()): void {
    if (this.#ofDevices !== undefined) this.#ofDevices.#rollOver(now);
    if (now >= this.#countedAt && now - this.#countedAt < COUNT_EVERY_MS) return;
    const since = this.#countedAt;
    this.#countedAt = now;
    this.#writeCounts(since);
    if (now >= this.#begunAt && now - this.#begunAt < FULL_LINES_EVERY_MS) return;
    this.#begunAt = now;
    this.#fullLines = 0;
    this.#counters.clear();
    this.#byName.clear();
    this.#last = undefined;
  }

  /** A failing clock must not keep a line from being written. */
  #time(): number {
    try {
      return this.#now();
    } catch {
      return Number.NaN;
    }
  }

  #writeCounts(since: number): void {
    const counted = [...this.#counters.values()].filter(({ count }) => count > 0);
    counted.sort((a, b) => b.count - a.count);
    let others = this.#others.count;
    for (const [index, { kind, count }] of counted.entries()) {
      if (index >= COUNTED_KINDS_MAX) others += count;
      else this.#write({ event: "counted", ...kind, count, since: new Date(since).toISOString() });
    }
    if (others > 0) {
      this.#write({
        event: "counted",
        ...this.#others.kind,
        count: others,
        since: new Date(since).toISOString(),
      });
    }
    for (const counter of [...counted, this.#others]) counter.count = 0;
  }
}

/**
 * The line for a refusal. No query (Bitwarden puts tokens there), no cookie, no token, no full fingerprint, no part of a
 * path that looks random. `client` is what the program calls itself.
 */
export function refusalLine(visit: Visit, reason: string, shown?: Shown): Record<string, unknown> {
  const { request, pathname, hostname, country } = visit;
  return {
    event: "refused",
    reason,
    app: hostname,
    method: request.method,
    path: withoutSecrets(pathname.slice(0, TEXT_MAX)),
    country,
    ray: request.headers.get("cf-ray"),
    client: textOf(request.headers.get("user-agent")),
    fingerprint: shown === undefined ? null : shortOf(shown),
  };
}

function textOf(header: string | null): string | null {
  return header?.slice(0, TEXT_MAX) ?? null;
}

function shortOf(shown: Shown): string | null {
  if ("key" in shown) return shortFingerprint(fingerprintOf(shown.key));
  return shown.kind === "absent" ? null : shown.short;
}

/** An error's message, and its cause's. */
export function errorLine(event: string, error: unknown): Record<string, unknown> {
  const cause = error instanceof Error && error.cause !== undefined ? String(error.cause) : null;
  return { event, message: String(error), cause };
}
