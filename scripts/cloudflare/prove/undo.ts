import { Failure } from "../../terminal/failure.ts";

/** Something that was made, or may have been. */
export interface Undoing {
  /** `the route host/*`, for people. */
  what: string;
  /** How a person removes it. */
  byHand: string;
  /** Looks for it by its name, and removes it if it is there. */
  remove(): Promise<void>;
}

/** What to undo at the end, the newest first. */
export class UndoStack {
  readonly #undoings: Undoing[] = [];

  /** To be called before the thing is made: a lost answer must not leave something that nobody knows of. */
  push(undoing: Undoing): void {
    this.#undoings.push(undoing);
  }

  /** Undoes everything, whatever fails. Returns what remains, one line each with how to remove it by hand. */
  async undoAll(progress: (line: string) => void): Promise<string[]> {
    const remaining: string[] = [];
    for (let undoing = this.#undoings.pop(); undoing !== undefined; undoing = this.#undoings.pop()) {
      const { what, byHand, remove } = undoing;
      progress(`undoing: ${what}`);
      try {
        await remove();
      } catch (error) {
        const why = error instanceof Failure ? error.message : String(error);
        remaining.push(`NOT undone: ${what} (${why}). ${byHand}`);
      }
    }
    return remaining;
  }
}
