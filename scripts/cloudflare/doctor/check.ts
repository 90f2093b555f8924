// What a check of the doctor is: one object that knows its name, what to read and how to judge it. To add one, write
// it in `checks/` and name it in the array of `checks/doctor.ts`.
import { Failure } from "../../terminal/failure.ts";
import type { CloudflareClient } from "../client/client.ts";
import { CloudflareFailure } from "../client/failure.ts";
import { PERMISSIONS, type PermissionName, TOKENS_PAGE } from "../client/permissions.ts";
import type { GatedHost, LocalSettings } from "../client/wrangler-toml.ts";
import type { Zone } from "../client/zone.ts";
import type { Gate } from "./gate.ts";

/**
 * - `failed`: the gate can be bypassed, or refuses someone it should let in.
 * - `warning`: nothing is wrong now, or the doctor cannot judge it: a person should look.
 * - `unknown`: it could not be read. Never a pass.
 */
export type CheckStatus = "ok" | "failed" | "warning" | "unknown";

export interface Verdict {
  status: CheckStatus;
  /** What was found. One line, lower case, no full stop. */
  reason: string;
  /** What to do about it; `null` when there is nothing to do. */
  remedy: string | null;
}

/** The verdict of a check, with the check's name for programs, such as `route-fails-closed`. */
export interface Finding extends Verdict {
  id: string;
}

export const passed = (reason: string): Verdict => ({ status: "ok", reason, remedy: null });
export const failedCheck = (reason: string, remedy: string): Verdict => ({
  status: "failed",
  reason,
  remedy,
});
export const warned = (reason: string, remedy: string): Verdict => ({ status: "warning", reason, remedy });
export const unread = (reason: string, remedy: string): Verdict => ({ status: "unknown", reason, remedy });

/** What was read, or the reason and the remedy of every check that needed it. */
export type Reading<T> = { known: true; value: T } | { known: false; reason: string; remedy: string };

export const known = <T>(value: T): Reading<T> => ({ known: true, value });
export const unreadable = (reason: string, remedy: string) => ({ known: false, reason, remedy }) as const;

/**
 * Reads something, or says why it could not. A missing permission is named with its page: it makes the check
 * unknown, and is never a pass. A rejected token and our own faults are thrown.
 */
export async function reading<T>(read: () => Promise<T>): Promise<Reading<T>> {
  try {
    return known(await read());
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error instanceof CloudflareFailure && error.problem.kind === "token") throw error;
    if (error instanceof CloudflareFailure && error.problem.kind === "permission") {
      const { grant } = PERMISSIONS[error.problem.permission];
      return unreadable(
        `the token lacks the permission ${grant}`,
        `grant it to the token at ${TOKENS_PAGE}, and run the doctor again`,
      );
    }
    return unreadable(error.message, error.hint);
  }
}

/** What the checks of one zone read from. */
export interface ZoneSource {
  client: CloudflareClient;
  zone: Pick<Zone, "id" | "name">;
}

/** What the checks of the whole installation read from. */
export interface AccountSource {
  client: CloudflareClient;
  account: string;
  worker: string;
  zones: readonly Pick<Zone, "id" | "name">[];
  /** The registry, over the gate's own API; fails with a `Failure` where it cannot be asked. */
  gate: Gate;
  /** Milliseconds since 1970. */
  now: number;
}

type Read<Source, T> = (source: Source) => Promise<T>;

/** A read that several checks share is done once: the function itself is the key. */
interface Readings<Source> {
  of<T>(read: Read<Source, T>): Reading<T>;
}

/** A zone as it is judged. */
export interface ZoneState extends Readings<ZoneSource> {
  id: string;
  name: string;
  /** The apps in this zone. */
  hosts: readonly GatedHost[];
  /** The admin host, if it is in this zone: gated like the apps, with no app behind it. */
  adminHost: string | undefined;
  worker: string;
}

/** The whole installation as it is judged. */
export interface DoctorState extends Readings<AccountSource> {
  local: LocalSettings;
  zones: readonly ZoneState[];
  /** Apps in no zone that the token can see. */
  homeless: readonly string[];
  /** Milliseconds since 1970. */
  now: number;
}

interface Definition<Source, State, T> {
  id: string;
  /** What the read needs; `null`: no permission at Cloudflare. */
  permission: PermissionName | null;
  /** Setup shows the owner what it finds: it answers before the gate, or takes requests from it. */
  setupShows?: true;
  read: Read<Source, T>;
  judge(value: T, state: State): Verdict;
}

/** A check whose type no longer depends on what it reads. Without the reading, it is unknown. */
export interface Check<Source, State> extends Omit<Definition<Source, State, unknown>, "judge"> {
  find(state: State): Finding;
}
export type ZoneCheck = Check<ZoneSource, ZoneState>;
export type AccountCheck = Check<AccountSource, DoctorState>;

export const zoneCheck = <T>(definition: Definition<ZoneSource, ZoneState, T>): ZoneCheck =>
  toCheck(definition);
export const accountCheck = <T>(definition: Definition<AccountSource, DoctorState, T>): AccountCheck =>
  toCheck(definition);

function toCheck<Source, State extends Readings<Source>, T>(
  definition: Definition<Source, State, T>,
): Check<Source, State> {
  const { judge, ...check } = definition;
  return {
    ...check,
    find(state) {
      const found = state.of(check.read);
      const verdict = found.known ? judge(found.value, state) : unread(found.reason, found.remedy);
      return { id: check.id, ...verdict };
    },
  };
}

/** The read of a check that needs none. */
export const nothing = async (): Promise<undefined> => undefined;

/** Does the reads of all these checks at the same time. */
export async function readAll<Source>(
  checks: readonly { read: Read<Source, unknown> }[],
  source: Source,
): Promise<Readings<Source>> {
  const reads = [...new Set(checks.map(({ read }) => read))];
  const found = new Map(
    await Promise.all(reads.map(async (read) => [read, await reading(() => read(source))] as const)),
  );
  return {
    of<T>(read: Read<Source, T>) {
      const value = found.get(read);
      if (value === undefined) throw new Error(`no check reads ${read.name}`);
      return value as Reading<T>;
    },
  };
}

/** Every host of a zone that leads to the gate: the apps' hosts and the admin host. */
export function gatedNames({ hosts, adminHost }: Pick<ZoneState, "hosts" | "adminHost">): string[] {
  return [...hosts.map(({ host }) => host), ...(adminHost === undefined ? [] : [adminHost])];
}

const GRAVITY: readonly CheckStatus[] = ["ok", "unknown", "warning", "failed"];

/** The worst verdict decides; the reasons of all verdicts that are equally bad are given. */
export function worst(verdicts: readonly Verdict[]): Verdict {
  const status = GRAVITY.findLast((each) => verdicts.some((verdict) => verdict.status === each)) ?? "ok";
  const bad = verdicts.filter((verdict) => verdict.status === status);
  if (status === "ok") {
    return passed(`${bad[0]?.reason ?? "no host"}${bad.length > 1 ? ` (${bad.length} hosts)` : ""}`);
  }
  const reason = listed([...new Set(bad.map((verdict) => verdict.reason))]);
  return { status, reason, remedy: bad[0]?.remedy ?? null };
}

/** `a`, `a and b`, `a, b and c` */
export function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} and ${last}`;
}
