// Who signed in lately, and which of these sessions are open: the table `sign_ins`.
import { type SecretDigest, type SessionRecord, SIGN_INS_AN_HOUR } from "../../domain/credential.ts";
import { parseUserId, type UserId } from "../../domain/user.ts";
import { all, insert } from "../storage/sql.ts";

const HOUR_MS = 60 * 60_000;

/** The `ADMIN_TOKEN`'s holder id, where other sessions have their token's id. */
export const ADMIN_HOLDER = "admin";

/** The same for a user who signed in with the identity provider; no token's id begins like this. */
const USER_PREFIX = "user-";

export function holderOf(user: UserId): string {
  return `${USER_PREFIX}${user}`;
}

/** Who signed in with the identity provider; `undefined`: the sessions were opened with a token. */
export function userOf(holder: string): UserId | undefined {
  return holder.startsWith(USER_PREFIX) ? parseUserId(holder.slice(USER_PREFIX.length)) : undefined;
}

/** A sign-in, as it is to be written. */
export interface NewSession {
  id: string;
  digest: SecretDigest;
  /** The digest of what it is opened with: a token, or the identity provider. */
  credential: SecretDigest;
  ip: string | null;
  country: string | null;
  /** What the browser calls itself. */
  client: string | null;
}

/** Where a session is found: whose it is, and the digest of its cookie's secret. */
export interface SessionKey {
  /** A token's id, `ADMIN_HOLDER`, or what `holderOf` says. */
  holder: string;
  digest: SecretDigest;
}

/** A sign-in, as it is kept. */
interface SignIn {
  at: number;
  /** `null`: it was ended, and only counts towards the limit. */
  session: (Omit<NewSession, "credential"> & { expiresAt: number }) | null;
}

type Row = { holder: string; credential: string; recent: string };
type ListedRow = Row & { token_name: string | null; token_user: string | null };

/** Each call of one session reads and writes one row. */
export class SessionTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /**
   * Opens a session. Returns how many milliseconds to wait if there were `SIGN_INS_AN_HOUR` already; 0: it was
   * opened.
   */
  open(holder: string, { credential, ...session }: NewSession, expiresAt: number, now: number): number {
    const row = this.#row(holder);
    const isSame = row?.credential === credential;
    const recent = isSame ? signInsOf(row) : [];
    const inLastHour = recent.filter(({ at }) => now - at < HOUR_MS);
    const oldest = inLastHour.at(-SIGN_INS_AN_HOUR);
    // Two Workers' clocks differ a little: nobody should wait longer because of that.
    if (oldest !== undefined) return Math.min(HOUR_MS, oldest.at + HOUR_MS - now);
    const kept = recent.filter((each) => inLastHour.includes(each) || isOpen(each, now));
    const next: SignIn[] = [...kept, { at: now, session: { ...session, expiresAt } }];
    this.#write({ holder, credential, recent: JSON.stringify(next.slice(-SIGN_INS_AN_HOUR)) });
    return 0;
  }

  /** The open session with this key, and the digest of what it was opened with. */
  find({ holder, digest }: SessionKey, now: number): { id: string; credential: SecretDigest } | undefined {
    const row = this.#row(holder);
    const found = signInsOf(row).find((each) => isOpen(each, now) && each.session?.digest === digest);
    const id = found?.session?.id;
    if (row === undefined || id === undefined) return undefined;
    return { id, credential: row.credential as SecretDigest };
  }

  /** Newest first: those of one user and of the user's tokens, or all. */
  list(user: UserId | null, now: number): (SessionRecord & { holder: string })[] {
    const columns = "SELECT s.*, t.name AS token_name, t.user AS token_user FROM";
    const rows =
      user === null
        ? all<ListedRow>(this.#sql, `${columns} sign_ins s LEFT JOIN tokens t ON t.id = s.holder`)
        : [
            ...all<ListedRow>(
              this.#sql,
              `${columns} tokens t JOIN sign_ins s ON s.holder = t.id WHERE t.user = ?`,
              user,
            ),
            ...this.#rowsOf(holderOf(user)).map((row) => ({ ...row, token_name: null, token_user: null })),
          ];
    const open = rows.flatMap((row) => signInsOf(row).flatMap((each) => toRecord(row, each, now)));
    return open.sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1));
  }

  /** Ends one of a holder's sessions. It still counts towards the limit on sign-ins. */
  end(holder: string, id: string): void {
    const row = this.#row(holder);
    if (row === undefined) return;
    const recent = signInsOf(row).map((each) =>
      each.session?.id === id ? { ...each, session: null } : each,
    );
    this.#write({ ...row, recent: JSON.stringify(recent) });
  }

  /** Ends all of a holder's sessions, and forgets the sign-ins. */
  removeOf(holder: string): void {
    this.#sql.exec("DELETE FROM sign_ins WHERE holder = ?", holder);
  }

  #row(holder: string): Row | undefined {
    return this.#rowsOf(holder)[0];
  }

  /** None, or one. */
  #rowsOf(holder: string): Row[] {
    return all<Row>(this.#sql, "SELECT * FROM sign_ins WHERE holder = ?", holder);
  }

  #write({ holder, credential, recent }: Row): void {
    insert(this.#sql, "sign_ins", { holder, credential, recent }, "REPLACE");
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
  const person = userOf(holder) ?? null;
  const isToken = holder !== ADMIN_HOLDER && person === null;
  const token = isToken ? { id: holder, name: name ?? "", user: user as UserId | null } : null;
  return [{ ...rest, holder, token, person, createdAt }];
}
