// No I/O. No clock: it is a parameter.

import type { Certificate } from "./domain/certificate.ts";
import { clientName, withoutSecrets } from "./domain/client-name.ts";
import { shortFingerprint } from "./domain/fingerprint.ts";
import type { Visit } from "./visit.ts";

/** Writes one line to the log. */
export type Log = (line: Record<string, unknown>) => void;

/** Longer texts of a client's making are cut, in characters. */
const TEXT_MAX = 200;

/** How many first lines of a kind are written in full, and how many of all kinds. */
export const FULL_LINES_EACH = 5;
export const FULL_LINES_MAX = 50;
/** After this time, in milliseconds, the first lines are counted afresh. */
export const FULL_LINES_EVERY_MS = 10 * 60_000;

/** What is not written in full is counted, and written as one line per kind in this time, in milliseconds. */
export const COUNT_EVERY_MS = 10_000;
/** How many kinds, the most frequent, get such a line of their own. All others share one. */
export const COUNTED_KINDS_MAX = 4;

/** Kinds, and programs' own names for themselves, that are told apart in `FULL_LINES_EVERY_MS`. */
const KINDS_MAX = 100;
const NAMES_MAX = 500;

/** What lines that are counted together have in common. */
interface Kind {
  of: string;
  reason?: string;
  app?: string;
  /** As `clientName` gives it. */
  program?: string;
}

/** What tells one refusal from another in the log. */
interface Refusal {
  event: "refused" | "control-refused";
  reason: string;
  hostname: string;
  agent: string | null;
}

interface Counter {
  kind: Kind;
  fullLines: number;
  /** Since counts were written. */
  count: number;
}

/**
 * The log of one isolate, which no stranger can flood: the first lines of a kind in full, then their
 * number. Counts are written with the first line that comes after their time, so that no timer runs:
 * the last ones of a flood may wait for the next refusal.
 */
export class FoldedLog {
  readonly #write: Log;
  readonly #now: () => number;
  readonly #counters = new Map<string, Counter>();
  /** Counters by reason, app and `User-Agent`. */
  readonly #byName = new Map<string, Counter>();
  /** The last refusal's: in a flood most are alike, and a long text is compared faster than looked up. */
  #last: (Refusal & { counter: Counter }) | undefined;
  readonly #others: Counter = { kind: { of: "other" }, fullLines: FULL_LINES_EACH, count: 0 };
  #fullLines = 0;
  #begunAt = Number.NEGATIVE_INFINITY;
  #countedAt = Number.NEGATIVE_INFINITY;
  /** Refusals of verified certificates, counted separately: nobody without one can hide them in a flood. */
  readonly #ofDevices: FoldedLog | undefined;

  /** `now`: milliseconds since the epoch. `isPart`: it counts one part of a log, without parts of its own. */
  constructor(write: Log, now: () => number, isPart = false) {
    this.#write = write;
    this.#now = now;
    this.#ofDevices = isPart ? undefined : new FoldedLog(write, now, true);
  }

  /** A request that was refused: by the gate, or (`control-refused`) on a path of Latchkey's own. */
  refusal(
    visit: Visit,
    reason: string,
    certificate?: Certificate,
    event: Refusal["event"] = "refused",
  ): void {
    this.#beginAnew();
    const part = (certificate?.kind === "verified" ? this.#ofDevices : undefined) ?? this;
    const agent = textOf(visit.request.headers.get("user-agent"));
    const counter = part.#counterOfRefusal({ event, reason, hostname: visit.hostname, agent });
    if (part.#mayWrite(counter)) this.#write({ ...refusalLine(visit, reason, certificate), event });
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
      // Too many names: no time is spent on reading them.
      const isFull = this.#byName.size >= NAMES_MAX;
      const program = isFull ? undefined : clientName(agent);
      counter =
        program === undefined ? this.#others : this.#counterOf({ of: event, reason, app: hostname, program });
      if (!isFull) this.#byName.set(name, counter);
    }
    this.#last = { ...refusal, counter };
    return counter;
  }

  /** Any other line that a stranger can bring about. Its kind is its event, app and reason. */
  line(line: Record<string, unknown>): void {
    this.#beginAnew();
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

  /** Whether a line of this kind may be written in full; else it is counted. */
  #mayWrite(counter: Counter): boolean {
    if (counter.fullLines < FULL_LINES_EACH && this.#fullLines < FULL_LINES_MAX) {
      counter.fullLines += 1;
      this.#fullLines += 1;
      return true;
    }
    counter.count += 1;
    return false;
  }

  /** Writes the counts whose time is up. If the clock was set back, all of them are. */
  #beginAnew(now = this.#time()): void {
    if (this.#ofDevices !== undefined) this.#ofDevices.#beginAnew(now);
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

  /** A failing clock holds no line back. */
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
 * The log's line for a refusal. No query (Bitwarden puts tokens there), no cookie, no token, no
 * full fingerprint, no part of a path that looks random. `client` is what the program calls itself.
 */
export function refusalLine(
  visit: Visit,
  reason: string,
  certificate?: Certificate,
): Record<string, unknown> {
  const { request, pathname, hostname, country = null } = visit;
  return {
    event: "refused",
    reason,
    app: hostname,
    method: request.method,
    path: withoutSecrets(pathname.slice(0, TEXT_MAX)),
    country,
    ray: request.headers.get("cf-ray"),
    client: textOf(request.headers.get("user-agent")),
    fingerprint: certificate === undefined ? null : shortOf(certificate),
  };
}

function textOf(header: string | null): string | null {
  return header?.slice(0, TEXT_MAX) ?? null;
}

function shortOf(certificate: Certificate): string | null {
  switch (certificate.kind) {
    case "absent":
      return null;
    case "verified":
      return shortFingerprint(certificate.fingerprint);
    default:
      return certificate.short;
  }
}

/** An error's own words, and those of what caused it. */
export function errorLine(event: string, error: unknown): Record<string, unknown> {
  const cause = error instanceof Error && error.cause !== undefined ? String(error.cause) : null;
  return { event, message: String(error), cause };
}
