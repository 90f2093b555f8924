import {
  type Principal,
  SESSION_MS,
  type SecretDigest,
  type SessionRecord,
  SIGN_INS_AN_HOUR,
  sessionActor,
  type TokenRecord,
} from "../../domain/credential.ts";
import type { UserId } from "../../domain/user.ts";
import type { CredentialTable } from "./credential-table.ts";

const HOUR_MS = 60 * 60_000;

/** The `ADMIN_TOKEN`'s holder id, where other sessions have their token's id. */
export const ADMIN_HOLDER = "admin";

/** A sign-in, as it is to be written. */
export interface NewSession {
  id: string;
  digest: SecretDigest;
  /** The digest of the token that it is opened with. */
  credential: SecretDigest;
  ip: string | null;
  country: string | null;
  /** What the browser calls itself. */
  client: string | null;
}

/** Where a session is found: whose it is, and the digest of its cookie's secret. */
export interface SessionKey {
  /** A token's id, or `ADMIN_HOLDER`. */
  holder: string;
  digest: SecretDigest;
}

/** A sign-in, as it is kept. */
interface SignIn {
  at: number;
  /** `null`: it was ended, and counts for the bound only. */
  session: (Omit<NewSession, "credential"> & { expiresAt: number }) | null;
}

type Row = { holder: string; credential: string; recent: string };
type ListedRow = Row & { token_name: string | null; token_user: string | null };

/**
 * Reads and writes the table `sign_ins`: who signed in lately, and which of these sessions are open. Each call of
 * one session reads and writes one row of it.
 */
export class SessionTable {
  readonly #sql: SqlStorage;
  readonly #tokens: CredentialTable;

  constructor(sql: SqlStorage, tokens: CredentialTable) {
    this.#sql = sql;
    this.#tokens = tokens;
  }

  /**
   * Opens a session. `token` is `null` for the `ADMIN_TOKEN`; the session ends with its token at the latest.
   * Returns how many milliseconds to wait if there were `SIGN_INS_AN_HOUR` already; 0: it was opened.
   */
  open({ credential, ...session }: NewSession, token: TokenRecord | null, now: number): number {
    const holder = token?.id ?? ADMIN_HOLDER;
    const row = this.#row(holder);
    const isSame = row?.credential === credential;
    const recent = isSame ? signInsOf(row) : [];
    const inLastHour = recent.filter(({ at }) => now - at < HOUR_MS);
    const oldest = inLastHour.at(-SIGN_INS_AN_HOUR);
    // Two Workers' clocks differ a little: nobody should wait longer because of that.
    if (oldest !== undefined) return Math.min(HOUR_MS, oldest.at + HOUR_MS - now);
    const expiresAt = Math.min(now + SESSION_MS, token?.expiresAt ?? Number.POSITIVE_INFINITY);
    const kept = recent.filter((each) => inLastHour.includes(each) || isOpen(each, now));
    const next: SignIn[] = [...kept, { at: now, session: { ...session, expiresAt } }];
    this.#write({ holder, credential, recent: JSON.stringify(next.slice(-SIGN_INS_AN_HOUR)) });
    return 0;
  }

  /**
   * Whose open session this is. An `ADMIN_TOKEN` session ends when that token has changed (`adminDigest`), a
   * user token's session when the token ends.
   */
  find(
    { holder, digest }: SessionKey,
    adminDigest: SecretDigest,
    now: number,
  ): { id: string; principal: Principal; token: TokenRecord | null } | undefined {
    const row = this.#row(holder);
    const found = signInsOf(row).find((each) => isOpen(each, now) && each.session?.digest === digest);
    const id = found?.session?.id;
    if (row === undefined || id === undefined) return undefined;
    if (holder === ADMIN_HOLDER) {
      if (row.credential !== adminDigest) return undefined;
      const actor = sessionActor(null, id);
      return { id, principal: { scope: "root", user: null, actor, session: id }, token: null };
    }
    const token = this.#tokens.tokenByDigest(row.credential as SecretDigest, now);
    if (token === undefined || token.id !== holder) return undefined;
    const { scope, user } = token;
    return { id, principal: { scope, user, actor: sessionActor(token, id), session: id }, token };
  }

  /** Newest first; of one user's tokens, or all. */
  list(user: UserId | null, now: number): (SessionRecord & { holder: string })[] {
    const rows =
      user === null
        ? this.#sql.exec<ListedRow>(
            `SELECT s.*, t.name AS token_name, t.user AS token_user
             FROM sign_ins s LEFT JOIN tokens t ON t.id = s.holder`,
          )
        : this.#sql.exec<ListedRow>(
            `SELECT s.*, t.name AS token_name, t.user AS token_user
             FROM tokens t JOIN sign_ins s ON s.holder = t.id WHERE t.user = ?`,
            user,
          );
    const open = rows.toArray().flatMap((row) => signInsOf(row).flatMap((each) => toRecord(row, each, now)));
    return open.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1));
  }

  /** Ends one of a holder's sessions. It still counts for the bound on sign-ins. */
  end(holder: string, id: string): void {
    const row = this.#row(holder);
    if (row === undefined) return;
    const recent = signInsOf(row).map((each) =>
      each.session?.id === id ? { ...each, session: null } : each,
    );
    this.#write({ ...row, recent: JSON.stringify(recent) });
  }

  #row(holder: string): Row | undefined {
    return this.#sql.exec<Row>("SELECT * FROM sign_ins WHERE holder = ?", holder).toArray()[0];
  }

  #write({ holder, credential, recent }: Row): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO sign_ins (holder, credential, recent) VALUES (?, ?, ?)",
      ...[holder, credential, recent],
    );
  }
}

/** Oldest first. */
function signInsOf(row: Row | undefined): SignIn[] {
  return row === undefined ? [] : (JSON.parse(row.recent) as SignIn[]);
}

function isOpen({ session }: SignIn, now: number): boolean {
  return session !== null && session.expiresAt > now;
}

function toRecord(row: ListedRow, signIn: SignIn, now: number): (SessionRecord & { holder: string })[] {
  const { at: createdAt, session } = signIn;
  if (session === null || !isOpen(signIn, now)) return [];
  const { digest: _, ...rest } = session;
  const { holder, token_name: name, token_user: user } = row;
  const token =
    holder === ADMIN_HOLDER ? null : { id: holder, name: name ?? "", user: user as UserId | null };
  return [{ ...rest, holder, token, createdAt }];
}
