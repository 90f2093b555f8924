// Refusals in the gate's log, grouped by kind over the last minutes. Times are in milliseconds since 1970.
import { clientName, clientPart, pathPrefix } from "../../../src/domain/request/client-name.ts";
import { parseObject } from "./log-reader.ts";

/** What a line of the gate's log says about refusals, as far as the groups need it. */
export interface Refusal {
  /** As the log names it, or `INVALID_TOKEN`. */
  reason: string;
  app: string;
  pathPrefix: string;
  /** The program, and the part of it that called: `Bitwarden Android icons`. */
  client: string;
  count: number;
}

/** A request without a certificate, but with something like a token, which is not a valid one there. */
export const INVALID_TOKEN = "invalid-token";

/** Stands for all kinds beyond `MAX_GROUPS`. */
const OTHERS = { app: "other apps", reason: "various", pathPrefix: "/", client: "other programs" } as const;

/** For a line that counts refusals of many paths. */
const VARIOUS_PATHS = "various paths";

/** Refusals of one kind: the same program, refused for the same reason, at the same place. */
export interface RefusalGroup extends Refusal {
  firstAt: number;
  lastAt: number;
}

/** Longer texts are cut, in characters: a hostname has at most 253, the gate cuts everything else at 200. */
const TEXT_MAX = 256;

/**
 * The refusals in one object of a log: the gate's own line, as the local edge writes it, or an event of `wrangler tail
 * --format json`, which holds any number of them. Other objects hold none.
 */
export function refusalsIn(entry: object): Refusal[] {
  if (!("logs" in entry)) return toRefusal(entry);
  const logs: unknown[] = Array.isArray(entry.logs) ? entry.logs : [];
  return logs
    .flatMap((log) => (log as { message?: unknown } | null)?.message ?? [])
    .flatMap((message) => toRefusal(typeof message === "string" ? parseObject(message) : message));
}

function toRefusal(value: unknown): Refusal[] {
  if (typeof value !== "object" || value === null) return [];
  const line = value as Record<string, unknown>;
  if (line.event === "counted") return toCounted(line);
  const { event, reason: named, app, path, client } = line;
  if (event !== "refused" && event !== "control-refused") return [];
  if (typeof named !== "string" || typeof app !== "string" || typeof path !== "string") return [];
  const reason = named === "no-certificate" && line.token === "invalid" ? INVALID_TOKEN : named;
  const program = clientName(typeof client === "string" ? cut(client) : null);
  const name = [program, clientPart(path)].filter((part) => part !== undefined).join(" ");
  return [{ reason: cut(reason), app: cut(app), pathPrefix: pathPrefix(cut(path)), client: name, count: 1 }];
}

/** A line that stands for many refusals, which the gate did not write one by one. */
function toCounted({ of, reason, app, program, count }: Record<string, unknown>): Refusal[] {
  if (typeof count !== "number" || !Number.isSafeInteger(count) || count < 1) return [];
  if (of === "other") return [{ ...OTHERS, count }];
  if (of !== "refused" && of !== "control-refused") return [];
  if (typeof reason !== "string" || typeof app !== "string" || typeof program !== "string") return [];
  return [{ reason: cut(reason), app: cut(app), pathPrefix: VARIOUS_PATHS, client: cut(program), count }];
}

function cut(text: string): string {
  return text.slice(0, TEXT_MAX);
}

/** How many kinds of refusals are distinguished; any further kind counts as one of the others. */
const MAX_GROUPS = 2_000;

/** Refusals are counted per part of the window, not stored: a flood costs no memory. */
const PARTS_OF_WINDOW = 60;

/** A group is reported again once its count has grown by this factor. */
const REPORTED_AGAIN_FACTOR = 10;

/** The refusals of one part of the window. */
interface Part {
  /** Which one, counted from 1970. */
  number: number;
  firstAt: number;
  count: number;
}

interface Counted {
  kind: Omit<RefusalGroup, "count" | "firstAt" | "lastAt">;
  /** Oldest first. */
  parts: Part[];
  lastAt: number;
  reported: { at: number; count: number };
}

/** The refusals of about the last `windowMs` milliseconds, grouped. Bounded in memory. */
export class RefusalGroups {
  readonly #windowMs: number;
  readonly #partMs: number;
  readonly #groups = new Map<string, Counted>();
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
    this.#partMs = Math.ceil(windowMs / PARTS_OF_WINDOW);
  }

  /**
   * Counts refusals. Returns their group if that is news: a new group, one that has grown tenfold since it was last
   * reported, or one that was reported a window ago and still goes on.
   */
  add(refusal: Refusal, now: number): RefusalGroup | undefined {
    const number = Math.floor(now / this.#partMs);
    this.#forgetOld(number);
    const { group, isNew } = this.#groupOf(refusal, now);
    const part = group.parts.at(-1);
    if (part?.number === number) part.count += refusal.count;
    else group.parts.push({ number, firstAt: now, count: refusal.count });
    group.lastAt = now;
    const counted = toGroup(group);
    const isNews =
      isNew ||
      counted.count >= REPORTED_AGAIN_FACTOR * group.reported.count ||
      now - group.reported.at >= this.#windowMs;
    if (!isNews) return undefined;
    group.reported = { at: now, count: counted.count };
    return counted;
  }

  /** Most frequent first. */
  list(now: number): RefusalGroup[] {
    this.#forgetOld(Math.floor(now / this.#partMs));
    return [...this.#groups.values()].map(toGroup).sort((a, b) => b.count - a.count || b.lastAt - a.lastAt);
  }

  #groupOf({ reason, app, pathPrefix, client }: Refusal, now: number): { group: Counted; isNew: boolean } {
    const kind = { app, reason, pathPrefix, client };
    const key = keyOf(kind);
    const known = this.#groups.get(key);
    if (known !== undefined) return { group: known, isNew: false };
    if (this.#groups.size < MAX_GROUPS) return { group: this.#newGroup(key, kind, now), isNew: true };
    const others = this.#groups.get(OTHERS_KEY);
    return { group: others ?? this.#newGroup(OTHERS_KEY, OTHERS, now), isNew: others === undefined };
  }

  #newGroup(key: string, kind: Counted["kind"], now: number): Counted {
    const group: Counted = { kind, parts: [], lastAt: now, reported: { at: now, count: 0 } };
    this.#groups.set(key, group);
    return group;
  }

  /** At most once per part of the window, since it looks at every group. */
  #forgetOld(number: number): void {
    if (number <= this.#sweptAt) return;
    this.#sweptAt = number;
    for (const [key, { parts }] of this.#groups) {
      while (parts[0] !== undefined && parts[0].number <= number - PARTS_OF_WINDOW) parts.shift();
      if (parts.length === 0) this.#groups.delete(key);
    }
  }
}

function keyOf({ app, reason, pathPrefix, client }: Counted["kind"]): string {
  return JSON.stringify([app, reason, pathPrefix, client]);
}

const OTHERS_KEY = keyOf(OTHERS);

function toGroup({ kind, parts, lastAt }: Counted): RefusalGroup {
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  return { ...kind, count, firstAt: parts[0]?.firstAt ?? lastAt, lastAt };
}
