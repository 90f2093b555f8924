// A device: its status and what changes it, its name, and what the gate learns of it.
import type { Limits } from "./limits.ts";
import type { UserId } from "./user.ts";

/** What a device may be. Only `active` passes the gate. */
export const DEVICE_STATUSES = ["pending", "active", "suspended", "lost", "revoked"] as const;
export type DeviceStatus = (typeof DEVICE_STATUSES)[number];

/** What the gate learns about the device that has a credential. */
export interface StandingRecord {
  status: DeviceStatus;
  name: string;
  /** When the status began. */
  since: number;
  /** Absent from a registry that is older than the Worker, and knows no limits. */
  limits?: Limits;
  /** When the credential itself ends, if it is no certificate, whose dates the gate sees for itself. */
  validUntil?: number | null;
}

/** A credential's standing: what the registry says of it now. */
export type Standing =
  | ({ kind: "device"; user: UserId } & StandingRecord)
  | { kind: "unknown" }
  /** The registry could not be asked. */
  | { kind: "unavailable" };

/**
 * The acts that change a status, and between which: the whole table.
 * `revoked` is final: no act leads out of it.
 */
export const STATUS_ACTS = {
  approve: { from: ["pending"], to: "active" },
  suspend: { from: ["active"], to: "suspended" },
  reinstate: { from: ["suspended", "lost"], to: "active" },
  lost: { from: ["active", "suspended"], to: "lost" },
  revoke: { from: ["pending", "active", "suspended", "lost"], to: "revoked" },
} as const satisfies Record<string, { from: readonly DeviceStatus[]; to: DeviceStatus }>;

export type StatusAct = keyof typeof STATUS_ACTS;

export type Transition =
  | { kind: "changed"; to: DeviceStatus }
  /** The act's result already holds: repeating a change is no error. */
  | { kind: "unchanged" }
  | { kind: "forbidden" };

/** What `act` does to a device with this status. */
export function transition(status: DeviceStatus, act: StatusAct): Transition {
  const { from, to } = STATUS_ACTS[act];
  if (status === to) return { kind: "unchanged" };
  return (from as readonly DeviceStatus[]).includes(status) ? { kind: "changed", to } : { kind: "forbidden" };
}

/** 1 to 64 characters (code points) after trimming, see `deviceNameProblem`. */
export const DEVICE_NAME_MAX_CHARACTERS = 64;

// Control characters, line and paragraph separators, zero-width spaces, and the marks that
// reverse the direction of text: each can make a name look like another one in a list or a terminal.
// (The joiners U+200C and U+200D stay: emoji and Persian need them.)
const UNPRINTABLE =
  /[\p{Cc}\u00ad\u115f\u1160\u2028\u2029\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\u3164\ufeff\uffa0]/u;
const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u;

/**
 * Whether a string, shown in one line, would look empty or like another one: it has marks that hide letters or turn
 * them around.
 */
export function isDeceptive(text: string): boolean {
  return UNPRINTABLE.test(text) || !text.isWellFormed() || !VISIBLE.test(text);
}

/** What is wrong with the name of a device, as a sentence, or `undefined`. A token's name follows the same rules. */
export function deviceNameProblem(name: string, what: "device" | "token" = "device"): string | undefined {
  if (name.trim() === "") return `a ${what}'s name must not be empty`;
  if (name !== name.trim()) return `a ${what}'s name must not begin or end with a space`;
  if ([...name].length > DEVICE_NAME_MAX_CHARACTERS) {
    return `a ${what}'s name has at most ${DEVICE_NAME_MAX_CHARACTERS} characters`;
  }
  if (isDeceptive(name)) return `a ${what}'s name must not contain control or invisible characters`;
  return undefined;
}

/** Two names with the same key are the same name: case and Unicode composition do not tell them apart. */
export function deviceNameKey(name: string): string {
  return name.normalize("NFC").toLowerCase();
}

/** A name that is typed has no more UTF-16 units than this, however its characters are composed. */
const TYPED_NAME_MAX = 1_000;

/**
 * Whether what somebody typed is a device's name, as `deviceNameKey` compares. Longer strings are not looked at:
 * composing Unicode is quadratic in combining marks.
 */
export function isDeviceName(typed: string, name: string): boolean {
  return typed.length <= TYPED_NAME_MAX && deviceNameKey(typed) === deviceNameKey(name);
}
