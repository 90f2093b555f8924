// The command line's client, derived from the contract: every call is typed by its operation, and every answer is
// parsed with the operation's schema. Fields that the schema does not know are ignored, so a newer Worker may answer.
import * as v from "valibot";
import type { AuditEntry, Device, Invitation, Session, Token } from "../../src/contract/answers.ts";
import { PAGE_LIMIT_MAX } from "../../src/contract/limits.ts";
import type { Operation } from "../../src/contract/operation.ts";
import {
  type AnswerOf,
  OPERATIONS,
  type OperationId,
  type ParamsOf,
  type SentOf,
  STATUS_OPERATIONS,
} from "../../src/contract/operations.ts";
import { API_PATH } from "../../src/contract/paths.ts";
import type { Identity, WaitingPerson } from "../../src/contract/people.ts";
import { VERSION_HEADER } from "../../src/contract/version.ts";
import type { StatusAct } from "../../src/domain/device.ts";
import type { Fingerprint } from "../../src/domain/fingerprint.ts";
import type { UserId } from "../../src/domain/user.ts";
import { Failure, failed } from "../terminal/failure.ts";
import { printable } from "../terminal/text.ts";
import { hintForMissingUser, MISMATCH, NoAnswer, ProblemFailure, readAnswer } from "./answer.ts";
import type { Connection } from "./connection.ts";
import { createTransport } from "./transport.ts";

/** The body or the query of an operation. */
type Sent<Id extends OperationId> = SentOf<Id>[0];

/** What was asked for, and whether it is new (201) or was there before (200). */
export interface Made<T> {
  created: boolean;
  value: T;
}

type Page<T> = { items: T[]; next: string | null };

export type Api = ReturnType<typeof createApi>;

/**
 * The API, one method per operation. Lists are complete: every page is asked for. `onVersion` gets the version that the
 * gate says it is, with each good answer.
 */
export function createApi(connection: Connection, onVersion: (version: string) => void = () => undefined) {
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
      onVersion(answer.header(VERSION_HEADER.toLowerCase()));
      if (!parsed.success) throw unexpected(`${method} ${filled}`, v.getDotPath(parsed.issues[0]));
      return { created: answer.status === 201, value: parsed.output as AnswerOf<Id> };
    } catch (error) {
      if (error instanceof ProblemFailure)
        throw await withUser(error, { ...(sent as object), ...given }.user, 201 in answers);
      throw error instanceof Failure ? new NoAnswer(error) : error;
    }
  }

  /** Names the user who does not exist, if that is the problem. `making`: something for this user. */
  async function withUser(error: ProblemFailure, user: unknown, making: boolean): Promise<ProblemFailure> {
    if (error.code !== "unknown-user" || typeof user !== "string") return error;
    const detail = `there is no user ${user}`;
    return error.with(making ? { detail, hint: await hintForMissing(user) } : { detail });
  }

  /** For something that is made for a user who does not exist. */
  async function hintForMissing(user: string): Promise<string> {
    const known = await users().catch(() => []);
    return hintForMissingUser(
      user,
      known.map(({ id }) => id),
    );
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

  const users = () =>
    everyPage("GET /users", async (query) => {
      const { users: items, next } = await call("listUsers", {}, query);
      return { items, next };
    });

  const of = ({ user, id }: Device) => ({ user, device: id });

  return {
    origin,
    me: () => call("showMe", {}),
    users,
    hintForMissing,
    putUser: (user: UserId, name?: string) => made("putUser", { user }, { name }),
    editUser: (user: UserId, request: Sent<"editUser">) => call("editUser", { user }, request),
    identities: async (user: UserId) => (await call("listIdentities", { user })).identities,
    unbindIdentity: ({ user, id }: Identity) => call("unbindIdentity", { user, identity: id }),
    waitingPeople: async () => (await call("listWaitingPeople", {})).waitingPeople,
    admitPerson: ({ id }: WaitingPerson, user: UserId) => call("admitPerson", { person: id }, { user }),
    dismissPerson: ({ id }: WaitingPerson) => call("dismissPerson", { person: id }),
    deleteUser: (user: UserId) => call("deleteUser", { user }),
    devices: (user: UserId) =>
      everyPage(`GET /users/${user}/devices`, async (query) => {
        const { devices, next } = await call("listDevices", { user }, query);
        return { items: devices, next };
      }),
    device: (user: UserId, device: string) => call("showDevice", { user, device }),
    enrol: (user: UserId, request: Sent<"enrolDevice">) => made("enrolDevice", { user }, request),
    edit: (device: Device, request: Sent<"editDevice">) => call("editDevice", of(device), request),
    /** The API asks for a lost device's name: by the time of this call, somebody has confirmed it. */
    act: (device: Device, act: StatusAct, reason: string | undefined) =>
      act === "lost"
        ? call("reportDeviceLost", of(device), { reason, confirm: device.name })
        : call(STATUS_OPERATIONS[act], of(device), { reason }),
    limit: (device: Device, request: Sent<"limitDevice">) => call("limitDevice", of(device), request),
    createDeviceToken: (user: UserId, request: Sent<"createDeviceToken">) =>
      call("createDeviceToken", { user }, request),
    rotateDeviceToken: (device: Device, request: Sent<"rotateDeviceToken">) =>
      call("rotateDeviceToken", of(device), request),
    forget: (device: Device) => call("forgetDevice", of(device)),
    addCertificate: (device: Device, request: Sent<"addCertificate">) =>
      made("addCertificate", of(device), request),
    retireCredential: (device: Device, fingerprint: string) =>
      call("retireCredential", { ...of(device), fingerprint }),
    /** The certificates that the Worker's secret `BLOCKED` names: answered without the registry. */
    blocked: async () => (await call("listBlocked", {})).blocked,
    unknownCertificates: async () => (await call("listUnknownCertificates", {})).unknownCertificates,
    approve: (fingerprint: Fingerprint, request: Sent<"enrolUnknownCertificate">) =>
      made("enrolUnknownCertificate", { fingerprint }, request),
    dismiss: (fingerprint: Fingerprint) => call("dismissUnknownCertificate", { fingerprint }),
    /** Newest first, at most `limit`; the directory's own log if no user is named. `search`: only those with this text. */
    async audit(user: UserId | undefined, limit: number, before?: string, search?: string) {
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
    invitations: async (user: UserId) => (await call("listInvitations", { user })).invitations,
    invite: (user: UserId, request: Sent<"createInvitation">) => call("createInvitation", { user }, request),
    withdraw: ({ user, id }: Pick<Invitation, "user" | "id">) =>
      call("withdrawInvitation", { user, invitation: id }),
    tokens: async () => (await call("listTokens", {})).tokens,
    createToken: (request: Sent<"createToken">) => call("createToken", {}, request),
    revokeToken: ({ id }: Token) => call("revokeToken", { token: id }),
    /** With a user's token, those of that user. */
    sessions: async () => (await call("listSessions", {})).sessions,
    endSession: ({ id }: Session) => call("endSession", { session: id }),
    endSessions: () => call("endAllSessions", {}),
    /** What a backup needs besides the lists. */
    backup: () => call("showBackup", {}),
    restoreDirectory: (request: Sent<"restoreDirectory">) => call("restoreDirectory", {}, request),
    restoreUser: (user: UserId, request: Sent<"restoreUser">) => call("restoreUser", { user }, request),
    /** The directory's own log if no user is named. */
    restoreAudit: (user: UserId | undefined, entries: Sent<"restoreAudit">["entries"]) =>
      user === undefined
        ? call("restoreAudit", {}, { entries })
        : call("restoreUserAudit", { user }, { entries }),
  };
}
