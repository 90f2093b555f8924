// One row of the API's table: what an operation is.
import type { GenericSchema } from "valibot";
import type { Need } from "./permissions.ts";
import type { ProblemCode } from "./problems.ts";

export type Method = "GET" | "PUT" | "POST" | "PATCH" | "DELETE";

/** Whose things an operation is about: those of the path's `:user`, everybody's, or only the caller's own. */
export type Whose = "user" | "everybody" | "own";

/** What an operation does, takes and answers. */
export interface Exchange {
  summary: string;
  query?: GenericSchema;
  body?: GenericSchema;
  /** By status; `null`: no body. */
  answers: Readonly<Record<number, GenericSchema | null>>;
  /** Besides those that follow from the rest of the row (see `problemsOf`). */
  problems?: readonly ProblemCode[];
}

export interface Route<Path extends string> {
  method: Method;
  /** Below `API_PATH`; `:name` stands for a parameter. */
  path: Path;
  needs: Need;
  of: Whose;
}

export type Operation = Route<string> & Exchange;

export function row<Path extends string, const Rest extends Exchange>(
  route: `${Method} ${Path}`,
  who: `${Need} ${Whose}`,
  rest: Rest,
): Route<Path> & Rest {
  const [method, path] = route.split(" ") as [Method, Path];
  const [needs, of] = who.split(" ") as [Need, Whose];
  return { method, path, needs, of, ...rest };
}
