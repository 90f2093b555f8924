// Devices and their certificates: enrolled, unknown and blocked ones.
import type { IRequest } from "itty-router";
import type { BlockedList, Device, DeviceList, UnknownCertificateList } from "../../contract/answers.ts";
import { ApiError } from "../../contract/api-error.ts";
import { API_PATH } from "../../contract/paths.ts";
import {
  AddCertificateRequest,
  ApproveRequest,
  DevicesQuery,
  EditDeviceRequest,
  EnrolRequest,
  LimitDeviceRequest,
  LostRequest,
  StatusActRequest,
} from "../../contract/requests.ts";
import { isDeviceName, type StatusAct } from "../../domain/device.ts";
import { parseFingerprint } from "../../domain/fingerprint.ts";
import { NO_LIMITS } from "../../domain/limits.ts";
import type { DeviceRecord } from "../../domain/records.ts";
import {
  body,
  type Context,
  deviceOf,
  deviceParam,
  fingerprintParam,
  type Handler,
  json,
  must,
  noContent,
  pathParam,
  registryOfUser,
  userParam,
} from "../handler.ts";
import { readQuery } from "../input.ts";
import { changeLimits, futureTime, givenLimits } from "../limits.ts";
import { registryProblem } from "../problem.ts";
import { representDevice, representUnknownCertificate } from "../represent.ts";
import { certificateOf } from "../x509.ts";

export const listDevices: Handler = async (request, { registry, by, url }) => {
  const { limit, after = 0 } = readQuery(url, DevicesQuery);
  const { ask } = await registryOfUser(request, { registry });
  const { items, next } = await ask((user) => user.list(limit, after));
  return json<DeviceList>({ devices: items.map((device) => representDevice(device, by)), next });
};

export const enrolDevice: Handler = async (request, { registry, apps, by }) => {
  const user = userParam(request);
  const { name, note, fingerprint, certificate, ...given } = await body(request, EnrolRequest);
  const enrolment = {
    limits: { ...NO_LIMITS, ...givenLimits(given, apps, by.at) },
    ...certificateOf(fingerprint, certificate, by.at),
    name,
    note: note ?? null,
    status: "active" as const,
  };
  return enrolled(must(await registry.enrol(by, user, enrolment)), by);
};

export const showDevice: Handler = async (request, context) => {
  return json<Device>(representDevice(await deviceOf(request, context), context.by));
};

export const editDevice: Handler = async (request, { registry, by }) => {
  const { name, note } = await body(request, EditDeviceRequest);
  const { ask } = await registryOfUser(request, { registry });
  const device = must(await ask((user) => user.edit(by, deviceParam(request), { name, note })));
  return json<Device>(representDevice(device, by));
};

export const limitDevice: Handler = async (request, context) => {
  const wanted = await body(request, LimitDeviceRequest);
  const device = await changeLimits(context, await deviceOf(request, context), wanted);
  return json<Device>(representDevice(device, context.by));
};

export const forgetDevice: Handler = async (request, { registry, by }) => {
  must(await registry.forget(by, userParam(request), deviceParam(request)));
  return noContent();
};

export const approveDevice = statusAct("approve");
export const suspendDevice = statusAct("suspend");
export const reinstateDevice = statusAct("reinstate");
export const revokeDevice = statusAct("revoke");

/** Makes Bitwarden's clients on the device delete their vault: only with the device's name repeated. */
export const reportDeviceLost: Handler = async (request, context) => {
  const { confirm, reason } = await body(request, LostRequest);
  const { name } = await deviceOf(request, context);
  if (!isDeviceName(confirm, name)) {
    const message = `this is not the device's name, ${JSON.stringify(name)}`;
    throw new ApiError("invalid-fields", "repeat the device's name to confirm", {
      errors: [{ path: "confirm", message }],
    });
  }
  return changed(request, context, "lost", reason);
};

export const addCertificate: Handler = async (request, { registry, by }) => {
  const [user, id] = [userParam(request), deviceParam(request)];
  const { fingerprint, certificate, retireBy } = await body(request, AddCertificateRequest);
  const next = {
    ...certificateOf(fingerprint, certificate, by.at),
    retireBy: futureTime(retireBy ?? null, by.at, "retireBy"),
  };
  return enrolled(must(await registry.addCredential(by, user, id, next)), by);
};

export const retireCredential: Handler = async (request, { registry, by }) => {
  const fingerprint = parseFingerprint(pathParam(request, "fingerprint"));
  if (fingerprint === undefined) throw registryProblem({ code: "unknown-credential" });
  const { ask } = await registryOfUser(request, { registry });
  must(await ask((user) => user.retireCredential(by, deviceParam(request), fingerprint)));
  return noContent();
};

export const listUnknownCertificates: Handler = async (_, { directory }) => {
  const unknown = await directory.ask((directory) => directory.unknownCertificates());
  return json<UnknownCertificateList>({ unknownCertificates: unknown.map(representUnknownCertificate) });
};

export const enrolUnknownCertificate: Handler = async (request, { registry, apps, by }) => {
  const fingerprint = fingerprintParam(request);
  const { user, name, note = null, ...given } = await body(request, ApproveRequest);
  const limits = { ...NO_LIMITS, ...givenLimits(given, apps, by.at) };
  return enrolled(must(await registry.approve(by, fingerprint, user, { name, note, limits })), by);
};

export const dismissUnknownCertificate: Handler = async (request, { directory, by }) => {
  const fingerprint = fingerprintParam(request);
  must(await directory.askOnce((directory) => directory.dismiss(by, fingerprint)));
  return noContent();
};

/** Answered from the configuration only, since it is needed when the registry does not answer. */
export const listBlocked: Handler = async (_, { blocked }) => {
  return json<BlockedList>({ blocked: [...blocked].sort() });
};

function statusAct(act: StatusAct): Handler {
  return async (request, context) => {
    const { reason } = await body(request, StatusActRequest);
    return changed(request, context, act, reason);
  };
}

async function changed(
  request: IRequest,
  { registry, by, principal }: Context,
  act: StatusAct,
  reason: string | undefined,
): Promise<Response> {
  const [user, id] = [userParam(request), deviceParam(request)];
  const device = must(await registry.changeStatus({ ...by, reason }, user, id, act, principal.session));
  return json<Device>(representDevice(device, by));
}

function enrolled(
  { device, created }: { device: DeviceRecord; created: boolean },
  by: { at: number },
): Response {
  const representation = representDevice(device, by);
  if (!created) return json<Device>(representation);
  return json<Device>(representation, 201, {
    Location: `${API_PATH}/users/${device.user}/devices/${device.id}`,
  });
}
