import type { Fingerprint } from "../../domain/fingerprint.ts";
import { DAY_MS } from "../../domain/relative-time.ts";
import type { UserId } from "../../domain/user.ts";
import { certificateExpiring, EXPIRY_THRESHOLDS_DAYS } from "../../notify/event.ts";
import type { Outbox } from "../storage/outbox.ts";

type Row = { fingerprint: string; not_after: number; expiry_told: number | null; id: string; name: string };

/**
 * Notes one event for each certificate that has come nearer to its end than anybody was told: within 30,
 * 7 or 1 days. Certificates of devices that pass, or may pass again; one that was retired or has ended is no
 * longer told of, since it is refused already. Call it in a transaction; it reads every certificate, so daily
 * is often enough. Writes nothing while nobody is to be told.
 */
export function noteExpiring(sql: SqlStorage, user: UserId, outbox: Outbox, now: number): void {
  if (!outbox.isOn) return;
  const longest = Math.max(...EXPIRY_THRESHOLDS_DAYS);
  const rows = sql
    .exec<Row>(
      `SELECT c.fingerprint, c.not_after, c.expiry_told, d.id, d.name
       FROM certificates c JOIN devices d ON d.seq = c.device
       WHERE d.status IN ('active', 'suspended') AND c.not_after > ? AND c.not_after <= ?
         AND c.retired_at IS NULL AND (c.retire_by IS NULL OR c.retire_by > ?)`,
      ...[now, now + longest * DAY_MS, now],
    )
    .toArray();
  for (const { fingerprint, not_after: notAfter, expiry_told: told, ...device } of rows) {
    const threshold = EXPIRY_THRESHOLDS_DAYS.find((days) => notAfter - now <= days * DAY_MS);
    if (threshold === undefined || (told !== null && told <= threshold)) continue;
    sql.exec("UPDATE certificates SET expiry_told = ? WHERE fingerprint = ?", threshold, fingerprint);
    const of = { user, device, fingerprint: fingerprint as Fingerprint, notAfter, threshold };
    outbox.add(certificateExpiring(of, now), now);
  }
}
