// How a certificate of a device ends before the device does.
import type { Fingerprint } from "./fingerprint.ts";
import type { CertificateRecord, DeviceRecord, Retirement } from "./records.ts";

/** Certificates that a device may hold at a time: its own and its next one. */
export const CERTIFICATES_MAX = 2;

/**
 * Since when a certificate is retired, and `null` while it is not. A date that has passed counts on its own: nothing
 * has to run at that moment, and nothing has to be written down.
 */
export function retiredSince({ retiredAt, retireBy }: Retirement, now: number): number | null {
  if (retiredAt !== null) return retiredAt;
  return retireBy !== null && retireBy <= now ? retireBy : null;
}

export function certificateOf(
  { certificates }: DeviceRecord,
  fingerprint: Fingerprint,
): CertificateRecord | undefined {
  return certificates.find((each) => each.fingerprint === fingerprint);
}

/** Certificates of a device that are not retired, in the order in which they came. */
export function livingCertificates({ certificates }: DeviceRecord, now: number): CertificateRecord[] {
  return certificates.filter((each) => retiredSince(each, now) === null);
}
