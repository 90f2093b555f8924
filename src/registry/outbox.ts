/**
 * Notifications that are still to be delivered. A row an event, from the transaction of the change that
 * it tells of until each address has taken it, or until it is given up.
 * Columns: `id` is the event's own id, which receivers use to drop repeats; `event` is a JSON object;
 * `delivered` a JSON list of the addresses (digests) that have taken it; `tries` how often it was sent;
 * `next_at` when it is due, in milliseconds since the epoch.
 */
export const OUTBOX_SCHEMA = `
  CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    event TEXT NOT NULL,
    delivered TEXT NOT NULL,
    tries INTEGER NOT NULL,
    next_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX outbox_due ON outbox (next_at);`;
