import { createPrivateKey } from "node:crypto";
import { createKeyAndRequest } from "../../certificates/request.ts";
import type { KeyKind } from "../../certificates/x509.ts";
import { failed } from "../../terminal/failure.ts";
import type { CloudflareClient } from "../client/client.ts";
import {
  type ClientCertificate,
  isOver,
  listClientCertificates,
  parseCertificate,
  revokeAtCloudflare,
  signAtCloudflare,
} from "../client/client-certificates.ts";
import { CloudflareFailure, isRefusal } from "../client/failure.ts";
import { type Interruption, watchForInterruption } from "../client/interruption.ts";
import type { Zone } from "../client/zone.ts";
import { withAftermath } from "./aftermath.ts";

/** Cloudflare's code for a zone that has no room for one more client certificate. */
const QUOTA = 1445;

/** A certificate that Cloudflare signed for a key that was made here. */
export type SignedCertificate = ReturnType<typeof check>;

export interface Order {
  zone: Zone;
  commonName: string;
  days: number;
  kind: KeyKind;
  /** Hears what is done next: one line, lower case, no full stop. */
  progress(line: string): void;
}

/**
 * Makes a key, has Cloudflare sign it, and hands both to `use`. When anything goes wrong from the signature
 * to the end of `use`, the certificate is revoked again, and the failure says so, or names it: there is
 * never a signed certificate that nobody knows of. Ctrl-C counts as going wrong, at `interruption.check()`.
 */
export async function withSignedCertificate<T>(
  client: CloudflareClient,
  order: Order,
  use: (signed: SignedCertificate, interruption: Interruption) => Promise<T>,
): Promise<T> {
  const { zone, commonName, days, kind, progress } = order;
  progress(
    `making a key (${kind === "rsa-2048" ? "RSA 2048" : "ECDSA P-256"}) and a request, on this machine`,
  );
  const { key, csr } = await createKeyAndRequest(commonName, kind);
  const interruption = watchForInterruption();
  try {
    progress(`having Cloudflare sign it for ${days} days, in the zone ${zone.name}`);
    const answered = await sign(client, order, csr, key);
    try {
      const signed = check(answered, key);
      interruption.check();
      return await use(signed, interruption);
    } catch (error) {
      progress("undoing: revoking the certificate at Cloudflare");
      throw withAftermath(error, [await undo(client, zone, answered)]);
    }
  } finally {
    interruption.end();
  }
}

async function sign(
  client: CloudflareClient,
  { zone, commonName, days, progress }: Order,
  csr: string,
  key: string,
): Promise<ClientCertificate> {
  try {
    return await signAtCloudflare(client, zone, csr, days);
  } catch (error) {
    if (isRefusal(error, QUOTA)) throw quotaFailure(zone);
    if (error instanceof CloudflareFailure && error.outcome === "not-done") throw error;
    progress("no clear answer: looking whether Cloudflare signed it all the same");
    const found = await lookFor(client, zone, key);
    if (found === "unknown") {
      throw withAftermath(error, [
        `Cloudflare may have signed a certificate with the subject O=Latchkey, CN=${commonName} in the zone ${zone.name}`,
        "its key is gone and no device has it; run the same command again: it looks for such certificates first",
      ]);
    }
    if (found === undefined)
      throw withAftermath(error, ["no certificate was signed: Cloudflare lists none for this key"]);
    return found;
  }
}

/** How often, and after how long, the list is looked at: a change may show late. */
const LOOK_AFTER_MS = [0, 1000, 2000];

/** The certificate of this key among those of the zone; `unknown` when the zone cannot be asked. */
async function lookFor(
  client: CloudflareClient,
  zone: Zone,
  key: string,
): Promise<ClientCertificate | "unknown" | undefined> {
  const privateKey = createPrivateKey(key);
  try {
    for (const pause of LOOK_AFTER_MS) {
      await client.pause(pause);
      const all = await listClientCertificates(client, zone, "certificates");
      const found = all.find(({ pem }) => parseCertificate(pem)?.checkPrivateKey(privateKey) === true);
      if (found !== undefined) return found;
    }
    return undefined;
  } catch {
    return "unknown";
  }
}

/** What was signed must be what was asked for: this key, and the fingerprint that Cloudflare states. */
function check(answered: ClientCertificate, key: string) {
  const { id, pem, fingerprint, statedFingerprint } = answered;
  const certificate = parseCertificate(pem);
  if (certificate === undefined || fingerprint === undefined) {
    throw failed("Cloudflare answered with a certificate that cannot be read", "report this");
  }
  if (!certificate.checkPrivateKey(createPrivateKey(key))) {
    throw failed("Cloudflare signed a certificate for another key than ours", "report this, and try again");
  }
  if (statedFingerprint !== undefined && statedFingerprint !== fingerprint) {
    throw failed(
      "the certificate's fingerprint is not the one that Cloudflare states",
      "report this: the gate would refuse the certificate",
      [`made here  ${fingerprint}`, `Cloudflare  ${statedFingerprint}`],
    );
  }
  return {
    /** Cloudflare's id of it. */
    id,
    /** PEM, like the key. */
    certificate: certificate.toString(),
    key,
    fingerprint,
    /** Hex, upper case. */
    serial: certificate.serialNumber.toUpperCase(),
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
  };
}

/** Revokes what was signed, and says what became of it. */
async function undo(client: CloudflareClient, zone: Zone, answered: ClientCertificate): Promise<string> {
  const { id, serial } = answered;
  const named = `the certificate ${id}${serial === null ? "" : ` (serial ${serial})`}`;
  try {
    const status = await revokeAtCloudflare(client, zone, id);
    if (isOver(status)) {
      return `undone: ${named} is revoked at Cloudflare${status === "revoked" ? "" : " (pending)"}`;
    }
  } catch {}
  return `NOT undone: ${named} is still valid at Cloudflare, in the zone ${zone.name}; its key is deleted. Revoke it in the dashboard, SSL/TLS > Client Certificates, or run the same command again with --revoke-leftovers`;
}

function quotaFailure(zone: Zone) {
  return failed(
    `the zone ${zone.name} has as many client certificates as Cloudflare allows (code ${QUOTA}, about 100)`,
    "revoke at Cloudflare those that no device needs: latchkey revoke DEVICE --at-cloudflare frees the slot immediately",
  );
}
