import { createHash, X509Certificate } from "node:crypto";
import type Cloudflare from "cloudflare";
import { type Fingerprint, parseFingerprint } from "../../src/registry/fingerprint.ts";
import { failed } from "../commands/shared/failure.ts";
import type { CloudflareClient } from "./client.ts";
import type { Zone } from "./zone.ts";

export type ClientCertificateStatus = "active" | "pending_revocation" | "revoked" | "pending_reactivation";

/** One of a zone's client certificates, as Cloudflare keeps it. */
export interface ClientCertificate {
  id: string;
  /** PEM as it came; empty where Cloudflare sent none. */
  pem: string;
  /** Made here of the certificate; of Cloudflare's word only where it sent no certificate. */
  fingerprint: Fingerprint | undefined;
  /** Cloudflare's word. */
  statedFingerprint: Fingerprint | undefined;
  status: ClientCertificateStatus;
  /** Hex, upper case, as the registry has it; null where it cannot be read. */
  serial: string | null;
  issuedOn: string | null;
  expiresOn: string | null;
}

type Answered = Cloudflare.ClientCertificates.ClientCertificate;

/** Our page; Cloudflare may make it smaller. */
const PAGE = 50;

/**
 * All client certificates of a zone, revoked ones too: their records stay. `permission` is what the command
 * needs in the end, so that a token that lacks it is mended once.
 */
export async function listClientCertificates(
  client: CloudflareClient,
  zone: Pick<Zone, "id" | "name">,
  permission: "certificates-read" | "certificates",
): Promise<ClientCertificate[]> {
  const found = new Map<string, ClientCertificate>();
  const need = { permission, what: "list the zone's client certificates" };
  for (let offset = 0; ; ) {
    const page = await client.ask(need, (sdk) =>
      sdk.clientCertificates.list({ zone_id: zone.id, status: "all", limit: PAGE, offset }),
    );
    const before = found.size;
    for (const answered of page.result) {
      const certificate = parse(answered);
      if (certificate !== undefined) found.set(certificate.id, certificate);
    }
    offset += page.result.length;
    const total = (page.result_info as { total_count?: number }).total_count;
    if (page.result.length === 0 || offset === total) return [...found.values()];
    // A page that brings nothing new: what was asked for is not understood, and half a list misleads.
    if (found.size === before) {
      if (total === undefined || total <= found.size) return [...found.values()];
      throw failed(
        `Cloudflare lists ${found.size} of ${total} client certificates of ${zone.name}`,
        "look at SSL/TLS > Client Certificates in the dashboard, and report this",
      );
    }
  }
}

/** Has Cloudflare sign a request. The failure's `outcome` says whether a certificate may exist all the same. */
export async function signAtCloudflare(
  client: CloudflareClient,
  zone: Zone,
  csr: string,
  days: number,
): Promise<ClientCertificate> {
  const answered = await client.once(
    { permission: "certificates", what: "sign a client certificate" },
    (sdk) => sdk.clientCertificates.create({ zone_id: zone.id, csr, validity_days: days }),
  );
  const certificate = parse(answered);
  if (certificate === undefined) {
    throw failed(
      "Cloudflare answered without a certificate",
      "look at SSL/TLS > Client Certificates in the dashboard",
    );
  }
  return certificate;
}

/**
 * Revokes a certificate at Cloudflare, which takes it a while: the status tells. One that is revoked or
 * about to be is left as it is.
 */
export async function revokeAtCloudflare(
  client: CloudflareClient,
  zone: Zone,
  id: string,
): Promise<ClientCertificateStatus> {
  const what = "revoke a client certificate";
  try {
    const answered = await client.ask({ permission: "certificates", what }, (sdk) =>
      sdk.clientCertificates.delete(id, { zone_id: zone.id }),
    );
    return statusOf(answered);
  } catch (error) {
    // Whatever a second revocation is answered: what counts is how the certificate stands.
    const { status } = await getClientCertificate(client, zone, id).catch(() => ({
      status: "active" as const,
    }));
    if (!isOver(status)) throw error;
    return status;
  }
}

/** Revoked, or on the way there. */
export function isOver(status: ClientCertificateStatus): boolean {
  return status === "revoked" || status === "pending_revocation";
}

async function getClientCertificate(
  client: CloudflareClient,
  zone: Zone,
  id: string,
): Promise<{ status: ClientCertificateStatus }> {
  const need = { permission: "certificates-read", what: "read a client certificate" } as const;
  const answered = await client.ask(need, (sdk) => sdk.clientCertificates.get(id, { zone_id: zone.id }));
  return { status: statusOf(answered) };
}

function parse(answered: Answered | null | undefined): ClientCertificate | undefined {
  if (typeof answered?.id !== "string") return undefined;
  const pem = typeof answered.certificate === "string" ? answered.certificate : "";
  const stated = parseFingerprint(answered.fingerprint_sha256);
  const certificate = parseCertificate(pem);
  return {
    id: answered.id,
    pem,
    fingerprint: certificate === undefined ? stated : fingerprintOf(certificate),
    statedFingerprint: stated,
    status: statusOf(answered),
    serial: certificate?.serialNumber.toUpperCase() ?? null,
    issuedOn: answered.issued_on ?? null,
    expiresOn: answered.expires_on ?? null,
  };
}

/** An unknown word counts as active: such a certificate is never taken for revoked. */
function statusOf(answered: Answered | null | undefined): ClientCertificateStatus {
  return answered?.status ?? "active";
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
