// The command line's client, derived from the contract: every call is typed by its operation, and every answer is
// parsed with the operation's schema. Fields that the schema does not know are ignored, so a newer Worker may answer.
import * as v from "valibot";
import type {
  AuditEntry,
  AuditList,
  Device,
  Invitation,
  Me,
  NewDeviceToken,
  NewInvitation,
  NewToken,
  Session,
  Token,
  UnknownCertificate,
  User,
} from "../../src/contract/answers.ts";
import { PAGE_LIMIT_MAX } from "../../src/contract/limits.ts";
import {
  type AnswerOf,
  OPERATIONS,
  type Operation,
  type OperationId,
  type ParamsOf,
  type SentOf,
  STATUS_OPERATIONS,
} from "../../src/contract/operations.ts";
import { API_PATH } from "../../src/contract/paths.ts";
import type { StatusAct } from "../../src/domain/device.ts";
import type { Fingerprint } from "../../src/domain/fingerprint.ts";
import type { UserId } from "../../src/domain/user.ts";
import { Failure, failed } from "../terminal/failure.ts";
import { printable } from "../terminal/text.ts";
import { MISMATCH, NoAnswer, ProblemFailure, readAnswer } from "./answer.ts";
import type { Connection } from "./connection.ts";
import { createTransport } from "./transport.ts";

/** The body or the query of an operation. */
type Sent<Id extends OperationId> = SentOf<Id>[0];

/** What was asked for, and whether it is new (201) or was there before (200). */
export interface Made<T> {
  created: boolean;
  value: T;
}

/** The API, one method per operation. Lists are complete: every page is asked for. */
export interface Api {
  readonly origin: string;
  me(): Promise<Me>;
  users(): Promise<User[]>;
  putUser(user: UserId, name: string | undefined): Promise<Made<User>>;
  deleteUser(user: UserId): Promise<void>;
  devices(user: UserId): Promise<Device[]>;
  device(user: UserId, device: string): Promise<Device>;
  enrol(user: UserId, request: Sent<"enrolDevice">): Promise<Made<Device>>;
  edit(device: Device, request: Sent<"editDevice">): Promise<Device>;
  /** The API asks for a lost device's name: by the time of this call, somebody has confirmed it. */
  act(device: Device, act: StatusAct, reason: string | undefined): Promise<Device>;
  forget(device: Device): Promise<void>;
  limit(device: Device, request: Sent<"limitDevice">): Promise<Device>;
  createDeviceToken(user: UserId, request: Sent<"createDeviceToken">): Promise<NewDeviceToken>;
  rotateDeviceToken(device: Device, request: Sent<"rotateDeviceToken">): Promise<NewDeviceToken>;
  addCertificate(device: Device, request: Sent<"addCertificate">): Promise<Made<Device>>;
  retireCredential(device: Device, fingerprint: string): Promise<void>;
  /** The certificates that the Worker's secret `BLOCKED` names: answered without the registry. */
  blocked(): Promise<Fingerprint[]>;
  unknownCertificates(): Promise<UnknownCertificate[]>;
  approve(fingerprint: Fingerprint, request: Sent<"enrolUnknownCertificate">): Promise<Made<Device>>;
  dismiss(fingerprint: Fingerprint): Promise<void>;
  /** Newest first, at most `limit`: of the directory's own log if no user is named; `search`: only those with this text. */
  audit(
    user: UserId | undefined,
    limit: number,
    before: string | undefined,
    search?: string,
  ): Promise<AuditList>;
  invitations(user: UserId): Promise<Invitation[]>;
  invite(user: UserId, request: Sent<"createInvitation">): Promise<NewInvitation>;
  withdraw(invitation: Pick<Invitation, "user" | "id">): Promise<void>;
  tokens(): Promise<Token[]>;
  createToken(request: Sent<"createToken">): Promise<NewToken>;
  revokeToken(token: Token): Promise<void>;
  /** With a user's token, those of that user. */
  sessions(): Promise<Session[]>;
  /** What a backup needs besides the lists. */
  backup(): Promise<AnswerOf<"showBackup">>;
  restoreDirectory(request: Sent<"restoreDirectory">): Promise<AnswerOf<"restoreDirectory">>;
  restoreUser(user: UserId, request: Sent<"restoreUser">): Promise<AnswerOf<"restoreUser">>;
  /** Of the directory's own log when no user is named. */
  restoreAudit(
    user: UserId | undefined,
    entries: Sent<"restoreAudit">["entries"],
  ): Promise<AnswerOf<"restoreAudit">>;
  endSession(session: Session): Promise<void>;
  endSessions(): Promise<void>;
}

type Page<T> = { items: T[]; next: string | null };

export function createApi(connection: Connection): Api {
  const { origin } = connection;
  const transport = createTransport(connection);

  /** Calls an operation; the answer of another form than the contract's is a failure. */
  async function made<Id extends OperationId>(
    id: Id,
    params: ParamsOf<Id>,
    ...[sent]: SentOf<Id>
  ): Promise<Made<AnswerOf<Id>>> {
    const { method, path, answers }: Operation = OPERATIONS[id];
    const given: Record<string, string> = params;
    const filled = path.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(given[name] ?? ""));
    const isRead = method === "GET";
    const query =
      isRead && sent !== undefined ? `?${new URLSearchParams(sent as Record<string, string>)}` : "";
    try {
      const answer = await transport.send(method, `${API_PATH}${filled}${query}`, isRead ? undefined : sent);
      const schema = answers[answer.status] ?? v.undefined();
      const parsed = v.safeParse(schema, readAnswer(answer, origin));
      if (!parsed.success) throw unexpected(`${method} ${filled}`, v.getDotPath(parsed.issues[0]));
      return { created: answer.status === 201, value: parsed.output as AnswerOf<Id> };
    } catch (error) {
      throw error instanceof Failure && !(error instanceof ProblemFailure) ? new NoAnswer(error) : error;
    }
  }

  async function call<Id extends OperationId>(id: Id, params: ParamsOf<Id>, ...sent: SentOf<Id>) {
    return (await made(id, params, ...sent)).value;
  }

  function unexpected(what: string, field: string | null): Failure {
    return failed(
      `${origin} answered ${what} with JSON that is not the API's${field === null ? "" : `: see ${printable(field)}`}`,
      MISMATCH,
    );
  }

  async function everyPage<T>(
    what: string,
    ask: (query: { limit: string; after?: string }) => Promise<Page<T>>,
  ): Promise<T[]> {
    const limit = String(PAGE_LIMIT_MAX);
    const found: T[] = [];
    for (let after: string | undefined; ; ) {
      const { items, next } = await ask(after === undefined ? { limit } : { limit, after });
      found.push(...items);
      if (next === null) return found;
      if (next === after) throw new NoAnswer(unexpected(what, "next"));
      after = next;
    }
  }

  const of = ({ user, id }: Device) => ({ user, device: id });

  return {
    origin,
    me: () => call("showMe", {}),
    users: () =>
      everyPage("GET /users", async (query) => {
        const { users, next } = await call("listUsers", {}, query);
        return { items: users, next };
      }),
    putUser: (user, name) => made("putUser", { user }, name === undefined ? {} : { name }),
    async deleteUser(user) {
      await call("deleteUser", { user });
    },
    devices: (user) =>
      everyPage(`GET /users/${user}/devices`, async (query) => {
        const { devices, next } = await call("listDevices", { user }, query);
        return { items: devices, next };
      }),
    device: (user, device) => call("showDevice", { user, device }),
    enrol: (user, request) => made("enrolDevice", { user }, request),
    edit: (device, request) => call("editDevice", of(device), request),
    act(device, act, reason) {
      const request = reason === undefined ? {} : { reason };
      return act === "lost"
        ? call("reportDeviceLost", of(device), { ...request, confirm: device.name })
        : call(STATUS_OPERATIONS[act], of(device), request);
    },
    limit: (device, request) => call("limitDevice", of(device), request),
    createDeviceToken: (user, request) => call("createDeviceToken", { user }, request),
    rotateDeviceToken: (device, request) => call("rotateDeviceToken", of(device), request),
    async forget(device) {
      await call("forgetDevice", of(device));
    },
    addCertificate: (device, request) => made("addCertificate", of(device), request),
    async retireCredential(device, fingerprint) {
      await call("retireCredential", { ...of(device), fingerprint });
    },
    blocked: async () => (await call("listBlocked", {})).blocked,
    unknownCertificates: async () => (await call("listUnknownCertificates", {})).unknownCertificates,
    approve: (fingerprint, request) => made("enrolUnknownCertificate", { fingerprint }, request),
    async dismiss(fingerprint) {
      await call("dismissUnknownCertificate", { fingerprint });
    },
    async audit(user, limit, before, search) {
      const entries: AuditEntry[] = [];
      let next = before ?? null;
      do {
        const query = {
          limit: String(Math.min(limit - entries.length, PAGE_LIMIT_MAX)),
          ...(next === null ? {} : { before: next }),
          ...(search === undefined ? {} : { search }),
        };
        const page = await (user === undefined
          ? call("readAudit", {}, query)
          : call("readUserAudit", { user }, query));
        // A search looks at a limited number of lines, and continues even where it found nothing.
        const isStuck = page.next === next || (page.entries.length === 0 && search === undefined);
        if (page.next !== null && isStuck) throw new NoAnswer(unexpected("GET /audit", "next"));
        entries.push(...page.entries);
        next = page.next;
      } while (next !== null && entries.length < limit);
      return { entries, next };
    },
    invitations: async (user) => (await call("listInvitations", { user })).invitations,
    invite: (user, request) => call("createInvitation", { user }, request),
    async withdraw({ user, id }) {
      await call("withdrawInvitation", { user, invitation: id });
    },
    tokens: async () => (await call("listTokens", {})).tokens,
    createToken: (request) => call("createToken", {}, request),
    async revokeToken({ id }) {
      await call("revokeToken", { token: id });
    },
    sessions: async () => (await call("listSessions", {})).sessions,
    backup: () => call("showBackup", {}),
    restoreDirectory: (request) => call("restoreDirectory", {}, request),
    restoreUser: (user, request) => call("restoreUser", { user }, request),
    restoreAudit: (user, entries) =>
      user === undefined
        ? call("restoreAudit", {}, { entries })
        : call("restoreUserAudit", { user }, { entries }),
    async endSession({ id }) {
      await call("endSession", { session: id });
    },
    async endSessions() {
      await call("endAllSessions", {});
    },
  };
}
