// People who signed in with the identity provider and belong to no user yet: the tables `waiting_people` and
// `waiting_hour`. With a public provider that can be anybody on earth, so everything here is bounded.
import type { EmailAddress, Person, WaitingPersonRecord } from "../../domain/person.ts";
import type { Actor } from "../storage/audit-log.ts";
import { newComparisonCode } from "../storage/comparison-code.ts";
import { all, insert, one, update } from "../storage/sql.ts";

/** How many wait at most. */
export const WAITING_PEOPLE_MAX = 20;
/** How many are put on the list within an hour at most, those who have left it included. */
export const WAITING_PEOPLE_AN_HOUR = 20;
/** After this long, in milliseconds, somebody who waits gives way to others. */
export const WAITING_PERSON_MS = 7 * 24 * 60 * 60_000;
/** Somebody who waits is written at most once in this time, in milliseconds. */
export const WAITING_NOTED_EVERY_MS = 10 * 60_000;
const HOUR_MS = 60 * 60_000;

/** Longer names are cut, in characters. */
const NAME_MAX = 100;

type Row = {
  id: string;
  issuer: string;
  subject: string;
  address: string | null;
  is_verified: number;
  name: string | null;
  comparison_code: string;
  first_seen: number;
  last_seen: number;
  country: string | null;
};

export class WaitingPeopleTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Returns the code that the person is shown, the same for as long as they wait. `null`: the list is full. */
  note({ country, at }: Actor, person: Person): string | null {
    const { issuer, subject, email, isEmailVerified, name } = person;
    const said = {
      ...{ address: email, is_verified: isEmailVerified ? 1 : 0, name: name?.slice(0, NAME_MAX) ?? null },
      ...{ last_seen: at, country },
    };
    const known = one<Row>(
      this.#sql,
      "SELECT * FROM waiting_people WHERE issuer = ? AND subject = ?",
      ...[issuer, subject],
    );
    if (known !== undefined) {
      const isDue = at - known.last_seen >= WAITING_NOTED_EVERY_MS;
      if (isDue) update(this.#sql, "waiting_people", { id: known.id }, said);
      return known.comparison_code;
    }
    if (!this.#hasRoom(at)) return null;
    const code = newComparisonCode();
    const id = crypto.randomUUID();
    insert(this.#sql, "waiting_people", {
      ...{ id, issuer, subject, ...said, comparison_code: code, first_seen: at },
    });
    return code;
  }

  /** Who came first, first. */
  list(): WaitingPersonRecord[] {
    return all<Row>(this.#sql, "SELECT * FROM waiting_people ORDER BY first_seen, id").map(toRecord);
  }

  get(id: string): WaitingPersonRecord | undefined {
    return all<Row>(this.#sql, "SELECT * FROM waiting_people WHERE id = ?", id).map(toRecord)[0];
  }

  remove({ issuer, subject }: Pick<Person, "issuer" | "subject">): void {
    this.#sql.exec("DELETE FROM waiting_people WHERE issuer = ? AND subject = ?", issuer, subject);
  }

  /** Makes room for one, and counts it. */
  #hasRoom(now: number): boolean {
    const hour = one<{ began_at: number; noted: number }>(this.#sql, "SELECT * FROM waiting_hour");
    const isSameHour = hour !== undefined && Math.abs(now - hour.began_at) < HOUR_MS;
    const noted = isSameHour ? hour.noted : 0;
    if (noted >= WAITING_PEOPLE_AN_HOUR) return false;
    const waiting = all<Row>(this.#sql, "SELECT * FROM waiting_people ORDER BY first_seen, id");
    if (waiting.length >= WAITING_PEOPLE_MAX) {
      const [oldest] = waiting;
      if (oldest === undefined || now - oldest.first_seen < WAITING_PERSON_MS) return false;
      this.#sql.exec("DELETE FROM waiting_people WHERE id = ?", oldest.id);
    }
    const began_at = isSameHour ? hour.began_at : now;
    insert(this.#sql, "waiting_hour", { id: 1, began_at, noted: noted + 1 }, "REPLACE");
    return true;
  }
}

function toRecord(row: Row): WaitingPersonRecord {
  return {
    id: row.id,
    issuer: row.issuer,
    subject: row.subject,
    email: row.address as EmailAddress | null,
    isEmailVerified: row.is_verified === 1,
    name: row.name,
    comparisonCode: row.comparison_code,
    firstSeen: row.first_seen,
    lastSeen: row.last_seen,
    country: row.country,
  };
}
