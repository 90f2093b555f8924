import type { IRequest } from "itty-router";
import type { GenericSchema } from "valibot";
import type { KeyedSecrets } from "../auth/keyed-secrets.ts";
import { ApiError } from "../contract/api-error.ts";
import type { Subject } from "../contract/permissions.ts";
import { VERSION, VERSION_HEADER } from "../contract/version.ts";
import type { Principal } from "../domain/credential.ts";
import { type Fingerprint, parseFingerprint } from "../domain/fingerprint.ts";
import { err, ok, type Result } from "../domain/general/result.ts";
import type { DeviceRecord, RegistryError } from "../domain/records.ts";
import { parseUserId, USER_ID_HINT, type UserId } from "../domain/user.ts";
import type { Backups } from "../registry/client/backups.ts";
import type { Invitations } from "../registry/client/invitations.ts";
import type { DirectoryCaller, UserRegistryCaller } from "../registry/client/objects.ts";
import type { People } from "../registry/client/people.ts";
import type { RegistryClient } from "../registry/client/registry-client.ts";
import type { Actor } from "../registry/storage/audit-log.ts";
import { readBody } from "./input.ts";
import { registryProblem } from "./problem.ts";

/** The hosts behind the gate, as much as the control paths need to know. */
export interface Apps {
  /** Those that the configuration names. */
  hosts: readonly string[];
  /** Every entry of `APPS`, `*` among them, with its profile. */
  profiles: readonly { host: string; profile: string; app?: string; basic?: boolean }[];
  isApp(hostname: string): boolean;
  /** `undefined`: not an app. */
  profileOf(hostname: string): string | undefined;
  /** Whether people may sign in there with the identity provider: only on hosts that the configuration names. */
  signsIn(hostname: string): boolean;
  /** Whether this user may. */
  maySignIn(user: UserId, hostname: string): boolean;
}

/** What every handler gets besides the request. */
export interface Context {
  registry: RegistryClient;
  directory: DirectoryCaller;
  secrets: KeyedSecrets;
  invitations: Invitations;
  backups: Backups;
  people: People;
  apps: Apps;
  /** The host of the pages; `null`: there are none. */
  adminHost: string | null;
  /** The certificates that the configuration blocks. */
  blocked: ReadonlySet<Fingerprint>;
  principal: Principal;
  by: Actor;
  url: URL;
}

export type Handler = (request: IRequest, context: Context) => Promise<Response>;

/** A request whose path was matched: parts of it, still percent-encoded. */
interface Matched {
  params: Record<string, string>;
}

export function must<T>(result: Result<T, RegistryError>): T {
  if (result.ok) return result.value;
  throw registryProblem(result.error);
}

export function body<Schema extends GenericSchema>(request: IRequest, schema: Schema, maxBytes?: number) {
  // The router passes the Request itself, with `params` added.
  return readBody(request as unknown as Request, schema, maxBytes);
}

/** The user's id in the path; an impossible one is unknown, or invalid where the user would be created. */
export function userParam(
  request: Matched,
  code: "unknown-user" | "invalid-fields" = "unknown-user",
): UserId {
  const user = parseUserId(pathParam(request, "user"));
  if (user !== undefined) return user;
  if (code === "unknown-user") throw registryProblem({ code });
  throw new ApiError(code, USER_ID_HINT, { errors: [{ path: "user", message: USER_ID_HINT }] });
}

/** Whose things this request for a row of `OPERATIONS` or `PAGES` is about. */
export function subjectOf(of: "user" | "everybody" | "own", request: Matched): Subject {
  return of === "user" ? { user: parseUserId(pathParam(request, "user")) ?? null } : of;
}

/** The registry of the user in the path. Throws `unknown-user`. */
export async function registryOfUser(
  request: Matched,
  { registry }: Pick<Context, "registry">,
): Promise<UserRegistryCaller> {
  return must(await registry.ofUser(userParam(request)));
}

/** The device in the path. Throws `unknown-user` or `unknown-device`. */
export async function deviceOf(request: Matched, context: Pick<Context, "registry">): Promise<DeviceRecord> {
  const { ask } = await registryOfUser(request, context);
  const device = await ask((user) => user.get(deviceParam(request)));
  return must(device === null ? err({ code: "unknown-device" }) : ok(device));
}

export function deviceParam(request: Matched): string {
  return pathParam(request, "device") ?? "";
}

export function fingerprintParam(request: Matched): Fingerprint {
  const fingerprint = parseFingerprint(pathParam(request, "fingerprint"));
  if (fingerprint === undefined) throw registryProblem({ code: "certificate-not-listed" });
  return fingerprint;
}

/** The router leaves parameters percent-encoded; `undefined` when they do not decode. */
export function pathParam(request: Matched, name: string): string | undefined {
  try {
    return decodeURIComponent(request.params[name] ?? "");
  } catch {
    return undefined;
  }
}

const ANSWER_HEADERS = { "Cache-Control": "no-store", [VERSION_HEADER]: VERSION };

export function json<T>(value: T, status = 200, headers: Record<string, string> = {}): Response {
  return Response.json(value, { status, headers: { ...ANSWER_HEADERS, ...headers } });
}

export function noContent(): Response {
  return new Response(null, { status: 204, headers: ANSWER_HEADERS });
}
