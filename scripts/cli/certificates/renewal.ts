// A device's next certificate in the registry: whether it can have one, how it is added, and how the old one ends.

import type { Device } from "../../../src/contract/answers.ts";
import { CREDENTIAL_WORDS } from "../../../src/domain/credential-key.ts";
import { withHint } from "../../client/answer.ts";
import type { Api, Made } from "../../client/api.ts";
import { deviceLabel, living } from "../../client/device.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { failed } from "../../terminal/failure.ts";
import { short } from "../../terminal/text.ts";
import { referenceTo } from "../command/device-reference.ts";
import { endOfOld } from "../devices/view.ts";

/** Fails where the registry would, before anything is made. */
export function requireRenewable(device: Device): void {
  const label = deviceLabel(device);
  if (device.status !== "active" && device.status !== "suspended") {
    throw failed(`${label} is ${device.status}`, ONLY_LIVING);
  }
  if (living(device).length > 1) {
    throw failed(`${label} is being renewed already`, endOne(device));
  }
}

const ONLY_LIVING = "only a device that is active or suspended can be renewed";
const endOne = (device: Device) =>
  `wait until the old ${CREDENTIAL_WORDS[device.kind]} ends, or end one of the two: ${LATCHKEY} retire ${referenceTo(device)} FINGERPRINT`;

/**
 * Gives a device its next certificate (PEM). The current one ends when the next one is first seen, or at
 * `retireBy` if that is earlier (milliseconds since 1970; `undefined`: no date). Repeating it changes nothing.
 */
export async function addCertificate(
  api: Api,
  device: Device,
  pem: string,
  retireBy: number | undefined,
): Promise<Made<Device>> {
  try {
    return await api.addCertificate(device, {
      certificate: pem,
      retireBy: retireBy === undefined ? undefined : new Date(retireBy).toISOString(),
    });
  } catch (error) {
    throw withHint(
      withHint(error, "forbidden-transition", ONLY_LIVING),
      "too-many-credentials",
      endOne(device),
    );
  }
}

/** What happens now that a device has its next certificate. */
export function added(device: Device, fingerprint: string, now: number): string[] {
  const label = deviceLabel(device);
  const ends = endOfOld(device, fingerprint, now);
  if (ends === undefined) return [`${label} has the certificate ${short(fingerprint)} now`];
  return [
    `${label} may use the certificate ${short(fingerprint)} from now on`,
    ends,
    `install the new one on the device, then check: ${LATCHKEY} show ${referenceTo(device)}`,
  ];
}
