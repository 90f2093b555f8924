import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { type CredentialKey, type DeviceKind, keyOf } from "../../../src/domain/credential-key.ts";
import type { Fingerprint } from "../../../src/domain/fingerprint.ts";
import { NO_LIMITS } from "../../../src/domain/limits.ts";
import {
  type CertificateDetails,
  type Enrolment,
  type GuestLimits,
  NO_DETAILS,
  type Sighting,
} from "../../../src/domain/records.ts";
import { parseUserId, type UserId } from "../../../src/domain/user.ts";
import type {
  DirectoryCaller,
  RegistryBindings,
  UserRegistryCaller,
} from "../../../src/registry/client/objects.ts";
import type { Actor } from "../../../src/registry/storage/audit-log.ts";
import { fingerprint } from "../fixtures.ts";

type StubOf<Caller extends { ask: (call: never) => unknown }> = Parameters<Parameters<Caller["ask"]>[0]>[0];
export type RemoteRegistry = StubOf<UserRegistryCaller>;
export type RemoteDirectory = StubOf<DirectoryCaller>;

export function userId(id: string): UserId {
  const user = parseUserId(id);
  if (user === undefined) throw new Error(`${id} is no user id`);
  return user;
}

export const ALICE = userId("alice");
export const BOB = userId("bob");

export const DETAILS: CertificateDetails = {
  subject: "CN=phone",
  issuer: "CN=Household CA",
  serial: "0A1B2C",
  notBefore: Date.UTC(2020, 0, 1),
  notAfter: Date.UTC(2120, 0, 1),
};

/** Who makes a change in these tests. `at` is now, unless a test says otherwise. */
export function by(change: Partial<Actor> = {}): Actor {
  return { actor: "admin", ip: "198.51.100.7", country: "CH", at: Date.now(), ...change };
}

/** The key of the credential with the n-th fingerprint. */
export function key(n: number, kind: DeviceKind = "certificate"): CredentialKey {
  return keyOf(kind, fingerprint(n));
}

/** What the standing of a certificate says of its limits, if nothing limits its device. */
export const UNLIMITED_STANDING = { limits: NO_LIMITS, validUntil: null };

/** An invitation that limits its device to nothing. */
export const UNLIMITED: GuestLimits = { apps: null, countries: null, expiresAt: null };

export function enrolment(change: Partial<Enrolment> = {}): Enrolment {
  return {
    name: "Pixel 9",
    note: null,
    key: key(1),
    limits: NO_LIMITS,
    details: NO_DETAILS,
    status: "active",
    ...change,
  };
}

export function sighting(change: Partial<Sighting> = {}): Sighting {
  return {
    at: Date.now(),
    app: "app.example.com",
    country: "CH",
    ip: "198.51.100.9",
    details: DETAILS,
    ...change,
  };
}

/** The objects, for `runInDurableObject` and `evictDurableObject`. */
export const directoryStub = () => env.DIRECTORY.getByName("directory");
export const registryStub = (user: UserId) => env.USER_REGISTRY.getByName(user);

/** The objects by RPC, with a new stub each time: an aborted object breaks the old one. */
export const directory = () => remote<RemoteDirectory>(directoryStub(), (call) => call.proceed());
export const registry = (user: UserId) =>
  remote<RemoteRegistry>(registryStub(user), (call) => call.proceed());

/** The directory's time, as of which a user is removed or a device forgotten. */
export async function asOf(user: UserId): Promise<number> {
  const time = await directory().asOf(user);
  if (time === null) throw new Error(`there is no ${user}`);
  return time;
}

/** An RPC call on its way: `proceed` makes it. */
export interface Call {
  /** For example `directory.claim` or `alice.enrol`. */
  name: string;
  proceed: () => Promise<unknown>;
}

/** A stub whose calls pass through `around`, and give plain promises. */
function remote<Remote>(stub: unknown, around: (call: Call) => Promise<unknown>, object = ""): Remote {
  const methods = stub as Record<string, (...args: unknown[]) => Promise<unknown>>;
  return new Proxy({} as Record<string, unknown>, {
    get:
      (_, method: string) =>
      async (...args: unknown[]) =>
        around({ name: `${object}.${method}`, proceed: async () => methods[method]?.(...args) }),
  }) as Remote;
}

/**
 * Bindings whose calls pass through `around`: it may count them, do something before or after, or
 * throw instead, as a call does whose object or whose answer is lost.
 */
export function intercepted(
  around: (call: Call) => Promise<unknown>,
  bindings: RegistryBindings = env,
): RegistryBindings {
  const wrap = (namespace: { getByName(name: string): unknown }) => ({
    getByName: (object: string) => remote(namespace.getByName(object), around, object),
  });
  return {
    USER_REGISTRY: wrap(bindings.USER_REGISTRY),
    DIRECTORY: wrap(bindings.DIRECTORY),
  } as unknown as RegistryBindings;
}

/** Bindings on which the call `name` is lost: before it arrives, or after it was done. */
export function interrupted(name: string, when: "before" | "after"): RegistryBindings {
  return intercepted(async (call) => {
    if (call.name !== name) return call.proceed();
    if (when === "after") await call.proceed();
    throw new Error("connection lost");
  });
}

/** Bindings on which `meanwhile` happens just before the first call `name`. */
export function justBefore(name: string, meanwhile: () => Promise<unknown>): RegistryBindings {
  let done = false;
  return intercepted(async (call) => {
    if (call.name === name && !done) {
      done = true;
      await meanwhile();
    }
    return call.proceed();
  });
}

/** What is in an object's tables, for tests that look from inside. */
export function rows(state: DurableObjectState, query: string, ...values: SqlStorageValue[]) {
  return state.storage.sql.exec(query, ...values).toArray();
}

/** Drops every table, those that others refer to last. */
export function dropAll({ storage: { sql } }: DurableObjectState): void {
  const tables = sql.exec("SELECT name, sql FROM sqlite_master WHERE type = 'table'").toArray();
  const own = tables.filter(({ name }) => !String(name).startsWith("_cf_"));
  own.sort((a, b) => Number(/REFERENCES/.test(String(b.sql))) - Number(/REFERENCES/.test(String(a.sql))));
  for (const { name } of own) sql.exec(`DROP TABLE ${name}`);
}

/** Rows changed since the object started: stays as it is while nothing writes. */
export function totalChanges(state: DurableObjectState): number {
  return Number(state.storage.sql.exec("SELECT total_changes() AS n").one().n);
}

/** Runs `work` inside the object and adds up what its statements read and wrote, by the runtime's own count. */
export function cost(state: DurableObjectState, work: () => unknown): { read: number; written: number } {
  const { sql } = state.storage;
  const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
  const exec = sql.exec.bind(sql);
  sql.exec = ((query: string, ...values: SqlStorageValue[]) => {
    const cursor = exec(query, ...values);
    cursors.push(cursor);
    return cursor;
  }) as typeof sql.exec;
  try {
    work();
  } finally {
    sql.exec = exec;
  }
  if (cursors.length === 0) throw new Error("no statement was seen: this measures nothing");
  return {
    read: cursors.reduce((sum, cursor) => sum + cursor.rowsRead, 0),
    written: cursors.reduce((sum, cursor) => sum + cursor.rowsWritten, 0),
  };
}

/** All rows of an object, by table: for tests that nothing was changed, or that something is nowhere. */
export function dump(stub: DurableObjectStub): Promise<Record<string, unknown[]>> {
  return runInDurableObject(stub, (_, state) =>
    Object.fromEntries(
      rows(
        state,
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'",
      )
        .map(({ name }) => String(name))
        .map((name) => [name, rows(state, `SELECT * FROM ${name}`)]),
    ),
  );
}

export { type Fingerprint, fingerprint };
