// A device's next token, or a feed's next secret.

import type { Device } from "../../../src/contract/answers.ts";
import { CREDENTIAL_WORDS } from "../../../src/domain/credential-key.ts";
import type { Api } from "../../client/api.ts";
import { deviceLabel } from "../../client/device.ts";
import { short } from "../../terminal/text.ts";
import type { Session } from "../command/session.ts";
import { endOfOld } from "../devices/view.ts";
import { showSecret } from "./secret.ts";

interface NextSecret {
  /** The latest time at which the current one ends, in milliseconds since 1970; `undefined`: when the next one is seen. */
  retireBy: number | undefined;
  /** `undefined`: the API's default. */
  validSeconds: number | undefined;
  /** Draws it as a QR code; `undefined`: on a terminal. */
  qr: boolean | undefined;
}

/** Makes it and shows it. The current one ends when the next one is first seen, or at `retireBy` if that is earlier. */
export async function makeNextSecret(
  session: Session,
  api: Api,
  device: Device,
  { retireBy, validSeconds, qr }: NextSecret,
): Promise<void> {
  const made = await api.rotateDeviceToken(device, {
    validSeconds,
    retireBy: retireBy === undefined ? undefined : new Date(retireBy).toISOString(),
  });
  const { credentials, kind } = made.device;
  const digits = credentials.at(-1)?.fingerprint ?? "";
  const ends = endOfOld(made.device, digits, session.now());
  showSecret(session, {
    made,
    origin: api.origin,
    qr,
    done: [
      `made the next ${CREDENTIAL_WORDS[kind]} of ${deviceLabel(made.device)}, ${short(digits)}`,
      ...(ends === undefined ? [] : [ends]),
    ],
  });
}
