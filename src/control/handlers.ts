import type { IRequest } from "itty-router";
import type { GenericSchema } from "valibot";
import type { Actor } from "../registry/audit-log.ts";
import { deviceNameKey, type StatusAct } from "../registry/device.ts";
import { type Fingerprint, parseFingerprint } from "../registry/fingerprint.ts";
import { type CertificateFacts, NO_FACTS, type RegistryError } from "../registry/records.ts";
import type { Registry } from "../registry/registry.ts";
import { parseUserId, USER_ID_HINT, type UserId } from "../registry/user.ts";
import type { Result } from "../result.ts";
import {
  API_PATH,
  ApproveRequest,
  type AuditList,
  type Device,
  type DeviceList,
  EditDeviceRequest,
  EnrolRequest,
  LostRequest,
  type PendingList,
  PutUserRequest,
  StatusActRequest,
  type User,
  type UserList,
} from "./contract.ts";
import { NumberCursor, readBody, readPage, UserCursor } from "./input.ts";
import { ApiError, registryProblem } from "./problem.ts";
import { representAudit, representDevice, representPending, representUser } from "./represent.ts";
import { readPem } from "./x509.ts";

/** What every handler is given besides the request. */
export interface Context {
  registry: Registry;
  by: Actor;
  url: URL;
}

type Handler = (request: IRequest, context: Context) => Promise<Response>;

export const listUsers: Handler = async (_, { registry, url }) => {
  const { limit, cursor } = readPage(url, "after", UserCursor);
  const { items, next } = await registry.users(limit, cursor ?? "");
  return json<UserList>({ users: items.map(representUser), next });
};

export const putUser: Handler = async (request, { registry, by }) => {
  const id = userParam(request, "invalid-fields");
  const { name } = await body(request, PutUserRequest);
  const { user, created } = await registry.putUser(by, id, name);
  return created
    ? json<User>(representUser(user), 201, { Location: `${API_PATH}/users/${id}` })
    : json<User>(representUser(user));
};

export const deleteUser: Handler = async (request, { registry, by }) => {
  must(await registry.deleteUser(by, userParam(request)));
  return noContent();
};

export const listDevices: Handler = async (request, { registry, url }) => {
  const { limit, cursor } = readPage(url, "after", NumberCursor);
  const { items, next } = must(await registry.devices(userParam(request), limit, cursor ?? 0));
  return json<DeviceList>({ devices: items.map(representDevice), next });
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
  return enrolled(must(await registry.enrol(by, user, enrolment)));
};

export const showDevice: Handler = async (request, { registry }) => {
  return json<Device>(representDevice(must(await registry.device(userParam(request), deviceParam(request)))));
};

export const editDevice: Handler = async (request, { registry, by }) => {
  const { name, note } = await body(request, EditDeviceRequest);
  const device = must(await registry.edit(by, userParam(request), deviceParam(request), { name, note }));
  return json<Device>(representDevice(device));
};

export const forgetDevice: Handler = async (request, { registry, by }) => {
  must(await registry.forget(by, userParam(request), deviceParam(request)));
  return noContent();
};

export const changeStatus =
  (act: StatusAct): Handler =>
  async (request, { registry, by }) => {
    const { note } = await body(request, StatusActRequest);
    const device = must(await registry.changeStatus(by, userParam(request), deviceParam(request), act, note));
    return json<Device>(representDevice(device));
  };

/** Makes Bitwarden's clients on the device delete their vault: only with the device's name repeated. */
export const reportLost: Handler = async (request, { registry, by }) => {
  const [user, id] = [userParam(request), deviceParam(request)];
  const { confirm, note } = await body(request, LostRequest);
  const { name } = must(await registry.device(user, id));
  if (deviceNameKey(confirm) !== deviceNameKey(name)) {
    const message = `this is not the device's name, ${JSON.stringify(name)}`;
    throw new ApiError("invalid-fields", "repeat the device's name to confirm", {
      errors: [{ path: "confirm", message }],
    });
  }
  return json<Device>(representDevice(must(await registry.changeStatus(by, user, id, "lost", note))));
};

export const userAudit: Handler = async (request, { registry, url }) => {
  const { limit, cursor } = readPage(url, "before", NumberCursor);
  const { items, next } = must(await registry.userAudit(userParam(request), limit, cursor ?? null));
  return json<AuditList>({ entries: items.map(representAudit), next });
};

export const directoryAudit: Handler = async (_, { registry, url }) => {
  const { limit, cursor } = readPage(url, "before", NumberCursor);
  const { items, next } = await registry.directoryAudit(limit, cursor ?? null);
  return json<AuditList>({ entries: items.map(representAudit), next });
};

export const listPending: Handler = async (_, { registry }) => {
  return json<PendingList>({ pending: (await registry.pending()).map(representPending) });
};

export const approvePending: Handler = async (request, { registry, by }) => {
  const fingerprint = fingerprintParam(request);
  const { user, name, note } = await body(request, ApproveRequest);
  return enrolled(must(await registry.approve(by, fingerprint, user, { name, note: note ?? null })));
};

export const dismissPending: Handler = async (request, { registry, by }) => {
  must(await registry.dismiss(by, fingerprintParam(request)));
  return noContent();
};

function enrolled({ device, created }: { device: Parameters<typeof representDevice>[0]; created: boolean }) {
  const representation = representDevice(device);
  if (!created) return json<Device>(representation);
  return json<Device>(representation, 201, {
    Location: `${API_PATH}/users/${device.user}/devices/${device.id}`,
  });
}

/** The fingerprint alone, or with the facts of the certificate that it was computed from. */
function certificateOf(
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

function must<T>(result: Result<T, RegistryError>): T {
  if (result.ok) return result.value;
  throw registryProblem(result.error);
}

function body<Schema extends GenericSchema>(request: IRequest, schema: Schema) {
  // The router hands on the Request itself, to which it has added `params`.
  return readBody(request as unknown as Request, schema);
}

/** A user's id out of the path; one that cannot exist is unknown, or invalid where it is to be made. */
function userParam(request: IRequest, code: "unknown-user" | "invalid-fields" = "unknown-user"): UserId {
  const user = parseUserId(pathParam(request, "user"));
  if (user !== undefined) return user;
  if (code === "unknown-user") throw registryProblem({ code });
  throw new ApiError(code, USER_ID_HINT, { errors: [{ path: "user", message: USER_ID_HINT }] });
}

function deviceParam(request: IRequest): string {
  return pathParam(request, "device") ?? "";
}

function fingerprintParam(request: IRequest): Fingerprint {
  const fingerprint = parseFingerprint(pathParam(request, "fingerprint"));
  if (fingerprint === undefined) throw registryProblem({ code: "unknown-pending" });
  return fingerprint;
}

/** The router leaves parameters percent-encoded; `undefined` when they do not decode. */
function pathParam(request: IRequest, name: string): string | undefined {
  try {
    return decodeURIComponent(request.params[name] ?? "");
  } catch {
    return undefined;
  }
}

function json<T>(value: T, status = 200, headers: Record<string, string> = {}): Response {
  return Response.json(value, { status, headers: { "Cache-Control": "no-store", ...headers } });
}

function noContent(): Response {
  return new Response(null, { status: 204, headers: { "Cache-Control": "no-store" } });
}
