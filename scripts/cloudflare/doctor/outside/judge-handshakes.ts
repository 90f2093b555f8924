// The certificate that the edge presents in a TLS handshake, and the ones that it asks clients for.
import {
  type Finding,
  failedCheck,
  listed,
  passed,
  type Reading,
  unread,
  type Verdict,
  warned,
  worst,
} from "../check.ts";
import type { EnrolledDevice } from "../gate.ts";

export type Handshake = { host: string } & (
  | {
      kind: "handshake";
      /** The names that the edge sends to clients; `null`: it asks for no certificate. */
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

/** Every client refuses a certificate for another name or another time. */
const WRONG = new Set(["ERR_TLS_CERT_ALTNAME_INVALID", "CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"]);

/** Whether clients can connect. */
export function judgeServerCertificates(handshakes: readonly Handshake[]): Finding {
  const verdicts = handshakes.map((seen): Verdict => {
    const { host } = seen;
    if (seen.kind === "silence") return unread(`${host} did not answer: ${seen.why}`, REACH);
    if (seen.kind === "refused") {
      return NO_CERTIFICATE_ALERTS.has(seen.alert)
        ? failedCheck(
            `Cloudflare has no certificate for ${host}: no client can connect (TLS alert ${seen.alert})`,
            EDGE_CERTIFICATES,
          )
        : unread(`${host} refuses TLS 1.2 (alert ${seen.alert})`, EDGE_CERTIFICATES);
    }
    if (seen.trust === null) return passed("the edge's certificate is for the host");
    return WRONG.has(seen.trust)
      ? failedCheck(
          `the certificate that ${host} shows is refused by every client: ${seen.trust}`,
          EDGE_CERTIFICATES,
        )
      : unread(
          `this machine does not trust the certificate of ${host}: ${seen.trust}`,
          "give its authority with --ca, or look from another machine",
        );
  });
  return { id: "outside-certificate", ...worst(verdicts) };
}

/**
 * Which certificates clients are asked for. Some clients send one only if its issuer is among the names:
 * Go's (rclone), Java's (ntfy), browsers. With no name, all send theirs.
 */
export function judgeAuthorities(
  handshakes: readonly Handshake[],
  registry: Reading<readonly EnrolledDevice[]>,
): Finding {
  const verdicts = handshakes.map((seen): Verdict => {
    const { host } = seen;
    if (seen.kind === "silence") return unread(`${host} did not answer: ${seen.why}`, REACH);
    if (seen.kind === "refused") {
      return unread(
        seen.alert === PROTOCOL_VERSION_ALERT
          ? `${host} takes TLS 1.3 only, which encrypts the names`
          : `${host} refuses the handshake (TLS alert ${seen.alert})`,
        "see them with: openssl s_client -connect HOST:443 (Acceptable client certificate CA names)",
      );
    }
    const { authorities } = seen;
    if (authorities === null) {
      return failedCheck(
        `no client is asked for a certificate on ${host}: every device is refused`,
        "add the host under SSL/TLS > Client Certificates > Hosts, or run latchkey setup",
      );
    }
    return authorities.length === 0
      ? passed("certificates of any authority are asked for: every client sends its own")
      : judgeIssuers(host, authorities, registry);
  });
  return { id: "outside-authorities", ...worst(verdicts) };
}

function judgeIssuers(
  host: string,
  authorities: readonly string[],
  registry: Reading<readonly EnrolledDevice[]>,
): Verdict {
  const named = `${host} asks for certificates of ${listed(authorities)} only`;
  if (!registry.known) return unread(`${named}; ${registry.reason}`, registry.remedy);
  const keys = new Set(authorities.map(nameKey));
  const unnamed = registry.value
    .filter(({ status }) => status === "active")
    .map(({ label, certificates }) => ({ label, issuers: certificates.map(({ issuer }) => issuer) }))
    .filter(({ issuers }) => !issuers.some((issuer) => issuer !== null && keys.has(nameKey(issuer))));
  const silent = unnamed.filter(({ issuers }) => !issuers.includes(null)).map(({ label }) => label);
  if (silent.length > 0) {
    return warned(
      `${named}: with the certificates of ${listed(silent)}, rclone and other Go programs, ntfy and other Java programs, and browsers send none`,
      "issue them certificates of Cloudflare's with latchkey rotate; curl, git, Bitwarden and DAVx5 send theirs all the same",
    );
  }
  return unnamed.length > 0
    ? unread(
        `${named}; the registry does not know who issued the certificates of ${listed(unnamed.map(({ label }) => label))}`,
        "it is recorded when the device next connects: run the doctor again after that",
      )
    : passed(`${named}, which issued those of all active devices`);
}

/**
 * One key for a name, however it is written: the registry has it in the order of the certificate or, if it came from
 * Cloudflare, in reverse (RFC 2253).
 */
function nameKey(name: string): string {
  return name
    .split(/(?<!\\)[,+\n]/)
    .map((part) => part.trim().replace(/\\(.)/g, "$1").toLowerCase())
    .sort()
    .join("\n");
}
