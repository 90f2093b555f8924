// No I/O. No clock.

/** How a certificate of a device ends before the device does. Times are milliseconds since the epoch. */
export interface Retirement {
  /** When it was retired; `null` = not yet, as far as it was written down. */
  retiredAt: number | null;
  /** When it ends at the latest, whether its successor was seen or not; `null` = no date. */
  retireBy: number | null;
}

/** Certificates that a device may hold at a time: its own and its next one. */
export const CERTIFICATES_MAX = 2;

/**
 * Since when a certificate is retired, and `null` while it is not. A date that passes counts by itself:
 * nothing has to run at that moment.
 */
export function retiredSince({ retiredAt, retireBy }: Retirement, now: number): number | null {
  if (retiredAt !== null) return retiredAt;
  return retireBy !== null && retireBy <= now ? retireBy : null;
}
