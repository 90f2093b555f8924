// Whether anything can be added to a user's registry, and on which claims. The rule is that of generation.ts.
import type { RegistryError } from "../../../domain/records.ts";
import { type Actor, writeAudit } from "../../storage/audit-log.ts";
import { CLAIM_VALID_MS, type Claim, directoryTime, type StaleClaim } from "../../storage/generation.ts";
import { update } from "../../storage/sql.ts";

/** One row, for as long as the object lives (see generation.ts). */
export const REGISTRY_STATE_SCHEMA = `
  CREATE TABLE registry_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- The time of the latest opening or closing that counted, 0 before there was one.
    generation INTEGER NOT NULL,
    -- 1 after the user was deleted: nothing can be enrolled then.
    closed INTEGER NOT NULL,
    -- Claims up to this time are stale: a device was forgotten since.
    released_at INTEGER NOT NULL
  );
  INSERT INTO registry_state (id, generation, closed, released_at) VALUES (1, 0, 0, 0);`;

interface State {
  /** The latest opening or closing that counted. */
  generation: number;
  isClosed: boolean;
  /** Claims up to this time were released, or may have been. */
  releasedAt: number;
}

/** Reads and writes the table `registry_state`. Each method is to be called in a transaction. */
export class RegistryState {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Opens the registry for a generation of the user, unless a later one, or a removal of this one, came first. */
  open(by: Actor, generation: number): void {
    const before = this.#read();
    if (directoryTime(generation) <= before.generation) return;
    this.#change(by, before, generation, false);
  }

  /** Closes the registry for a removal of the user. Returns false, and does nothing, when it was opened since. */
  close(by: Actor, removal: number): boolean {
    const before = this.#read();
    if (directoryTime(removal) >= before.generation) this.#change(by, before, removal, true);
    return removal >= before.generation || before.isClosed;
  }

  /** From now on, claims up to this time are stale: the directory is about to release them. */
  release(until: number): void {
    this.#sql.exec("UPDATE registry_state SET released_at = MAX(released_at, ?)", directoryTime(until));
  }

  /** Why a credential may not be added on this claim; `undefined` = it may. */
  refuseClaim(by: Actor, { claimedAt, generation }: Claim): RegistryError | StaleClaim | undefined {
    const refusal = this.refuseGeneration(by, generation);
    if (refusal !== undefined) return refusal;
    const isTooOld = Date.now() - directoryTime(claimedAt) > CLAIM_VALID_MS;
    return isTooOld || claimedAt <= this.#read().releasedAt ? { code: "stale-claim" } : undefined;
  }

  /**
   * Why nothing that the directory agreed to in this generation of the user may be added; `undefined` = it
   * may. A generation later than any the registry has seen opens it: the call that should have done so is
   * late or was lost.
   */
  refuseGeneration(by: Actor, generation: number): { code: "unknown-user" } | StaleClaim | undefined {
    this.open(by, generation);
    const state = this.#read();
    if (state.isClosed) return { code: "unknown-user" };
    return generation < state.generation ? { code: "stale-claim" } : undefined;
  }

  #change(by: Actor, before: State, generation: number, isClosed: boolean): void {
    update(this.#sql, "registry_state", { id: 1 }, { generation, closed: isClosed ? 1 : 0 });
    if (before.isClosed === isClosed) return;
    writeAudit(this.#sql, by, {
      act: isClosed ? "delete-user" : "create-user",
      outcome: "done",
      target: null,
    });
  }

  #read(): State {
    const { generation, closed, released_at } = this.#sql
      .exec<{ generation: number; closed: number; released_at: number }>("SELECT * FROM registry_state")
      .one();
    return { generation, isClosed: closed === 1, releasedAt: released_at };
  }
}
