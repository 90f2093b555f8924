import * as v from "valibot";
import { untold } from "./read-fact.ts";

/** Parses an answer of the API. One of another form throws `untold(what)`, which makes the check unknown. */
export function known<Schema extends v.GenericSchema>(
  schema: Schema,
  answer: unknown,
  what: string,
): v.InferOutput<Schema> {
  const read = v.safeParse(schema, answer);
  if (!read.success) throw untold(what);
  return read.output;
}

/**
 * The items of a list, up to the first that was there before: the SDK asks for the next page until one is
 * empty, and a service that ignores the page's number would be asked without end.
 */
export async function* untilRepeated(items: AsyncIterable<unknown>): AsyncGenerator<unknown> {
  const seen = new Set<string>();
  for await (const item of items) {
    const text = JSON.stringify(item);
    if (seen.has(text)) return;
    seen.add(text);
    yield item;
  }
}
