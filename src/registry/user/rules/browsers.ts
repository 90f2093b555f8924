// Browsers that a user is signed in with: how they are let in, and how they end.
import {
  BROWSER_KEPT_MS,
  BROWSER_MS,
  BROWSERS_AN_HOUR,
  type BrowserError,
  type BrowserProspect,
  type BrowserUse,
  type Opener,
} from "../../../domain/browser.ts";
import type { CredentialKey } from "../../../domain/credential-key.ts";
import { err, ok, type Result } from "../../../domain/general/result.ts";
import type { DeviceRecord } from "../../../domain/records.ts";
import { type Actor, writeAudit } from "../../storage/audit-log.ts";
import type { BrowserTable } from "../tables/browser-table.ts";
import type { CredentialTable } from "../tables/credential-table.ts";
import type { DeviceTable } from "../tables/device-table.ts";

const HOUR_MS = 60 * 60_000;
/** Providers say the second in which somebody authenticated. */
const SECOND_MS = 1000;

/** Each method that changes something is to be called in a transaction. */
export class Browsers {
  readonly #sql: SqlStorage;
  readonly #table: BrowserTable;
  readonly #devices: DeviceTable;
  readonly #credentials: CredentialTable;

  constructor(sql: SqlStorage, table: BrowserTable, devices: DeviceTable, credentials: CredentialTable) {
    this.#sql = sql;
    this.#table = table;
    this.#devices = devices;
    this.#credentials = credentials;
  }

  /** What the browser with this key would be, if its person authenticated at that time. Writes nothing. */
  prospect(key: CredentialKey | null, authTime: number | null, now: number): BrowserProspect {
    const device = key === null ? undefined : this.#devices.byKey(key);
    const status = device?.status;
    const isOver = device !== undefined && device.expiresAt !== null && device.expiresAt <= now;
    if (status === "suspended" || status === "lost" || (status === "active" && isOver)) return "shut-out";
    if (this.#isStale(authTime)) return "stale";
    if (device === undefined || status !== "active") return "new";
    return isSignedIn(device, now) ? "known" : "ended";
  }

  /**
   * Uses a ticket up, and signs the browser with this key in for another 30 days, on this app too. `null`: it is not a
   * device yet, and may become one.
   */
  open(by: Actor, key: CredentialKey, use: BrowserUse): Result<DeviceRecord | null, BrowserError> {
    const { ticket, ticketEndsAt, app, opener, authTime } = use;
    if (!this.#table.useTicket(ticket, ticketEndsAt, by.at)) return err({ code: "used-ticket" });
    if (this.#isStale(authTime)) return err({ code: "stale-sign-in" });
    const device = this.#devices.byKey(key);
    if (device === undefined) {
      const isTooMany = this.#table.enrolledSince(by.at - HOUR_MS) >= BROWSERS_AN_HOUR;
      return isTooMany ? err({ code: "too-many-browsers" }) : ok(null);
    }
    if (!isSignedIn(device, by.at)) return err({ code: "browser-shut-out" });
    const apps = device.apps?.includes(app) ? device.apps : [...(device.apps ?? []), app];
    if (apps !== device.apps) this.#devices.change(device, { ...device, apps });
    this.#credentials.change(key, { not_after: by.at + BROWSER_MS });
    this.#table.put(device.id, opener);
    this.#note(by, "sign-in", device, { app });
    return ok(this.#devices.mustGet(device.id));
  }

  /** Signs out the browsers that a person opened; with `opener.session`, only those of that session. */
  end(by: Actor, opener: Opener): number {
    const devices = this.#table.openedBy(opener).map((id) => this.#devices.byId(id));
    return devices.filter((device) => device !== undefined && this.#end(by, device)).length;
  }

  /** Signs out the browser with this key. */
  endOne(by: Actor, key: CredentialKey): boolean {
    const device = this.#devices.byKey(key);
    return device?.kind === "browser" && this.#end(by, device);
  }

  /**
   * The ids of browsers that need no longer be listed: signed out long ago, or replaced by another device (`former`).
   */
  ended(now: number, former: CredentialKey | null): string[] {
    const replaced = former === null ? undefined : this.#devices.byKey(former);
    const isOver = replaced?.kind === "browser" && replaced.status === "active" && !isSignedIn(replaced, now);
    return [
      ...new Set([...this.#table.endedBefore(now - BROWSER_KEPT_MS), ...(isOver ? [replaced.id] : [])]),
    ];
  }

  /** Its credential ends now, for good: somebody may have copied it. When its person signs in again, a new device takes its place. */
  #end(by: Actor, device: DeviceRecord): boolean {
    const open = device.credentials.filter(({ notAfter }) => notAfter === null || notAfter > by.at);
    for (const { key } of open) this.#credentials.change(key, { not_after: by.at });
    if (open.length > 0) this.#note(by, "sign-out", device, {});
    return open.length > 0;
  }

  /**
   * Whoever has a lost browser may still be signed in at the provider, also once it is revoked. So its user must have
   * authenticated since.
   */
  #isStale(authTime: number | null): boolean {
    const since = this.#table.lostSince();
    return since !== null && !(authTime !== null && authTime + SECOND_MS > since);
  }

  #note(
    by: Actor,
    act: "sign-in" | "sign-out",
    { id, name }: DeviceRecord,
    detail: Record<string, string>,
  ): void {
    writeAudit(this.#sql, by, { act, outcome: "done", target: { id, name }, detail });
  }
}

/** Whether it is let in now. */
function isSignedIn({ kind, status, credentials }: DeviceRecord, now: number): boolean {
  const isOpen = credentials.some(({ notAfter }) => notAfter !== null && now < notAfter);
  return kind === "browser" && status === "active" && isOpen;
}
