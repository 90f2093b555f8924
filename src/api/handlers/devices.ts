import { ApiError } from "../../contract/api-error.ts";
import { API_PATH } from "../../contract/paths.ts";
import {
  ApproveRequest,
  type Device,
  type DeviceList,
  EditDeviceRequest,
  EnrolRequest,
  LostRequest,
  StatusActRequest,
  type UnknownCertificateList,
} from "../../contract/requests.ts";
import { isDeviceName, type StatusAct } from "../../domain/device.ts";
import type { Fingerprint } from "../../domain/fingerprint.ts";
import { type CertificateFacts, type DeviceRecord, NO_FACTS } from "../../domain/records.ts";
import {
  body,
  deviceParam,
  fingerprintParam,
  type Handler,
  json,
  must,
  noContent,
  userParam,
} from "../handler.ts";
import { DevicesQuery, readQuery } from "../input.ts";
import { representDevice, representUnknownCertificate } from "../represent.ts";
import { readPem } from "../x509.ts";

export const listDevices: Handler = async (request, { registry, by, url }) => {
  const { limit, after = 0 } = readQuery(url, DevicesQuery);
  const { items, next } = must(await registry.devices(userParam(request), limit, after));
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

export const showDevice: Handler = async (request, { registry, by }) => {
  const device = must(await registry.device(userParam(request), deviceParam(request)));
  return json<Device>(representDevice(device, by));
};

export const editDevice: Handler = async (request, { registry, by }) => {
  const { name, note } = await body(request, EditDeviceRequest);
  const device = must(await registry.edit(by, userParam(request), deviceParam(request), { name, note }));
  return json<Device>(representDevice(device, by));
};

export const forgetDevice: Handler = async (request, { registry, by }) => {
  must(await registry.forget(by, userParam(request), deviceParam(request)));
  return noContent();
};

export const changeStatus =
  (act: StatusAct): Handler =>
  async (request, { registry, by }) => {
    const { reason } = await body(request, StatusActRequest);
    const [user, id] = [userParam(request), deviceParam(request)];
    const device = must(await registry.changeStatus({ ...by, reason }, user, id, act));
    return json<Device>(representDevice(device, by));
  };

/** Makes Bitwarden's clients on the device delete their vault: only with the device's name repeated. */
export const reportLost: Handler = async (request, { registry, by }) => {
  const [user, id] = [userParam(request), deviceParam(request)];
  const { confirm, reason } = await body(request, LostRequest);
  const { name } = must(await registry.device(user, id));
  if (!isDeviceName(confirm, name)) {
    const message = `this is not the device's name, ${JSON.stringify(name)}`;
    throw new ApiError("invalid-fields", "repeat the device's name to confirm", {
      errors: [{ path: "confirm", message }],
    });
  }
  return json<Device>(
    representDevice(must(await registry.changeStatus({ ...by, reason }, user, id, "lost")), by),
  );
};

export const listUnknownCertificates: Handler = async (_, { registry }) => {
  return json<UnknownCertificateList>({
    unknownCertificates: (await registry.unknownCertificates()).map(representUnknownCertificate),
  });
};

export const enrolUnknownCertificate: Handler = async (request, { registry, by }) => {
  const fingerprint = fingerprintParam(request);
  const { user, name, note } = await body(request, ApproveRequest);
  return enrolled(must(await registry.approve(by, fingerprint, user, { name, note: note ?? null })), by);
};

export const dismissUnknownCertificate: Handler = async (request, { registry, by }) => {
  must(await registry.dismiss(by, fingerprintParam(request)));
  return noContent();
};

export function enrolled(
  { device, created }: { device: DeviceRecord; created: boolean },
  by: { at: number },
): Response {
  const representation = representDevice(device, by);
  if (!created) return json<Device>(representation);
  return json<Device>(representation, 201, {
    Location: `${API_PATH}/users/${device.user}/devices/${device.id}`,
  });
}

/** The fingerprint alone, or with the facts of the certificate that it was computed from. */
export function certificateOf(
  fingerprint: Fingerprint | undefined,
  pem: string | undefined,
  now: number,
): { fingerprint: Fingerprint; facts: CertificateFacts } {
  if (fingerprint !== undefined) return { fingerprint, facts: NO_FACTS };
  const certificate = readPem(pem ?? "", now);
  if (certificate.ok) return certificate.value;
  throw new ApiError("invalid-certificate", certificate.error, {
    errors: [{ path: "certificate", message: certificate.error }],
  });
}
