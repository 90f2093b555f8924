import * as v from "valibot";
import type { AuditEntry, Device } from "../../src/contract/answers.ts";
import { BackupDevice } from "../../src/contract/backup.ts";
import type { DeviceRecord } from "../../src/domain/records.ts";
import { leftAlone, type PlannedDevice, planRestore } from "../../src/domain/restore-plan.ts";
import { type PlannedToken, planTokens } from "../../src/domain/restore-tokens.ts";
import { parseUserId, type UserId } from "../../src/domain/user.ts";
import type { Api } from "../client/api.ts";
import { failed } from "../terminal/failure.ts";
import type { Backup } from "./backup-file.ts";

/** What a restore would do, by the same rules as the registry's own, which has the last word. */
export interface Difference {
  users: { added: UserId[]; renamed: UserId[] };
  devices: UserDifference[];
  tokens: (PlannedToken & { user: UserId | null; name: string })[];
  /** Fingerprints that will wait again. */
  unknownCertificates: string[];
  logs: LogDifference[];
  /** Users who are in the registry and not in the backup: nothing is done to them. */
  left: UserId[];
}

export interface UserDifference {
  user: UserId;
  devices: PlannedDevice[];
  left: { id: string; name: string }[];
}

/**
 * An audit log of the backup. `taken`: its lines from `from` on are taken over; `there`: the registry has them;
 * `closed`: the registry's has lines of its own, and the backup's stay in the file.
 */
export interface LogDifference {
  /** `null`: the directory's. */
  user: UserId | null;
  state: "taken" | "there" | "closed";
  lines: number;
}

const RETIRE = "retire-certificate";
const ALL = Number.MAX_SAFE_INTEGER;

/** Compares a backup with the registry. Only reads. `resurrect`: ids of devices. */
export async function compare(
  api: Api,
  backup: Backup,
  resurrect: ReadonlySet<string>,
  now: number,
): Promise<Difference> {
  const users = new Map(
    (await api.users()).flatMap(({ id, name }) => {
      const user = parseUserId(id);
      return user === undefined ? [] : [[user, name] as const];
    }),
  );
  const present = new Map<UserId, DeviceRecord[]>();
  for (const user of users.keys()) present.set(user, (await api.devices(user)).map(toRecord));
  const owners = new Map(
    [...present].flatMap(([user, devices]) =>
      devices.flatMap(({ certificates }) =>
        certificates.map(({ fingerprint }) => [fingerprint, user] as const),
      ),
    ),
  );

  const devices: UserDifference[] = [];
  const logs: LogDifference[] = [await compareLog(api, undefined, backup.audit, true)];
  for (const { id: user, devices: wanted, audit } of backup.users) {
    const isThere = users.has(user);
    const own = present.get(user) ?? [];
    const steps = planRestore(wanted, {
      present: own,
      ended: isThere ? await endedOf(api, user) : new Set(),
      resurrect,
      mayHave: (fingerprint) => (owners.get(fingerprint) ?? user) === user,
      now,
    });
    devices.push({
      user,
      devices: steps.map(({ planned }) => planned),
      left: leftAlone(wanted, own).map(({ id, name }) => ({ id, name })),
    });
    logs.push(await compareLog(api, user, audit, isThere));
  }

  const ids = new Set([...users.keys(), ...backup.users.map(({ id }) => id)]);
  const known = await api.backup();
  const waiting = new Set([
    ...known.unknownCertificates.map(({ fingerprint }) => fingerprint),
    ...owners.keys(),
  ]);
  return {
    users: {
      added: backup.users.flatMap(({ id }) => (users.has(id) ? [] : [id])),
      renamed: backup.users.flatMap(({ id, name }) => (users.has(id) && users.get(id) !== name ? [id] : [])),
    },
    devices,
    tokens: await planTokensOf(api, backup, ids, now),
    unknownCertificates: backup.unknownCertificates.flatMap(({ fingerprint }) =>
      waiting.has(fingerprint) ? [] : [fingerprint],
    ),
    logs: logs.filter(({ lines }) => lines > 0),
    left: [...users.keys()].filter((user) => !backup.users.some(({ id }) => id === user)),
  };
}

/** Whether a restore would change anything. */
export function isEmpty({ users, devices, tokens, unknownCertificates, logs }: Difference): boolean {
  return (
    users.added.length + users.renamed.length + unknownCertificates.length === 0 &&
    devices.every((user) =>
      user.devices.every(({ outcome }) => outcome !== "added" && outcome !== "changed"),
    ) &&
    tokens.every(({ outcome }) => outcome !== "added") &&
    logs.every(({ state }) => state !== "taken")
  );
}

function toRecord(device: Device): DeviceRecord {
  const parsed = v.safeParse(BackupDevice, device);
  if (parsed.success) return parsed.output;
  throw failed(
    "a device of the registry is not as this clone knows devices",
    "update this clone or deploy the Worker: their versions do not match",
  );
}

async function endedOf(api: Api, user: UserId): Promise<ReadonlySet<string>> {
  const { entries } = await api.audit(user, ALL, undefined, "forget");
  const retired = (await api.audit(user, ALL, undefined, RETIRE)).entries.flatMap(
    ({ act, outcome, target, detail }) =>
      act === RETIRE && outcome === "done" && target !== null ? [`${target.id} ${detail.fingerprint}`] : [],
  );
  return new Set([...targets(entries, "forget"), ...retired]);
}

function targets(entries: readonly AuditEntry[], act: string): string[] {
  return entries.flatMap((entry) =>
    entry.act === act && entry.outcome === "done" && entry.target !== null ? [entry.target.id] : [],
  );
}

async function planTokensOf(
  api: Api,
  { tokens }: Backup,
  users: ReadonlySet<UserId>,
  now: number,
): Promise<Difference["tokens"]> {
  if (tokens.length === 0) return [];
  const present = (await api.tokens()).map((token) => ({
    ...token,
    user: parseUserId(token.user) ?? null,
    createdAt: Date.parse(token.createdAt),
    expiresAt: token.expiresAt === null ? null : Date.parse(token.expiresAt),
    lastUsedAt: null,
  }));
  const revoked = (await api.audit(undefined, ALL, undefined, "revoke-token")).entries;
  const deleted = (await api.audit(undefined, ALL, undefined, "delete-user")).entries;
  const deletedAt = new Map(
    deleted
      .filter(({ act, outcome }) => act === "delete-user" && outcome === "done")
      .reverse()
      .map(({ target, at }) => [target?.id ?? "", Date.parse(at)] as const),
  );
  const facts = { present, revoked: new Set(targets(revoked, "revoke-token")), deletedAt, users, now };
  return planTokens(tokens, facts).map((planned, index) => ({
    ...planned,
    user: tokens[index]?.user ?? null,
    name: tokens[index]?.name ?? "",
  }));
}

async function compareLog(
  api: Api,
  user: UserId | undefined,
  wanted: Backup["audit"],
  isThere: boolean,
): Promise<LogDifference> {
  const log = { user: user ?? null, lines: wanted.length };
  const last = wanted.at(-1);
  const newest = isThere ? (await api.audit(user, 1, undefined)).entries[0] : undefined;
  if (last === undefined) return { ...log, state: "there" };
  if (newest === undefined || (newest.restored === true && newest.id < last.id)) {
    const from = newest?.id ?? 0;
    return { ...log, lines: wanted.filter(({ id }) => id > from).length, state: "taken" };
  }
  const [same] = (await api.audit(user, 1, String(last.id + 1))).entries;
  const isSame =
    same?.id === last.id &&
    same.act === last.act &&
    same.actor === last.actor &&
    Date.parse(same.at) === last.at;
  return { ...log, state: isSame ? "there" : "closed" };
}
