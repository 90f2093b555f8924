// What the gate was asked to change, and what its state must therefore be.

/**
 * The history of one thing, such as a device, as far as its writer knows it. States are compared as strings.
 */
export class Ledger {
  /** One, unless the answer to the last change was lost: then those before and after it. */
  #states: readonly [string] | readonly [before: string, after: string];
  /** The acts that its audit log must contain, in order. */
  readonly acts: string[] = [];
  #lastAct: string | undefined;

  constructor(state: string) {
    this.#states = [state];
  }

  get state(): string {
    return this.#states[0];
  }

  get isCertain(): boolean {
    return this.#states.length === 1;
  }

  /** A change is about to be sent. `act`: its name in the audit log, if it has a line there. */
  begin(after: string, act: string | undefined): void {
    this.#states = [this.state, after];
    this.#lastAct = act;
  }

  acknowledge(): void {
    this.#settle(true);
  }

  refuse(): void {
    this.#settle(false);
  }

  /**
   * Compares with the state found and with the audit log, and continues from what was found. Returns what is wrong.
   * `logged`: the acts in its audit log; `undefined` if there is none to compare.
   */
  compare(name: string, found: string, logged: readonly string[] | undefined): string[] {
    const wrong: string[] = [];
    if (!(this.#states as readonly string[]).includes(found)) {
      wrong.push(`${name} should be ${this.#states.join(" or ")}, and is ${found}`);
    }
    const wasMade = !this.isCertain && found !== this.state;
    this.#settle(wasMade);
    this.#states = [found];
    if (logged !== undefined && logged.join() !== this.acts.join()) {
      wrong.push(`${name} was changed by ${this.acts.join(", ")}; its audit log has ${logged.join(", ")}`);
      this.acts.splice(0, this.acts.length, ...logged);
    }
    return wrong;
  }

  #settle(wasMade: boolean): void {
    const [before, after] = this.#states;
    this.#states = [wasMade && after !== undefined ? after : before];
    if (wasMade && this.#lastAct !== undefined) this.acts.push(this.#lastAct);
    this.#lastAct = undefined;
  }
}
