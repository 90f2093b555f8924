import { createHash, X509Certificate } from "node:crypto";
import { type Credential, sign, signerOf } from "../certificates/authority.ts";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectKeyIdentifierExtension,
} from "../certificates/x509.ts";
import { ApiError } from "./call.ts";
import { type ClientCertificate, newId } from "./state.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/**
 * Signs a request for a client certificate, as the managed CA does: the subject and the key are the
 * request's, the rest is the authority's. Refuses a request whose signature is not by its own key.
 */
export async function signRequest(
  authority: Credential,
  csr: string,
  validityDays: number,
  now: Date,
): Promise<ClientCertificate> {
  const request = parseRequest(csr);
  if (!(await request.verify().catch(() => false))) {
    throw new ApiError(400, 1406, "The CSR's signature is not valid");
  }
  // X.509 knows whole seconds.
  const notBefore = new Date(Math.floor(now.getTime() / 1000) * 1000 - 60_000);
  const notAfter = new Date(notBefore.getTime() + validityDays * DAY_MS);
  const signed = await sign(await signerOf(authority), {
    subject: request.subjectName,
    publicKey: request.publicKey,
    validity: { notBefore, notAfter },
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
    ],
  });
  const der = Buffer.from(signed.rawData);
  const field = (name: string) => request.subjectName.getField(name)[0] ?? "";
  return {
    id: crypto.randomUUID(),
    certificate: new X509Certificate(der).toString(),
    certificate_authority: { id: newId(), name: "Cloudflare Managed CA for account" },
    common_name: field("CN"),
    organization: field("O"),
    organizational_unit: field("OU"),
    country: field("C"),
    location: field("L"),
    state: field("ST"),
    csr,
    issued_on: notBefore.toISOString().replace(".000Z", "Z"),
    expires_on: notAfter.toISOString().replace(".000Z", "Z"),
    fingerprint_sha256: createHash("sha256").update(der).digest("hex"),
    serial_number: BigInt(`0x${signed.serialNumber}`).toString(),
    signature: "SHA256WithRSA",
    ski: signed.getExtension(SubjectKeyIdentifierExtension)?.keyId ?? "",
    status: "active",
    validity_days: validityDays,
  };
}

function parseRequest(csr: string): Pkcs10CertificateRequest {
  if (!csr.includes("-----BEGIN CERTIFICATE REQUEST-----")) {
    throw new ApiError(400, 1406, "Failed to parse the CSR");
  }
  try {
    return new Pkcs10CertificateRequest(csr);
  } catch {
    throw new ApiError(400, 1406, "Failed to parse the CSR");
  }
}
