// JSON objects in a log that arrives in pieces.
import { parseJson } from "../../terminal/text.ts";

/** Longer objects are dropped, in characters: the largest event of a tail is far smaller. */
const OBJECT_MAX = 4 * 1024 * 1024;

/**
 * Finds the objects: on one line each, as the local edge writes them, or over many lines, as `wrangler tail --format
 * json` prints them, which begin and end in the first column. Everything else (a program's greeting, half an object) is
 * dropped, so that memory stays bounded.
 */
export class LogReader {
  /** The unfinished line. */
  #line = "";
  #isTooLong = false;
  /** The unfinished object. */
  #open = "";

  /** The objects that this piece completes, parsed. */
  read(piece: string): object[] {
    const lines = piece.split("\n");
    const last = lines.pop() ?? "";
    const found = lines.flatMap((line) => this.#endLine(line));
    this.#append(last);
    return found;
  }

  /** The object on a last line without a line break. */
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

/** The object that the text holds, or `undefined`. */
export function parseObject(text: string): object | undefined {
  const value = parseJson(text);
  return typeof value === "object" && value !== null ? value : undefined;
}
