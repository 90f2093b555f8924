// Tokens and sessions: what people sign in with, and how far it reaches.
import type { UserId } from "./user.ts";

/**
 * What a token may be for: to see and change one user's devices, only to see things, or (on an emergency card) only to
 * shut out one user's devices.
 */
export const TOKEN_SCOPES = ["devices", "read", "emergency"] as const;
export type TokenScope = (typeof TOKEN_SCOPES)[number];

/** SHA-256 of a token, a session's cookie or an invitation's code, in hex: they are never stored themselves. */
export type SecretDigest = string & { readonly secretDigest: unique symbol };

/** Whose credentials these are and how far they reach; `root` is the `ADMIN_TOKEN`'s only. */
export interface Grant {
  scope: "root" | TokenScope;
  /** `null`: all users. */
  user: UserId | null;
}

export interface TokenRecord {
  id: string;
  /** `null`: it reads everything. */
  user: UserId | null;
  name: string;
  scope: TokenScope;
  createdAt: number;
  /** `null`: it ends only when it is revoked. */
  expiresAt: number | null;
  /** Written every five minutes at most. */
  lastUsedAt: number | null;
}

export interface SessionRecord {
  id: string;
  /** `null`: it was opened with the `ADMIN_TOKEN`, or by a person who signed in with the identity provider. */
  token: { id: string; name: string; user: UserId | null } | null;
  /** The user who signed in with the identity provider; `null`: it was opened in another way. */
  person: UserId | null;
  createdAt: number;
  expiresAt: number;
  ip: string | null;
  country: string | null;
  /** What the browser calls itself. */
  client: string | null;
}

/** A session's life, in milliseconds. */
export const SESSION_MS = 12 * 60 * 60_000;
/** The same for a session opened with an emergency card, often on somebody else's computer. */
export const EMERGENCY_SESSION_MS = 60 * 60_000;

/**
 * How often a token can sign in within an hour, and how many of its sessions are kept: beyond that, the
 * oldest is dropped. Only the token's holder can reach this limit, which also limits the rows that sign-ins
 * write.
 */
export const SIGN_INS_AN_HOUR = 20;

/** Who sends a request with right credentials. */
export interface Principal extends Grant {
  /** As the audit log names them: `admin`, `token alice/laptop`, or `user alice`. */
  actor: string;
  /** The session's id, if the request came with its cookie. */
  session: string | null;
}

/** How the audit log names the holder of a token, or of the `ADMIN_TOKEN`. */
export function actorOf(token: { name: string; user: UserId | null } | null): string {
  return token === null ? "admin" : `token ${token.user ?? "*"}/${token.name}`;
}

/** How the audit log names a user who signed in with the identity provider. */
export function userActor(user: UserId): string {
  return `user ${user}`;
}

/** Whether this actor holds the `ADMIN_TOKEN`, in a browser or not. Others' names begin with `token` or `user`. */
export function isAdmin(actor: string): boolean {
  return actor === actorOf(null) || actor.startsWith(`${actorOf(null)}, session `);
}

/** As the audit log names a signed-in browser; `actor` is whoever signed in. */
export function sessionActor(actor: string, session: string): string {
  return `${actor}, session ${session.slice(0, 8)}`;
}
