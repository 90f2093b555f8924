import * as v from "valibot";
import { readText } from "../input.ts";
import { ApiError, fieldErrors } from "../problem.ts";

const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(;|$)/i;

/** Reads a form. Throws `wrong-content-type` or `body-too-large`. */
export async function readForm(request: Request): Promise<URLSearchParams> {
  if (!FORM_TYPE.test(request.headers.get("content-type") ?? "")) {
    throw new ApiError("wrong-content-type", "this is not a form of these pages");
  }
  return new URLSearchParams(await readText(request));
}

/** Checks a form's fields with the API's own schema; throws `invalid-fields` with what is wrong. */
export function parseFields<Schema extends v.GenericSchema>(
  fields: Record<string, unknown>,
  schema: Schema,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, fields);
  if (parsed.success) return parsed.output;
  const errors = fieldErrors(parsed.issues);
  throw new ApiError("invalid-fields", errors.map(({ message }) => message).join("; "), { errors });
}

/** A text field: browsers send line breaks as CRLF. */
export function field(form: URLSearchParams, name: string): string {
  return (form.get(name) ?? "").replaceAll("\r\n", "\n").trim();
}
