import { X509Certificate } from "node:crypto";
import type { Credential } from "../../../scripts/certificates/authority.ts";

/** The serial number as `revoked.txt` has it: upper-case hex digits. */
export function serialOf({ certificate }: Credential): string {
  return new X509Certificate(certificate).serialNumber;
}
