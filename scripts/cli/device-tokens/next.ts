// The next token of a device, or the next secret of a feed.
import type { Device } from "../../../src/contract/answers.ts";
import { withHint } from "../../client/answer.ts";
import type { Api } from "../../client/api.ts";
import { CREDENTIAL_NOUN, deviceLabel } from "../../client/device.ts";
import { short } from "../../terminal/text.ts";
import { timeWithHint } from "../../terminal/time.ts";
import type { Session } from "../command/session.ts";
import { showSecret } from "./secret.ts";

interface NextSecret {
  /** When the present one ends at the latest, in milliseconds since 1970; `undefined`: only when the next one is seen. */
  retireBy: number | undefined;
  validSeconds: number | undefined;
  /** The hint for a device that has two already. */
  endOne: string;
}

/** Makes it and shows it. The present one ends when the next one is first seen, and at `retireBy` at the latest. */
export async function makeNextSecret(
  session: Session,
  api: Api,
  device: Device,
  { retireBy, validSeconds, endOne }: NextSecret,
): Promise<void> {
  const request = {
    validSeconds,
    retireBy: retireBy === undefined ? undefined : new Date(retireBy).toISOString(),
  };
  const made = await api.rotateDeviceToken(device, request).catch((error: unknown) => {
    throw withHint(error, "too-many-credentials", endOne);
  });
  const { credentials, kind } = made.device;
  const next = credentials.at(-1);
  const old = credentials.find(({ fingerprint }) => fingerprint === next?.replaces);
  const latest =
    old === undefined || old.retireBy === null
      ? ""
      : `, and at the latest ${timeWithHint(old.retireBy, session.now())}`;
  showSecret(session, {
    made,
    origin: api.origin,
    done: [
      `made the next ${CREDENTIAL_NOUN[kind]} of ${deviceLabel(made.device)}${next === undefined ? "" : `, ${short(next.fingerprint)}`}`,
      ...(old === undefined
        ? []
        : [`the old one, ${short(old.fingerprint)}, ends when the new one is first seen${latest}`]),
    ],
  });
}
