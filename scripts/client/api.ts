import type * as v from "valibot";
import type {
  AuditEntry,
  AuditList,
  Device,
  Invitation,
  Me,
  NewInvitation,
  NewToken,
  Session,
  Token,
  UnknownCertificate,
  User,
} from "../../src/contract/answers.ts";
import type {
  BackupAnswer,
  RestoreAuditRequest,
  RestoreDirectoryRequest,
  RestoredAudit,
  RestoredDirectory,
  RestoredUser,
  RestoreUserRequest,
} from "../../src/contract/backup.ts";
import { PAGE_LIMIT_MAX } from "../../src/contract/limits.ts";
import { API_PATH } from "../../src/contract/paths.ts";
import type {
  AddCertificateRequest,
  ApproveRequest,
  CreateInvitationRequest,
  CreateTokenRequest,
  EditDeviceRequest,
  EnrolRequest,
} from "../../src/contract/requests.ts";
import type { StatusAct } from "../../src/domain/device.ts";
import { type Fingerprint, parseFingerprint } from "../../src/domain/fingerprint.ts";
import type { UserId } from "../../src/domain/user.ts";
import { Failure, failed } from "../terminal/failure.ts";
import { NoAnswer, ProblemFailure, readAnswer } from "./answer.ts";
import type { Connection } from "./connection.ts";
import { createTransport, type Method } from "./transport.ts";

/** What was asked for, and whether it is new (201) or was there before (200). */
export interface Made<T> {
  created: boolean;
  value: T;
}

/** The API, one method a route. Lists come whole: every page is asked for. */
export interface Api {
  readonly origin: string;
  me(): Promise<Me>;
  users(): Promise<User[]>;
  putUser(user: UserId, name: string | undefined): Promise<Made<User>>;
  deleteUser(user: UserId): Promise<void>;
  devices(user: UserId): Promise<Device[]>;
  device(user: UserId, device: string): Promise<Device>;
  enrol(user: UserId, request: v.InferInput<typeof EnrolRequest>): Promise<Made<Device>>;
  edit(device: Device, request: v.InferInput<typeof EditDeviceRequest>): Promise<Device>;
  /** The API asks for a lost device's name: by the time of this call, somebody has confirmed it. */
  act(device: Device, act: StatusAct, reason: string | undefined): Promise<Device>;
  forget(device: Device): Promise<void>;
  addCertificate(device: Device, request: v.InferInput<typeof AddCertificateRequest>): Promise<Made<Device>>;
  retireCertificate(device: Device, fingerprint: string): Promise<void>;
  /** The certificates that the Worker's secret `BLOCKED` names, as the gate reads it: no object is asked. */
  blocked(): Promise<Fingerprint[]>;
  unknownCertificates(): Promise<UnknownCertificate[]>;
  approve(fingerprint: Fingerprint, request: v.InferInput<typeof ApproveRequest>): Promise<Made<Device>>;
  dismiss(fingerprint: Fingerprint): Promise<void>;
  /**
   * Newest first: at most `limit` entries, of the directory's own log when no user is named; with `search`,
   * only those that hold this text.
   */
  audit(
    user: UserId | undefined,
    limit: number,
    before: string | undefined,
    search?: string,
  ): Promise<AuditList>;
  invitations(user: UserId): Promise<Invitation[]>;
  invite(user: UserId, request: v.InferInput<typeof CreateInvitationRequest>): Promise<NewInvitation>;
  withdraw(invitation: Invitation): Promise<void>;
  tokens(): Promise<Token[]>;
  createToken(request: v.InferInput<typeof CreateTokenRequest>): Promise<NewToken>;
  revokeToken(token: Token): Promise<void>;
  /** With a user's token, those of that user. */
  sessions(): Promise<Session[]>;
  /** What a backup needs besides the lists. */
  backup(): Promise<v.InferOutput<typeof BackupAnswer>>;
  restoreDirectory(
    request: v.InferInput<typeof RestoreDirectoryRequest>,
  ): Promise<v.InferOutput<typeof RestoredDirectory>>;
  restoreUser(
    user: UserId,
    request: v.InferInput<typeof RestoreUserRequest>,
  ): Promise<v.InferOutput<typeof RestoredUser>>;
  /** Of the directory's own log when no user is named. */
  restoreAudit(
    user: UserId | undefined,
    entries: v.InferInput<typeof RestoreAuditRequest>["entries"],
  ): Promise<v.InferOutput<typeof RestoredAudit>>;
  endSession(session: Session): Promise<void>;
  endSessions(): Promise<void>;
}

export function createApi(connection: Connection): Api {
  const { origin } = connection;
  const transport = createTransport(connection);

  async function ask(method: Method, path: string, body?: unknown) {
    try {
      const answer = await transport.send(method, `${API_PATH}${path}`, body);
      return { created: answer.status === 201, body: readAnswer(answer, origin) };
    } catch (error) {
      throw error instanceof Failure && !(error instanceof ProblemFailure) ? new NoAnswer(error) : error;
    }
  }

  function foreign(): never {
    throw new NoAnswer(
      failed(
        `${origin} answered JSON that is not the API's`,
        "update this clone or deploy the Worker: their versions do not match",
      ),
    );
  }

  function object<T>(body: unknown, keys: readonly (keyof T & string)[]): T {
    if (typeof body !== "object" || body === null) return foreign();
    return keys.every((key) => key in body) ? (body as T) : foreign();
  }

  function list<T>(body: unknown, key: string, keys: readonly (keyof T & string)[]): T[] {
    const values = object<Record<string, unknown>>(body, [key])[key];
    return Array.isArray(values) ? values.map((value) => object<T>(value, keys)) : foreign();
  }

  function nextOf(body: unknown): string | null {
    const { next = null } = object<{ next?: unknown }>(body, []);
    return next === null || typeof next === "string" ? next : foreign();
  }

  async function pages<T>(path: string, key: string, keys: readonly (keyof T & string)[]): Promise<T[]> {
    const found: T[] = [];
    const query = new URLSearchParams({ limit: String(PAGE_LIMIT_MAX) });
    for (;;) {
      const { body } = await ask("GET", `${path}?${query}`);
      found.push(...list<T>(body, key, keys));
      const next = nextOf(body);
      if (next === null) return found;
      if (next === query.get("after")) return foreign();
      query.set("after", next);
    }
  }

  const userPath = (user: string) => `/users/${encodeURIComponent(user)}`;
  const devicePath = (user: string, device: string) =>
    `${userPath(user)}/devices/${encodeURIComponent(device)}`;
  const toDevice = (body: unknown) => object<Device>(body, DEVICE_KEYS);

  return {
    origin,
    me: async () => object<Me>((await ask("GET", "/me")).body, ["actor", "scope", "user"]),
    users: () => pages<User>("/users", "users", ["id", "name"]),
    async putUser(user, name) {
      const { created, body } = await ask("PUT", userPath(user), name === undefined ? {} : { name });
      return { created, value: object<User>(body, ["id", "name"]) };
    },
    async deleteUser(user) {
      await ask("DELETE", userPath(user));
    },
    devices: (user) => pages<Device>(`${userPath(user)}/devices`, "devices", DEVICE_KEYS),
    device: async (user, device) => toDevice((await ask("GET", devicePath(user, device))).body),
    async enrol(user, request) {
      const { created, body } = await ask("POST", `${userPath(user)}/devices`, request);
      return { created, value: toDevice(body) };
    },
    edit: async (device, request) =>
      toDevice((await ask("PATCH", devicePath(device.user, device.id), request)).body),
    async act(device, act, reason) {
      const request = {
        ...(reason === undefined ? {} : { reason }),
        ...(act === "lost" ? { confirm: device.name } : {}),
      };
      return toDevice((await ask("POST", `${devicePath(device.user, device.id)}/${act}`, request)).body);
    },
    async forget(device) {
      await ask("DELETE", devicePath(device.user, device.id));
    },
    backup: async () =>
      object<v.InferOutput<typeof BackupAnswer>>((await ask("GET", "/backup")).body, [
        "tokens",
        "unknownCertificates",
      ]),
    restoreDirectory: async (request) =>
      object<v.InferOutput<typeof RestoredDirectory>>((await ask("POST", "/restore", request)).body, [
        ...(["added", "renamed", "tokens", "unknownCertificates"] as const),
      ]),
    restoreUser: async (user, request) =>
      object<v.InferOutput<typeof RestoredUser>>(
        (await ask("POST", `${userPath(user)}/restore`, request)).body,
        ["devices", "left"],
      ),
    restoreAudit: async (user, entries) =>
      object<v.InferOutput<typeof RestoredAudit>>(
        (await ask("POST", `${user === undefined ? "" : userPath(user)}/restore/audit`, { entries })).body,
        ["lines", "isClosed"],
      ),
    async addCertificate(device, request) {
      const path = `${devicePath(device.user, device.id)}/certificates`;
      const { created, body } = await ask("POST", path, request);
      return { created, value: toDevice(body) };
    },
    async retireCertificate(device, fingerprint) {
      await ask("DELETE", `${devicePath(device.user, device.id)}/certificates/${fingerprint}`);
    },
    async blocked() {
      const { blocked } = object<{ blocked: unknown }>((await ask("GET", "/blocked")).body, ["blocked"]);
      if (!Array.isArray(blocked)) return foreign();
      return blocked.map((each) => parseFingerprint(each) ?? foreign());
    },
    unknownCertificates: async () =>
      list<UnknownCertificate>((await ask("GET", "/unknown-certificates")).body, "unknownCertificates", [
        "fingerprint",
        "lastSeen",
      ]),
    async approve(fingerprint, request) {
      const { created, body } = await ask("POST", `/unknown-certificates/${fingerprint}/enrol`, request);
      return { created, value: toDevice(body) };
    },
    async dismiss(fingerprint) {
      await ask("DELETE", `/unknown-certificates/${fingerprint}`);
    },
    async audit(user, limit, before, search) {
      const entries: AuditEntry[] = [];
      let next = before ?? null;
      do {
        const query = new URLSearchParams({
          limit: String(Math.min(limit - entries.length, PAGE_LIMIT_MAX)),
        });
        if (next !== null) query.set("before", next);
        if (search !== undefined) query.set("search", search);
        const { body } = await ask("GET", `${user === undefined ? "" : userPath(user)}/audit?${query}`);
        const page = list<AuditEntry>(body, "entries", ["id", "at", "actor", "act", "outcome"]);
        const following = nextOf(body);
        // A search looks at so many lines, and goes on where it found nothing.
        const isStuck = following === next || (page.length === 0 && search === undefined);
        if (following !== null && isStuck) return foreign();
        entries.push(...page);
        next = following;
      } while (next !== null && entries.length < limit);
      return { entries, next };
    },
    invitations: async (user) =>
      list<Invitation>(
        (await ask("GET", `${userPath(user)}/invitations`)).body,
        "invitations",
        INVITATION_KEYS,
      ),
    invite: async (user, request) =>
      object<NewInvitation>((await ask("POST", `${userPath(user)}/invitations`, request)).body, [
        ...INVITATION_KEYS,
        "link",
      ]),
    async withdraw({ user, id }) {
      await ask("DELETE", `${userPath(user)}/invitations/${encodeURIComponent(id)}`);
    },
    tokens: async () => list<Token>((await ask("GET", "/tokens")).body, "tokens", TOKEN_KEYS),
    createToken: async (request) =>
      object<NewToken>((await ask("POST", "/tokens", request)).body, [...TOKEN_KEYS, "token"]),
    async revokeToken({ id }) {
      await ask("DELETE", `/tokens/${encodeURIComponent(id)}`);
    },
    sessions: async () => list<Session>((await ask("GET", "/sessions")).body, "sessions", SESSION_KEYS),
    async endSession({ id }) {
      await ask("DELETE", `/sessions/${encodeURIComponent(id)}`);
    },
    async endSessions() {
      await ask("DELETE", "/sessions");
    },
  };
}

const DEVICE_KEYS = [
  "id",
  "user",
  "name",
  "status",
  "statusSince",
  "note",
  "certificates",
  "lastSeen",
  "wipe",
  "comparisonCode",
] as const;
const INVITATION_KEYS = [
  "id",
  "user",
  "app",
  "approval",
  "createdAt",
  "expiresAt",
  "status",
  "usedAt",
] as const;
const TOKEN_KEYS = ["id", "user", "name", "scope", "createdAt", "expiresAt", "lastUsedAt"] as const;
const SESSION_KEYS = ["id", "token", "createdAt", "expiresAt", "ip", "country", "client"] as const;
