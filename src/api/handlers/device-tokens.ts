// Devices that show a token in a header, or the secret in a feed's URL: made here, and told once.
import type { NewDeviceToken } from "../../contract/answers.ts";
import { DEVICE_TOKEN_SECONDS } from "../../contract/limits.ts";
import { API_PATH } from "../../contract/paths.ts";
import { CreateDeviceTokenRequest, RotateDeviceTokenRequest } from "../../contract/requests.ts";
import type { SecretKind } from "../../domain/credential-key.ts";
import { NO_DETAILS } from "../../domain/records.ts";
import {
  body,
  type Context,
  deviceOf,
  deviceParam,
  type Handler,
  json,
  must,
  userParam,
} from "../handler.ts";
import { allLimits, checkFeedApps, futureTime } from "../limits.ts";
import { registryProblem } from "../problem.ts";
import { representDevice } from "../represent.ts";

export const createDeviceToken: Handler = async (request, context) => {
  const { registry, apps, by } = context;
  const user = userParam(request);
  const {
    name,
    kind,
    note = null,
    paths = null,
    validSeconds,
    ...given
  } = await body(request, CreateDeviceTokenRequest);
  const limits = { ...allLimits(given, apps, by.at), kind, paths };
  if (kind === "feed") checkFeedApps(given.apps, apps);
  const { token, ...credential } = await newCredential(context, kind, validSeconds);
  const enrolment = { name, note, ...credential, limits, status: "active" as const };
  const { device } = must(await registry.enrol(by, user, enrolment));
  return json<NewDeviceToken>({ device: representDevice(device, by), token }, 201, {
    Location: `${API_PATH}/users/${user}/devices/${device.id}`,
  });
};

export const rotateDeviceToken: Handler = async (request, context) => {
  const { registry, by } = context;
  const [user, id] = [userParam(request), deviceParam(request)];
  const { validSeconds, retireBy = null } = await body(request, RotateDeviceTokenRequest);
  const { kind } = await deviceOf(request, context);
  if (kind === "certificate") throw registryProblem({ code: "wrong-kind", kind });
  const { token, ...credential } = await newCredential(context, kind, validSeconds);
  const next = { ...credential, retireBy: futureTime(retireBy, by.at, "retireBy") };
  const { device } = must(await registry.addCredential(by, user, id, next));
  return json<NewDeviceToken>({ device: representDevice(device, by), token }, 201);
};

async function newCredential(
  { secrets, by }: Context,
  kind: SecretKind,
  validSeconds: number = DEVICE_TOKEN_SECONDS.default,
) {
  const { text, key } = await secrets.newDeviceSecret(kind);
  return {
    token: text,
    key,
    details: { ...NO_DETAILS, notBefore: by.at, notAfter: by.at + validSeconds * 1000 },
  };
}
