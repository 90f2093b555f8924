// No I/O. No clock.
//
// The certificate that the edge presents in a TLS handshake, and the ones that it asks clients for.
import { type Check, type Fact, failedCheck, listed, passed, unread, warned } from "../check.ts";
import type { DeviceFact } from "../facts.ts";
import { merged } from "./outside.ts";

export type Handshake = { host: string } & (
  | {
      kind: "handshake";
      /** The names that the edge gives to clients; `null`: it asks nobody for a certificate. */
      authorities: readonly string[] | null;
      /** Node's error code if this machine does not trust the certificate; `null` if it does. */
      trust: string | null;
    }
  /** An alert (RFC 5246, section 7.2) instead. */
  | { kind: "refused"; alert: number }
  | { kind: "silence"; why: string }
);

const REACH = "check the host's DNS and this machine's network, then run the doctor again";
const EDGE_CERTIFICATES = "see the check on the edge's certificates, and SSL/TLS > Edge Certificates";

/** Alerts of a server that has no certificate for the name: `handshake_failure`, `unrecognized_name`. */
const NO_CERTIFICATE_ALERTS = new Set([40, 112]);
const PROTOCOL_VERSION_ALERT = 70;

/** Every client refuses a certificate that is for another name, or for another time. */
const WRONG = new Set(["ERR_TLS_CERT_ALTNAME_INVALID", "CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"]);

/** Whether clients can connect. */
export function checkServerCertificates(handshakes: readonly Handshake[]): Check {
  return merged("outside-certificate", handshakes, (id, seen) => {
    const { host } = seen;
    if (seen.kind === "silence") return unread(id, `${host} did not answer: ${seen.why}`, REACH);
    if (seen.kind === "refused") {
      return NO_CERTIFICATE_ALERTS.has(seen.alert)
        ? failedCheck(
            id,
            `Cloudflare has no certificate for ${host}: no client can connect (TLS alert ${seen.alert})`,
            EDGE_CERTIFICATES,
          )
        : unread(id, `${host} refuses TLS 1.2 (alert ${seen.alert})`, EDGE_CERTIFICATES);
    }
    if (seen.trust === null) return passed(id, "the edge's certificate is for the host");
    return WRONG.has(seen.trust)
      ? failedCheck(
          id,
          `the certificate that ${host} shows is refused by every client: ${seen.trust}`,
          EDGE_CERTIFICATES,
        )
      : unread(
          id,
          `this machine does not trust the certificate of ${host}: ${seen.trust}`,
          "give its authority with --ca, or look from another machine",
        );
  });
}

/**
 * Which certificates clients are asked for. Some clients send one only if its issuer is among the names:
 * Go's (rclone), Java's (ntfy), browsers. With no name, all send theirs.
 */
export function checkAuthorities(
  handshakes: readonly Handshake[],
  registry: Fact<readonly DeviceFact[]>,
): Check {
  return merged("outside-authorities", handshakes, (id, seen) => {
    const { host } = seen;
    if (seen.kind === "silence") return unread(id, `${host} did not answer: ${seen.why}`, REACH);
    if (seen.kind === "refused") {
      return unread(
        id,
        seen.alert === PROTOCOL_VERSION_ALERT
          ? `${host} takes TLS 1.3 only, in which the names are not readable from here`
          : `${host} refuses the handshake (TLS alert ${seen.alert})`,
        "see them with: openssl s_client -connect HOST:443 (Acceptable client certificate CA names)",
      );
    }
    const { authorities } = seen;
    if (authorities === null) {
      return failedCheck(
        id,
        `nobody is asked for a certificate on ${host}: every device is refused`,
        "add the host under SSL/TLS > Client Certificates > Hosts, or run latchkey setup",
      );
    }
    return authorities.length === 0
      ? passed(id, "certificates are asked for, of any authority: every client sends its own")
      : judgeIssuers(id, host, authorities, registry);
  });
}

function judgeIssuers(
  id: string,
  host: string,
  authorities: readonly string[],
  registry: Fact<readonly DeviceFact[]>,
): Check {
  const named = `${host} asks for certificates of ${listed(authorities)} only`;
  if (!registry.known) return unread(id, `${named}; ${registry.reason}`, registry.remedy);
  const keys = new Set(authorities.map(nameKey));
  const active = registry.value.filter(({ status }) => status === "active");
  const issuers = active.map(({ label, certificates }) => ({
    label,
    issuers: certificates.map(({ issuer }) => issuer),
  }));
  const unnamed = issuers.filter(
    (device) => !device.issuers.some((issuer) => issuer !== null && keys.has(nameKey(issuer))),
  );
  const silent = unnamed.filter((device) => !device.issuers.includes(null)).map(({ label }) => label);
  if (silent.length > 0) {
    return warned(
      id,
      `${named}: with the certificates of ${listed(silent)}, rclone and other Go programs, ntfy and other Java programs, and browsers send none`,
      "issue them certificates of Cloudflare's with latchkey rotate; curl, git, Bitwarden and DAVx5 send theirs anyway",
    );
  }
  return unnamed.length > 0
    ? unread(
        id,
        `${named}; who issued the certificates of ${listed(unnamed.map(({ label }) => label))} is not in the registry`,
        "it is recorded when the device next connects: run the doctor again after that",
      )
    : passed(id, `${named}, which issued those of all active devices`);
}

/**
 * One key for a name, however it is written: the registry has it in the certificate's order, or, from
 * Cloudflare, in reverse (RFC 2253).
 */
function nameKey(name: string): string {
  return name
    .split(/(?<!\\)[,+\n]/)
    .map((part) => part.trim().replace(/\\(.)/g, "$1").toLowerCase())
    .sort()
    .join("\n");
}
