import { Failure } from "../../terminal/failure.ts";

/** One thing that was made, or may have been. */
export interface Undoing {
  /** `the route host/*`, for people. */
  what: string;
  /** How a person removes it. */
  byHand: string;
  /** Looks for it by its name, and removes it. Does nothing where it is not. */
  remove(): Promise<void>;
}

/** What is to be undone in the end, the last thing first. */
export class UndoStack {
  readonly #undoings: Undoing[] = [];

  /** Before it is made: an answer that gets lost must not leave a thing that nobody knows of. */
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
