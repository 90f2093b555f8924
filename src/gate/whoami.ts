// No I/O. No clock.
import type { VerifiedCertificate } from "../domain/certificate.ts";
import type { Visit } from "../visit.ts";
import type { Standing } from "./decision.ts";

export type Visitor = ReturnType<typeof describeVisitor>;

/** What a device with a verified certificate is told: itself, and what Cloudflare saw of it. */
export function describeVisitor(
  { hostname, country }: Visit,
  { fingerprint, subject, issuer, serial, notBefore, notAfter }: VerifiedCertificate,
  standing: Standing,
) {
  const device =
    standing.kind === "device" ? { user: standing.user, name: standing.name, status: standing.status } : null;
  return {
    app: hostname,
    fingerprint,
    enrolled: device !== null,
    device,
    seenByCloudflare: {
      verified: true,
      subject,
      issuer,
      serial,
      notBefore: new Date(notBefore).toISOString(),
      notAfter: new Date(notAfter).toISOString(),
      country: country ?? null,
    },
  };
}

/** The same for programs. */
export function visitorAsJson(visitor: Visitor, { request }: Visit): Response {
  return new Response(request.method === "HEAD" ? null : `${JSON.stringify(visitor, null, 2)}\n`, {
    headers: { "Content-Type": "application/json", "Cache-Control": "no-store" },
  });
}
