// Makes the secrets of devices that show a token in a header or a secret in a feed URL, for the API and the pages.
import type * as v from "valibot";
import { DEVICE_TOKEN_SECONDS } from "../contract/limits.ts";
import type { CreateDeviceTokenRequest, RotateDeviceTokenRequest } from "../contract/requests.ts";
import { type IssuedKind, isIssued } from "../domain/credential-key.ts";
import { type DeviceRecord, NO_DETAILS } from "../domain/records.ts";
import type { UserId } from "../domain/user.ts";
import { type Context, must } from "./handler.ts";
import { allLimits, futureTime, refuseVaults } from "./limits.ts";
import { registryProblem } from "./problem.ts";

/** A device and its new secret, which is shown only once. */
export interface MadeDeviceToken {
  device: DeviceRecord;
  token: string;
}

type Maker = Pick<Context, "registry" | "secrets" | "apps" | "by">;

/** Makes a user's new device. Throws `invalid-fields` for apps that the gate does not know, or that no feed may read. */
export async function makeDeviceToken(
  context: Maker,
  user: UserId,
  wanted: v.InferOutput<typeof CreateDeviceTokenRequest>,
): Promise<MadeDeviceToken> {
  const { registry, apps, by } = context;
  const { name, kind, note = null, paths = null, validSeconds, ...given } = wanted;
  const limits = { ...allLimits(given, apps, by.at), kind, paths };
  if (kind === "feed") refuseVaults(given.apps, apps);
  const { token, ...credential } = await newCredential(context, kind, validSeconds);
  const enrolment = { name, note, ...credential, limits, status: "active" as const };
  const { device } = must(await registry.enrol(by, user, enrolment));
  return { device, token };
}

/** Gives a device its next secret. Throws `wrong-kind` if it shows a certificate, or is a browser. */
export async function makeNextToken(
  context: Maker,
  { user, id, kind }: Pick<DeviceRecord, "user" | "id" | "kind">,
  { validSeconds, retireBy = null }: v.InferOutput<typeof RotateDeviceTokenRequest>,
): Promise<MadeDeviceToken> {
  const { registry, by } = context;
  if (!isIssued(kind)) throw registryProblem({ code: "wrong-kind", kind });
  const { token, ...credential } = await newCredential(context, kind, validSeconds);
  const next = { ...credential, retireBy: futureTime(retireBy, by.at, "retireBy") };
  const { device } = must(await registry.addCredential(by, user, id, next));
  return { device, token };
}

async function newCredential(
  { secrets, by }: Maker,
  kind: IssuedKind,
  validSeconds: number = DEVICE_TOKEN_SECONDS.default,
) {
  const { text, key } = await secrets.newDeviceSecret(kind);
  return {
    token: text,
    key,
    details: { ...NO_DETAILS, notBefore: by.at, notAfter: by.at + validSeconds * 1000 },
  };
}
