// A temporary device of the doctor's own.
import { parseUserId, type UserId } from "../../../../src/domain/user.ts";
import { ProblemFailure } from "../../../client/answer.ts";
import type { Api } from "../../../client/api.ts";
import type { CloudflareClient } from "../../client/client.ts";
import { revokeAtCloudflare } from "../../client/client-certificates.ts";
import type { Zone } from "../../client/zone.ts";
import { withSignedCertificate } from "../../issue/signed-certificate.ts";

/** The user of the doctor's own device, while it is there. */
const PROBE_USER = "latchkey-doctor";
const PROBE_DEVICE = "probe";
/** Whatever goes wrong, it soon expires. */
const PROBE_DAYS = 1;

/**
 * Issues a certificate, enrols it, lets `look` use it, and undoes all of it, in that order. What an
 * interrupted run left in the registry is removed first.
 */
export async function withProbe<T>(
  client: CloudflareClient,
  zone: Zone,
  api: Api,
  progress: (line: string) => void,
  look: (credential: { certificate: string; key: string }) => Promise<T>,
): Promise<T> {
  const user = parseUserId(PROBE_USER);
  if (user === undefined) throw new Error(`${PROBE_USER} is no user id`);
  await removeProbe(api, user);
  const commonName = "latchkey doctor";
  const order = { zone, commonName, days: PROBE_DAYS, kind: "ecdsa-p256", progress } as const;
  return withSignedCertificate(client, order, async (signed, interruption) => {
    try {
      await api.putUser(user, undefined);
      const { certificate } = signed;
      await api.enrol(user, { name: PROBE_DEVICE, certificate, note: "the doctor's own, temporary" });
      interruption.check();
      return await look(signed);
    } finally {
      progress("revoking the doctor's own certificate");
      await removeProbe(api, user);
      await revokeAtCloudflare(client, zone, signed.id);
    }
  });
}

async function removeProbe(api: Api, user: UserId): Promise<void> {
  try {
    for (const device of await api.devices(user)) {
      if (device.status !== "revoked") await api.act(device, "revoke", undefined);
      await api.forget(device);
    }
    await api.deleteUser(user);
  } catch (error) {
    if (!(error instanceof ProblemFailure && error.code === "unknown-user")) throw error;
  }
}
