import { createHash, X509Certificate } from "node:crypto";
import type * as v from "valibot";
import { type Fingerprint, parseFingerprint } from "../../../src/domain/fingerprint.ts";
import { ASSOCIATIONS, CLIENT_CERTIFICATE, type ClientCertificateStatus, DONE, resultOf } from "./answers.ts";
import type { CloudflareClient } from "./client.ts";
import type { Zone, ZonePlace } from "./zone.ts";

export type { ClientCertificateStatus } from "./answers.ts";

/** One of a zone's client certificates, as Cloudflare keeps it. */
export type ClientCertificate = ReturnType<typeof toCertificate>;

/** The length of a slice; Cloudflare may make it shorter. */
const SLICE = 50;

/** The hostnames that ask for certificates of Cloudflare's managed authority. */
export async function readAssociations({ client, zone }: ZonePlace): Promise<string[]> {
  const { hostnames } = await client.ask(
    { permission: "certificates-read", what: "list the hosts that ask for a certificate" },
    (sdk) => sdk.certificateAuthorities.hostnameAssociations.get({ zone_id: zone.id }),
    ASSOCIATIONS,
  );
  return hostnames;
}

/** Replaces the whole list of them. */
export async function setAssociations({ client, zone }: ZonePlace, hostnames: string[]): Promise<void> {
  await client.ask(
    { permission: "certificates", what: "choose the hosts that ask for a certificate" },
    (sdk) => sdk.certificateAuthorities.hostnameAssociations.update({ zone_id: zone.id, hostnames }),
    DONE,
  );
}

/**
 * All client certificates of a zone, including revoked ones: their records stay. `permission` is what the command
 * needs in the end, so that a token that lacks it has to be corrected only once.
 */
export async function listClientCertificates(
  client: CloudflareClient,
  zone: Pick<Zone, "id" | "name">,
  permission: "certificates-read" | "certificates",
): Promise<ClientCertificate[]> {
  const listed = await client.list(
    { permission, what: "list the zone's client certificates" },
    (sdk, { offset }) =>
      sdk.clientCertificates.list({ zone_id: zone.id, status: "all", limit: SLICE, offset }),
    CLIENT_CERTIFICATE,
  );
  // A certificate that is made meanwhile moves the others: the slices then overlap.
  return [...new Map(listed.map((each) => [each.id, toCertificate(each)])).values()];
}

/** Has Cloudflare sign a request. The failure's `outcome` says whether a certificate may exist all the same. */
export async function signAtCloudflare(
  client: CloudflareClient,
  zone: Zone,
  csr: string,
  days: number,
): Promise<ClientCertificate> {
  const need = { permission: "certificates", what: "sign a client certificate" } as const;
  return toCertificate(
    await client.once(
      need,
      (sdk) => sdk.clientCertificates.create({ zone_id: zone.id, csr, validity_days: days }),
      resultOf(CLIENT_CERTIFICATE),
    ),
  );
}

/**
 * Revokes a certificate at Cloudflare, which takes a while: the status shows it. A certificate that is revoked
 * or about to be stays as it is.
 */
export async function revokeAtCloudflare(
  client: CloudflareClient,
  zone: Zone,
  id: string,
): Promise<ClientCertificateStatus> {
  const what = "revoke a client certificate";
  try {
    const answered = await client.ask(
      { permission: "certificates", what },
      (sdk) => sdk.clientCertificates.delete(id, { zone_id: zone.id }),
      resultOf(CLIENT_CERTIFICATE),
    );
    return answered.status;
  } catch (error) {
    // Whatever the answer to a second revocation: the certificate's status counts.
    const status = await readStatus(client, zone, id).catch(() => "active" as const);
    if (!isOver(status)) throw error;
    return status;
  }
}

/** Revoked, or on the way there. */
export function isOver(status: ClientCertificateStatus): boolean {
  return status === "revoked" || status === "pending_revocation";
}

export async function readStatus(
  client: CloudflareClient,
  zone: Zone,
  id: string,
): Promise<ClientCertificateStatus> {
  const answered = await client.ask(
    { permission: "certificates-read", what: "read a client certificate" },
    (sdk) => sdk.clientCertificates.get(id, { zone_id: zone.id }),
    resultOf(CLIENT_CERTIFICATE),
  );
  return answered.status;
}

function toCertificate(answered: v.InferOutput<typeof CLIENT_CERTIFICATE>) {
  const { id, status, certificate: pem = "", issued_on: issuedOn = null } = answered;
  const stated = parseFingerprint(answered.fingerprint_sha256);
  const certificate = parseCertificate(pem);
  return {
    id,
    /** Empty if Cloudflare sent none. */
    pem,
    /** Computed here from the certificate; Cloudflare's only if it sent no certificate. */
    fingerprint: certificate === undefined ? stated : fingerprintOf(certificate),
    /** As Cloudflare states it. */
    statedFingerprint: stated,
    status,
    /** Hex, upper case, as the registry has it; `null` if it cannot be read. */
    serial: certificate?.serialNumber.toUpperCase() ?? null,
    issuedOn,
  };
}

export function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

/** SHA-256 of the certificate's DER. */
export function fingerprintOf(certificate: X509Certificate): Fingerprint {
  const fingerprint = parseFingerprint(createHash("sha256").update(certificate.raw).digest("hex"));
  if (fingerprint === undefined) throw new Error("SHA-256 does not have 64 digits");
  return fingerprint;
}
