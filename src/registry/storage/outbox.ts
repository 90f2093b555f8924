// Notifications that are still to be delivered: the table `outbox`, and the object's alarm that empties it.
import { type Delivery, deliver } from "../../notify/deliver.ts";
import type { Notification, NotifyType } from "../../notify/event.ts";
import type { NotifySettings, NotifyTarget } from "../../notify/settings.ts";
import { all, insert, one, update } from "./sql.ts";

/**
 * One row per event, from the transaction of the change that it reports until each address has taken it, or until it
 * is given up.
 */
export const OUTBOX_SCHEMA = `
  CREATE TABLE outbox (
    -- The event's own id, by which receivers drop repeats.
    id TEXT PRIMARY KEY,
    -- A JSON object.
    event TEXT NOT NULL,
    -- A JSON list of the addresses (digests) that have taken it.
    delivered TEXT NOT NULL,
    -- How often it was sent.
    tries INTEGER NOT NULL,
    -- When it is due, in milliseconds since the epoch.
    next_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX outbox_due ON outbox (next_at);`;

/** The pause after the first try, in milliseconds; doubled after each further one, up to six hours. */
const FIRST_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 6 * 3600_000;

/** Eleven tries in the first 8.5 hours, ten more at intervals of six: given up after three days. */
export const OUTBOX_MAX_TRIES = 21;

/** In one run of the alarm: of 50 requests that the free plan allows, some stay free. */
const MAX_POSTS = 40;

/** The rest of what is due follows in a run of its own, after this many milliseconds. */
const NEXT_RUN_MS = 1_000;

type Row = { id: string; event: string; delivered: string; tries: number };
type KeyedTarget = { key: string; target: NotifyTarget };

/**
 * Reads and writes the table `outbox`, and delivers what is in it. One alarm of the object wakes it when
 * the next row is due, as the table says. Anything else that an object uses its alarm for only brings it forward.
 */
export class Outbox {
  readonly #storage: DurableObjectStorage;
  readonly #settings: NotifySettings;

  constructor(storage: DurableObjectStorage, settings: NotifySettings) {
    this.#storage = storage;
    this.#settings = settings;
  }

  /** Whether anybody is to be notified of such events. Otherwise `add` writes nothing. */
  wants(type: NotifyType): boolean {
    const { targets, off } = this.#settings;
    return targets.length > 0 && !off.has(type);
  }

  /**
   * Notes an event that is to be sent immediately. Call it inside the transaction of the change that it
   * reports. An event that is here already stays as it is. Returns whether anybody wants it.
   */
  add(notification: Notification, now: number): boolean {
    if (!this.wants(notification.type)) return false;
    const row = { id: notification.id, event: JSON.stringify(notification), delivered: "[]" };
    const written = insert(this.#storage.sql, "outbox", { ...row, tries: 0, next_at: now }, "IGNORE");
    // Nothing that is left can be due earlier, except what is already due.
    if (written > 0) this.#wakeAt(now);
    return true;
  }

  /**
   * Sets the alarm for what is left, after the runtime has given the alarm up: it does when an alarm
   * failed seven times, as on a day whose limit of rows written is reached.
   */
  resume(): void {
    const nextAt = this.#nextAt();
    if (nextAt !== null) this.#wakeAt(nextAt);
  }

  /**
   * Delivers what is due, one request after the other, and sets the alarm for what is left. It is the
   * object's alarm, which comes at least once: what was taken is written down immediately, so that a run
   * that was cut off repeats at most one request.
   * Throws only when the storage does, and then the runtime repeats the alarm.
   */
  async deliverDue(clock: () => number): Promise<void> {
    try {
      await this.#deliverDue(clock);
      const nextAt = this.#nextAt();
      if (nextAt !== null) await this.#storage.setAlarm(Math.max(nextAt, clock() + NEXT_RUN_MS));
    } catch (error) {
      log({ event: "outbox-error", message: String(error) });
      await this.#storage.setAlarm(clock() + FIRST_PAUSE_MS);
    }
  }

  async #deliverDue(clock: () => number): Promise<void> {
    const rows = all<Row>(
      this.#storage.sql,
      "SELECT id, event, delivered, tries FROM outbox WHERE next_at <= ? ORDER BY next_at, id LIMIT ?",
      ...[clock(), MAX_POSTS],
    );
    if (rows.length === 0) return;
    const targets = await Promise.all(this.#settings.targets.map(keyed));
    /** What did not answer is not waited for again in this run: an object that waits costs. */
    const unreachable = new Set<string>();
    let posts = 0;
    for (const row of rows) {
      if (posts + targets.length > MAX_POSTS) return;
      posts += await this.#deliver(row, targets, unreachable, clock);
    }
  }

  /** Returns the number of requests. */
  async #deliver(
    { id, event, delivered, tries }: Row,
    targets: KeyedTarget[],
    unreachable: Set<string>,
    clock: () => number,
  ): Promise<number> {
    const notification = JSON.parse(event) as Notification;
    const taken = new Set(JSON.parse(delivered) as string[]);
    let posts = 0;
    for (const { key, target } of targets) {
      if (taken.has(key) || unreachable.has(key)) continue;
      posts += 1;
      const delivery = await deliver(target, notification, this.#settings.secret, clock());
      if (delivery.kind === "taken") {
        taken.add(key);
        // After the last one, the row is deleted below.
        if (targets.some((other) => !taken.has(other.key))) {
          update(this.#storage.sql, "outbox", { id }, { delivered: JSON.stringify([...taken]) });
        }
      } else {
        if (delivery.kind === "unreachable") unreachable.add(key);
        logFailure("notification-failed", id, target, delivery);
      }
    }

    const missing = targets.filter(({ key }) => !taken.has(key));
    // Without targets, nobody has taken it: it waits for better settings as for a receiver that is down.
    const isDone = targets.length > 0 && missing.length === 0;
    const isGivenUp = !isDone && tries + 1 >= OUTBOX_MAX_TRIES;
    if (isDone || isGivenUp) {
      this.#storage.sql.exec("DELETE FROM outbox WHERE id = ?", id);
    } else {
      const next = { tries: tries + 1, next_at: clock() + pauseMs(tries + 1) };
      update(this.#storage.sql, "outbox", { id }, next);
    }
    if (isGivenUp) for (const { target } of missing) logFailure("notification-dropped", id, target);
    return posts;
  }

  #nextAt(): number | null {
    const query = "SELECT MIN(next_at) AS next_at FROM outbox";
    return one<{ next_at: number | null }>(this.#storage.sql, query)?.next_at ?? null;
  }

  /** In the same turn as the rows are written: the runtime keeps both or neither. */
  #wakeAt(time: number): void {
    // A failed write breaks the object anyway, and its caller hears of it.
    this.#storage.setAlarm(time).catch((error) => log({ event: "outbox-error", message: String(error) }));
  }
}

/** The pause after the n-th try, in milliseconds. */
function pauseMs(tries: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS);
}

/**
 * By what a target is remembered: 16 hex digits of a digest, not the address, which may be a secret. A
 * new password makes no other target of it.
 */
async function keyed(target: NotifyTarget): Promise<KeyedTarget> {
  const { format, url } = target;
  const text = new TextEncoder().encode(`${format} ${url} ${target.format === "ntfy" ? target.topic : ""}`);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return { key: digest.subarray(0, 8).toHex(), target };
}

/** As all of the log, without full fingerprints. */
function logFailure(event: string, id: string, { host }: NotifyTarget, delivery?: Delivery): void {
  const short = id.replace(/[0-9a-f]{64}/, (fingerprint) => fingerprint.slice(0, 8));
  log({ event, id: short, host, ...(delivery === undefined ? {} : answerOf(delivery)) });
}

function answerOf(delivery: Delivery): Record<string, unknown> {
  switch (delivery.kind) {
    case "taken":
      return {};
    case "refused":
      return { status: delivery.status };
    case "unreachable":
      return { status: null, message: delivery.message };
  }
}

function log(line: Record<string, unknown>): void {
  console.log(JSON.stringify(line));
}
