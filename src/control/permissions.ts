// No I/O. No clock.
import type { Grant } from "../registry/credential.ts";
import type { UserId } from "../registry/user.ts";

/**
 * What an operation needs of whoever asks for it:
 * - `any`: right credentials, whatever they are for;
 * - `read`: to look at a user's things; `devices`: to change a user's devices;
 * - `root`: the `ADMIN_TOKEN`.
 */
export type Need = "any" | "read" | "devices" | "root";

/** The whole table: which scope meets which need. */
const SCOPES: Record<Need, readonly Grant["scope"][]> = {
  any: ["root", "devices", "read"],
  read: ["root", "devices", "read"],
  devices: ["root", "devices"],
  root: ["root"],
};

/**
 * Whether credentials reach so far: their scope must meet the need, and credentials of one user reach only
 * what is that user's. `of` is the user whose things they are; `null`: everybody's; `own`: the operation
 * itself gives each one no more than what is theirs.
 */
export function permits(grant: Grant, need: Need, of: UserId | null | "own"): boolean {
  if (!SCOPES[need].includes(grant.scope)) return false;
  return grant.user === null || of === "own" || grant.user === of;
}
