// The gate's own API, as the doctor asks it.
import { ofAllUsers } from "../../client/all-users.ts";
import { ProblemFailure } from "../../client/answer.ts";
import type { Api } from "../../client/api.ts";
import { printable } from "../../terminal/text.ts";

export type Gate = () => Promise<Api>;

export interface EnrolledDevice {
  /** `alice/pixel-9` */
  label: string;
  status: string;
  /** Those that let it in while it is active: two during a renewal. */
  certificates: readonly { fingerprint: string; notAfter: string | null; issuer: string | null }[];
  /** Fingerprints of the certificates that it had before. */
  retired: readonly string[];
}

/** Every device of every user. */
export async function readRegistry({ gate }: { gate: Gate }): Promise<EnrolledDevice[]> {
  const api = await gate();
  const devices = await ofAllUsers(api, api.devices);
  return devices.map(({ user, name, status, kind, credentials }) => {
    // A Worker that was deployed before retirement existed sends no such field.
    const certificates = kind === "certificate" ? credentials : [];
    const retired = certificates.filter(({ retiredAt }) => (retiredAt ?? null) !== null);
    return {
      label: printable(`${user}/${name}`),
      status,
      certificates: certificates.filter((each) => !retired.includes(each)),
      retired: retired.map(({ fingerprint }) => fingerprint),
    };
  });
}

/** Fingerprints that the gate refuses whatever the registry says; `null`: the Worker knows no such list. */
export async function readBlocked({ gate }: { gate: Gate }): Promise<readonly string[] | null> {
  const api = await gate();
  try {
    return await api.blocked();
  } catch (error) {
    if (error instanceof ProblemFailure && error.code === "not-found") return null;
    throw error;
  }
}
