// The registry and Cloudflare ought to agree on which certificates are revoked.
import { shellWord, short } from "../../../terminal/text.ts";
import { CERTIFICATE_STATUSES, type ClientCertificateStatus } from "../../client/answers.ts";
import { isOver, listClientCertificates } from "../../client/client-certificates.ts";
import { notUnderstood } from "../../client/failure.ts";
import {
  type AccountSource,
  accountCheck,
  type DoctorState,
  failedCheck,
  listed,
  passed,
  unread,
  type Verdict,
  warned,
} from "../check.ts";
import { type EnrolledDevice, readRegistry } from "../gate.ts";

type Statuses = ReadonlyMap<string, ClientCertificateStatus>;

/**
 * How Cloudflare's certificates stand, by fingerprint. One authority serves all zones of an account: a device's
 * certificate may be in none of these.
 */
export async function readStatuses({ client, zones }: AccountSource): Promise<Statuses> {
  const lists = await Promise.all(
    zones.map(async (zone) => {
      const certificates = await listClientCertificates(client, zone, "certificates-read");
      return certificates.map(({ id, fingerprint, status }) => {
        if (fingerprint !== undefined && CERTIFICATE_STATUSES.includes(status))
          return [fingerprint, status] as const;
        throw notUnderstood(
          "compare the client certificates",
          `GET /zones/${zone.id}/client_certificates`,
          `${id} has ${fingerprint === undefined ? "no fingerprint" : `the status ${status}`}`,
        );
      });
    }),
  );
  return new Map(lists.flat());
}

/** Both checks need the registry, too. */
const withRegistry =
  (judge: (statuses: Statuses, devices: readonly EnrolledDevice[]) => Verdict) =>
  (statuses: Statuses, state: DoctorState): Verdict => {
    const devices = state.of(readRegistry);
    return devices.known ? judge(statuses, devices.value) : unread(devices.reason, devices.remedy);
  };

export const revokedThere = accountCheck({
  id: "revoked-there-active-here",
  permission: "certificates-read",
  read: readStatuses,
  judge: withRegistry((statuses, devices) => {
    const locked = devices.filter(({ status, certificates }) => {
      const found = certificates.flatMap(({ fingerprint }) => statuses.get(fingerprint) ?? []);
      return (
        status === "active" && found.length === certificates.length && found.length > 0 && found.every(isOver)
      );
    });
    const first = shellWord(locked[0]?.label ?? "");
    return locked.length === 0
      ? passed("no active device's certificate is revoked at Cloudflare")
      : failedCheck(
          `${listed(locked.map(({ label }) => label))} may pass here, but the certificate is revoked at Cloudflare: refused`,
          `if that was intended: latchkey revoke ${first}; else issue a new certificate: latchkey rotate ${first}`,
        );
  }),
});

export const revokedHere = accountCheck({
  id: "revoked-here-active-there",
  permission: "certificates-read",
  read: readStatuses,
  judge: withRegistry((statuses, devices) => {
    const isActiveThere = (fingerprint: string) => statuses.get(fingerprint) === "active";
    const left = devices
      .filter(({ status }) => status === "revoked")
      .filter(({ certificates, retired }) =>
        [...certificates.map(({ fingerprint }) => fingerprint), ...retired].some(isActiveThere),
      )
      .map(({ label }) => ({ what: label, remedy: `latchkey revoke ${shellWord(label)} --at-cloudflare` }));
    // A lost device keeps its certificates at Cloudflare: only with one does it get the answer on which it deletes its
    // vault.
    const replaced = devices
      .filter(({ status }) => status !== "revoked" && status !== "lost")
      .flatMap(({ label, retired }) =>
        retired.filter(isActiveThere).map((fingerprint) => ({
          what: `the retired certificate ${short(fingerprint)} of ${label}`,
          remedy: `latchkey retire ${shellWord(label)} ${short(fingerprint)} --at-cloudflare`,
        })),
      );
    const [first, ...others] = [...left, ...replaced];
    return first === undefined
      ? passed("no certificate that is revoked or retired here counts at Cloudflare")
      : warned(
          `refused here, and still counted at Cloudflare: ${listed([first, ...others].map(({ what }) => what))}`,
          `revoke it there: ${first.remedy}`,
        );
  }),
});
