// The directory's time, which never repeats and never goes back: the table `clock`.
export class DirectoryClock {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The latest time that was given out. Milliseconds since the epoch. */
  get last(): number {
    return this.#sql.exec<{ last: number }>("SELECT last FROM clock WHERE id = 1").one().last;
  }

  /**
   * A time later than every one before. It follows real time, so that it is later than anything the users'
   * registries have seen, even if only the directory's storage was set back to an earlier day.
   */
  tick(): number {
    const time = Math.max(Date.now(), this.last + 1);
    this.#sql.exec("UPDATE clock SET last = ? WHERE id = 1", time);
    return time;
  }
}
