/** Reads and writes the table `registry_state`: whether anything can be enrolled, and since when. */
export class RegistryState {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  get isClosed(): boolean {
    return this.#sql.exec("SELECT 1 FROM registry_state WHERE closed = 1").toArray().length > 0;
  }

  /** When a deleted user was created again, in milliseconds since the epoch; 0 = never deleted. */
  get openedAt(): number {
    return this.#sql.exec<{ opened_at: number }>("SELECT opened_at FROM registry_state WHERE id = 1").one()
      .opened_at;
  }

  setClosed(closed: boolean, now: number): void {
    this.#sql.exec(
      "UPDATE registry_state SET closed = ?, opened_at = ? WHERE id = 1",
      ...[closed ? 1 : 0, closed ? 0 : now],
    );
  }
}
