// No I/O. No clock.
import type { GenericSchema } from "valibot";
import type { Need } from "../contract/permissions.ts";
import type { ProblemCode } from "../contract/problems.ts";
import type { Handler } from "./handler.ts";

/** One operation of the API: who may, what goes in, what comes out. */
export interface Operation {
  /** Unique: what a generated client calls it. */
  id: string;
  method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE";
  /** Below `API_PATH`, as the router takes it. */
  path: string;
  summary: string;
  needs: Need;
  /** Whose things it is about: the path's `:user`, everybody's, or no more than the asker's own. */
  of: "user" | "everybody" | "own";
  query?: GenericSchema;
  body?: GenericSchema;
  /** By status; `null` = no body. */
  answers: Record<number, GenericSchema | null>;
  /** Problems of its own, besides those that every operation may have (see openapi.ts). */
  problems: readonly ProblemCode[];
  handle: Handler;
}
