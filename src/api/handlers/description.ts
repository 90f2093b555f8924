import type { Description } from "../../contract/requests.ts";
import { type Handler, json } from "../handler.ts";
import { describeApi } from "../openapi.ts";
import type { Operation } from "../operation.ts";

/** The table has this operation as a row, so it is handed over when it is whole. Described once an isolate. */
export function showDescription(operations: () => readonly Operation[]): Handler {
  let description: Description | undefined;
  return async () => {
    description ??= describeApi(operations());
    return json<Description>(description);
  };
}
