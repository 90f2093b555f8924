// A refused request of the API or of a page: what was wrong, for its caller to turn into a response.
import type * as v from "valibot";
import { PROBLEMS, type Problem, type ProblemCode } from "./problems.ts";

/** Thrown by handlers of the API and of pages; anything else that they throw is an internal error. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly code: ProblemCode;
  /** What was wrong in particular, for people; without it, the problem's title and remedy say enough. */
  readonly detail: string | undefined;
  readonly errors: Problem["errors"];
  readonly headers: Record<string, string>;

  constructor(
    code: ProblemCode,
    detail?: string,
    more: { errors?: Problem["errors"]; headers?: Record<string, string> } = {},
  ) {
    super(detail ?? PROBLEMS[code].remedy);
    this.code = code;
    this.detail = detail;
    this.errors = more.errors;
    this.headers = more.headers ?? {};
  }
}

/** What valibot found wrong, field by field. */
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
