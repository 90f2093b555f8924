// No I/O. No clock.

/** A longer object is dropped, in characters: the largest event of a tail is far below. */
const OBJECT_MAX = 4 * 1024 * 1024;

/**
 * Finds the JSON objects in a log that comes in pieces: on one line each, as the local edge writes
 * them, or over many lines, as `wrangler tail --format json` prints them. Such an object begins and
 * ends in the first column. Everything else (a program's greeting, half an object) is dropped, so
 * that memory stays bounded whatever comes.
 */
export class LogReader {
  /** The line that has not ended yet. */
  #line = "";
  #isTooLong = false;
  /** The object that has not ended yet. */
  #open = "";

  /** The objects that this piece completes, parsed. */
  read(piece: string): object[] {
    const lines = piece.split("\n");
    const last = lines.pop() ?? "";
    const found = lines.flatMap((line) => this.#endLine(line));
    this.#append(last);
    return found;
  }

  /** The object on a last line that no line break ended. */
  end(): object[] {
    return this.#endLine("");
  }

  #append(text: string): void {
    this.#isTooLong ||= this.#line.length + text.length > OBJECT_MAX;
    this.#line = this.#isTooLong ? "" : this.#line + text;
  }

  #endLine(text: string): object[] {
    this.#append(text);
    const line = this.#line.trimEnd();
    const isTooLong = this.#isTooLong;
    this.#line = "";
    this.#isTooLong = false;

    if (line.startsWith("{")) this.#open = line;
    else if (this.#open !== "") this.#open += `\n${line}`;
    if (isTooLong || this.#open.length > OBJECT_MAX) this.#open = "";
    const mayBeWhole = line.startsWith("{") ? line.endsWith("}") : line.startsWith("}");
    if (this.#open === "" || !mayBeWhole) return [];
    const object = parseObject(this.#open);
    if (object !== undefined || line.startsWith("}")) this.#open = "";
    return object === undefined ? [] : [object];
  }
}

/** The object that a text is, or `undefined`. */
export function parseObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
