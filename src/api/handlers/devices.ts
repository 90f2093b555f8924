// Devices and their certificates: enrolled, unknown and blocked ones.
import type { IRequest } from "itty-router";
import type { BlockedList, Device, DeviceList, UnknownCertificateList } from "../../contract/answers.ts";
import { ApiError } from "../../contract/api-error.ts";
import { RETIREMENT_MAX_SECONDS } from "../../contract/limits.ts";
import { API_PATH } from "../../contract/paths.ts";
import {
  AddCertificateRequest,
  ApproveRequest,
  DevicesQuery,
  EditDeviceRequest,
  EnrolRequest,
  LostRequest,
  StatusActRequest,
} from "../../contract/requests.ts";
import { isDeviceName, type StatusAct } from "../../domain/device.ts";
import { type Fingerprint, parseFingerprint } from "../../domain/fingerprint.ts";
import { type CertificateDetails, type DeviceRecord, NO_DETAILS } from "../../domain/records.ts";
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
import { registryProblem } from "../problem.ts";
import { representDevice, representUnknownCertificate } from "../represent.ts";
import { readPem } from "../x509.ts";

export const listDevices: Handler = async (request, { registry, by, url }) => {
  const { limit, after = 0 } = readQuery(url, DevicesQuery);
  const { ask } = await registryOfUser(request, { registry });
  const { items, next } = await ask((user) => user.list(limit, after));
  return json<DeviceList>({ devices: items.map((device) => representDevice(device, by)), next });
};

export const enrolDevice: Handler = async (request, { registry, by }) => {
  const user = userParam(request);
  const { name, note, fingerprint, certificate } = await body(request, EnrolRequest);
  const enrolment = {
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
    retireBy: timeOf(retireBy ?? null, by.at),
  };
  return enrolled(must(await registry.addCertificate(by, user, id, next)), by);
};

export const retireCertificate: Handler = async (request, { registry, by }) => {
  const fingerprint = parseFingerprint(pathParam(request, "fingerprint"));
  if (fingerprint === undefined) throw registryProblem({ code: "unknown-certificate" });
  const { ask } = await registryOfUser(request, { registry });
  must(await ask((user) => user.retireCertificate(by, deviceParam(request), fingerprint)));
  return noContent();
};

export const listUnknownCertificates: Handler = async (_, { directory }) => {
  const unknown = await directory.ask((directory) => directory.unknownCertificates());
  return json<UnknownCertificateList>({ unknownCertificates: unknown.map(representUnknownCertificate) });
};

export const enrolUnknownCertificate: Handler = async (request, { registry, by }) => {
  const fingerprint = fingerprintParam(request);
  const { user, name, note } = await body(request, ApproveRequest);
  return enrolled(must(await registry.approve(by, fingerprint, user, { name, note: note ?? null })), by);
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
  { registry, by }: Context,
  act: StatusAct,
  reason: string | undefined,
): Promise<Response> {
  const { ask } = await registryOfUser(request, { registry });
  const device = must(await ask((user) => user.changeStatus({ ...by, reason }, deviceParam(request), act)));
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

/** The fingerprint only, or with the details of the certificate that it was computed from. */
function certificateOf(
  fingerprint: Fingerprint | undefined,
  pem: string | undefined,
  now: number,
): { fingerprint: Fingerprint; details: CertificateDetails } {
  if (fingerprint !== undefined) return { fingerprint, details: NO_DETAILS };
  const certificate = readPem(pem ?? "", now);
  if (certificate.ok) return certificate.value;
  throw new ApiError("invalid-certificate", certificate.error, {
    errors: [{ path: "certificate", message: certificate.error }],
  });
}

/** A time in the future, in milliseconds since the epoch. */
function timeOf(retireBy: string | number | null, now: number): number | null {
  if (retireBy === null) return null;
  if (typeof retireBy === "number") return now + retireBy * 1000;
  const time = Date.parse(retireBy);
  if (time > now && time <= now + RETIREMENT_MAX_SECONDS * 1000) return time;
  const message = "the time must be in the future and within ten years: to end a certificate now, retire it";
  throw new ApiError("invalid-fields", message, { errors: [{ path: "retireBy", message }] });
}
