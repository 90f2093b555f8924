// A request of the API or a page that is refused: what was wrong, for whoever answers to turn into a response.
import type * as v from "valibot";
import type { Problem, ProblemCode } from "./problems.ts";

/** Thrown by the API's handlers; what is thrown otherwise is an internal error. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly code: ProblemCode;
  readonly errors: Problem["errors"];
  readonly headers: Record<string, string>;

  constructor(
    code: ProblemCode,
    detail: string,
    more: { errors?: Problem["errors"]; headers?: Record<string, string> } = {},
  ) {
    super(detail);
    this.code = code;
    this.errors = more.errors;
    this.headers = more.headers ?? {};
  }
}

/** What valibot found wrong, field by field; fields that do not exist are named as such. */
export function fieldErrors(issues: readonly v.BaseIssue<unknown>[]): { path: string; message: string }[] {
  return issues.map((issue) => ({
    path: (issue.path ?? []).map(({ key }) => String(key)).join("."),
    message: fieldMessage(issue),
  }));
}

function fieldMessage({ type, expected, message }: v.BaseIssue<unknown>): string {
  if (type === "strict_object" && expected === "never") return "there is no such field";
  if (type === "strict_object" && expected !== "Object") return "this field is missing";
  if (type === "strict_object") return "the body must be a JSON object";
  return message;
}
