import forge from "node-forge";
import type { Credential } from "./certificates.ts";

/**
 * A certificate with its key as a PKCS#12 file (RFC 7292), in the form that imports everywhere:
 * 3DES and a SHA-1 MAC. What OpenSSL 3 writes by default gives a false "incorrect password" on
 * Android and iOS.
 */
export function toPkcs12({ certificate, key }: Credential, password: string, friendlyName: string): Buffer {
  const pfx = forge.pkcs12.toPkcs12Asn1(
    forge.pki.privateKeyFromPem(key),
    forge.pki.certificateFromPem(certificate),
    password,
    { algorithm: "3des", friendlyName, generateLocalKeyId: true },
  );
  return Buffer.from(forge.asn1.toDer(pfx).getBytes(), "binary");
}
