// No I/O. No clock: times are parameters, in milliseconds since 1970.
import { clientName, clientPart, pathPrefix } from "./client-name.ts";

/** A line of the gate's log about a refusal, as far as it is grouped. */
export interface Refusal {
  reason: string;
  app: string;
  path: string;
  client: string | null;
}

/** Refusals of one kind: the same program, refused for the same reason, at the same place. */
export interface RefusalGroup {
  app: string;
  reason: string;
  pathPrefix: string;
  /** `Bitwarden Android icons` */
  client: string;
  count: number;
  firstAt: number;
  lastAt: number;
}

/**
 * The refusals in one line of a log: the gate's own JSON line, as the local edge writes it, or an
 * event of `wrangler tail --format json`, which holds any number of them. Other lines hold none.
 */
export function refusalsIn(line: string): Refusal[] {
  const value = parse(line);
  if (typeof value !== "object" || value === null) return [];
  if ("event" in value) return toRefusal(value);
  const logs = "logs" in value && Array.isArray(value.logs) ? (value.logs as unknown[]) : [];
  return logs
    .flatMap((log) => (log as { message?: unknown } | null)?.message ?? [])
    .flatMap((message) => (typeof message === "string" ? toRefusal(parse(message)) : []));
}

function toRefusal(value: unknown): Refusal[] {
  if (typeof value !== "object" || value === null) return [];
  const { event, reason, app, path, client } = value as Record<string, unknown>;
  if (event !== "refused" && event !== "control-refused") return [];
  if (typeof reason !== "string" || typeof app !== "string" || typeof path !== "string") return [];
  return [{ reason, app, path, client: typeof client === "string" ? client : null }];
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The refusals of the last `windowMs` milliseconds, grouped. Bounded: no group outlives the window. */
export class RefusalGroups {
  readonly #windowMs: number;
  readonly #groups = new Map<string, RefusalGroup & { times: number[] }>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Returns the group, and whether it is new within the window. */
  add({ reason, app, path, client }: Refusal, now: number): { group: RefusalGroup; isNew: boolean } {
    const name = [clientName(client), clientPart(path)].filter((part) => part !== undefined).join(" ");
    const prefix = pathPrefix(path);
    const key = JSON.stringify([app, reason, prefix, name]);
    this.#forgetOld(now);
    const known = this.#groups.get(key);
    const group = known ?? {
      ...{ app, reason, pathPrefix: prefix, client: name },
      ...{ count: 0, firstAt: now, lastAt: now, times: [] },
    };
    group.times.push(now);
    group.count = group.times.length;
    group.lastAt = now;
    this.#groups.set(key, group);
    return { group, isNew: known === undefined };
  }

  /** Most frequent first. */
  list(now: number): RefusalGroup[] {
    this.#forgetOld(now);
    return [...this.#groups.values()]
      .map(({ times: _, ...group }) => group)
      .sort((a, b) => b.count - a.count || b.lastAt - a.lastAt);
  }

  #forgetOld(now: number): void {
    for (const [key, group] of this.#groups) {
      const young = group.times.findIndex((time) => now - time < this.#windowMs);
      if (young === -1) this.#groups.delete(key);
      else if (young > 0) {
        group.times.splice(0, young);
        group.count = group.times.length;
        group.firstAt = group.times[0] ?? group.firstAt;
      }
    }
  }
}
