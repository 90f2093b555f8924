// Who may do what: the one table of permissions.
import { type Grant, TOKEN_SCOPES } from "../domain/credential.ts";
import type { UserId } from "../domain/user.ts";

/**
 * What an operation needs of its caller:
 * - `any`: valid credentials, whatever they are for;
 * - `see`: to look at a user's devices; `read`: to look at all of a user's things;
 * - `shut-out`: to suspend a user's devices, report them lost or revoke them; `devices`: to change them in every way;
 * - `root`: the `ADMIN_TOKEN`.
 */
export type Need = "any" | "see" | "read" | "shut-out" | "devices" | "root";

/** The whole table: which scope meets which need. */
const SCOPES: Record<Need, readonly Grant["scope"][]> = {
  any: ["root", "devices", "read", "emergency"],
  see: ["root", "devices", "read", "emergency"],
  read: ["root", "devices", "read"],
  "shut-out": ["root", "devices", "emergency"],
  devices: ["root", "devices"],
  root: ["root"],
};

/** Whether credentials of every scope meet a need. */
export function isMetByAll(need: Need): boolean {
  return TOKEN_SCOPES.every((scope) => SCOPES[need].includes(scope));
}

/**
 * Whose things are asked for: one user's (`null`: an impossible user's), everybody's, or `own`: the operation itself
 * returns only what is the caller's. (A user's id may be any word, so it is a field of its own.)
 */
export type Subject = { user: UserId | null } | "everybody" | "own";

/** Why credentials do not suffice: another user's (`reach`), or for something else (`scope`). */
export type Denial = "reach" | "scope";

/**
 * What credentials lack: those of one user reach only what is that user's, and their scope must meet the need.
 * `undefined`: they suffice.
 */
export function denial(grant: Grant, need: Need, of: Subject): Denial | undefined {
  const isWithin = grant.user === null || of === "own" || (of !== "everybody" && grant.user === of.user);
  if (!isWithin) return "reach";
  return SCOPES[need].includes(grant.scope) ? undefined : "scope";
}

/** Whether credentials suffice. */
export function permits(grant: Grant, need: Need, of: Subject): boolean {
  return denial(grant, need, of) === undefined;
}
