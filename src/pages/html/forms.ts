// Forms: how they are read, checked and offered.
import * as v from "valibot";
import { readText } from "../../api/input.ts";
import { ApiError, fieldErrors } from "../../contract/api-error.ts";
import { PROBLEMS, type ProblemCode } from "../../contract/problems.ts";
import type { UserRecord } from "../../domain/records.ts";
import { type Html, html } from "./html.ts";
import { capital } from "./words.ts";

const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(;|$)/i;

/**
 * The largest form, in bytes: the longest name and note of a device take 6 KB. Anybody may send a form to the sign-in and
 * enrolment pages, and reading it and showing it again costs CPU.
 */
export const MAX_FORM_BYTES = 16 * 1024;

/** Reads a form. Throws `wrong-content-type` or `body-too-large`. */
export async function readForm(request: Request): Promise<URLSearchParams> {
  if (!FORM_TYPE.test(request.headers.get("content-type") ?? "")) {
    throw new ApiError("wrong-content-type", "this is not a form of these pages");
  }
  return new URLSearchParams(await readText(request, MAX_FORM_BYTES));
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

/**
 * What is wrong with what somebody typed, as a message for the page that shows it again, and that page's status. Throws
 * everything else again: it is no mistake of theirs.
 */
export function mistakeOf(error: unknown, codes: readonly ProblemCode[]): { message: Html; status: number } {
  if (!(error instanceof ApiError) || !codes.includes(error.code)) throw error;
  const { status, title } = PROBLEMS[error.code];
  const wrong = error.errors?.map(({ message }) => message).join("; ") ?? error.detail ?? title;
  return {
    status,
    message: html`<p class="message" role="alert">${capital(wrong)}. Nothing was changed.</p>`,
  };
}

/** A text field: browsers send line breaks as CRLF. */
export function field(form: URLSearchParams, name: string): string {
  return (form.get(name) ?? "").replaceAll("\r\n", "\n").trim();
}

export function userSelect(
  id: string,
  users: readonly UserRecord[],
  chosen: string | null = null,
  none?: string,
): Html {
  const first = none === undefined ? "" : html`<option value="">${none}</option>`;
  return html`<select id="${id}" name="user"${none === undefined ? html` required` : ""}>${first}${users.map(
    (user) =>
      html`<option value="${user.id}"${user.id === chosen ? html` selected` : ""}>${user.name === null ? user.id : `${user.name} (${user.id})`}</option>`,
  )}</select>`;
}

/** A choice between numbers of seconds, each in words. */
export function secondsSelect(
  id: string,
  choices: readonly (readonly [seconds: number | "", label: string])[],
  chosen: string,
): Html {
  return html`<select id="${id}" name="${id}">${choices.map(
    ([seconds, label]) =>
      html`<option value="${String(seconds)}"${String(seconds) === chosen ? html` selected` : ""}>${label}</option>`,
  )}</select>`;
}
