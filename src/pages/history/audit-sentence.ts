// A line of the audit log as a sentence for people; its own fields are for programs.

import type { AuditEntry } from "../../contract/answers.ts";
import { devicePath } from "../../contract/paths.ts";
import { type Html, html } from "../html/html.ts";
import { person } from "../html/layout.ts";
import { clockTime } from "../html/times.ts";
import { capital, credentialWord, possessive } from "../html/words.ts";
import type { Line } from "./audit-lines.ts";

/** `timeZone`: the reader's, for the times in it. */
export function sentence(line: Line, timeZone: string): Html {
  return line.outcome === "refused" ? refused(line) : html`${done(line, timeZone)}${reason(line)}.`;
}

function done(line: Line, timeZone: string): Html {
  const { act, detail, log, actor } = line;
  const owner = possessive(log);
  const what = log === "" ? nameOf(line) : html`${owner} ${device(line)}`;
  /** The same at the beginning of a sentence. */
  const subject = log === "" ? nameOf(line) : html`${capital(owner)} ${device(line)}`;
  switch (act) {
    case "enrol":
      if (detail.kind === "browser")
        return html`${capital(log)} signed in with ${device(line)}${app(detail)}`;
      return html`${subject} was enrolled${detail.kind === undefined ? "" : ` with a ${credentialWord(detail.kind)}`}${detail.invitation === undefined ? "" : " by invitation"}${detail.status === "pending" ? " and waits for approval" : ""}`;
    case "approve":
      return html`${subject} was approved`;
    case "suspend":
    case "revoke":
    case "lost":
    case "reinstate":
      return statusChange(act, subject, detail);
    case "edit":
      if (detail.nameBefore !== undefined) {
        return html`${capital(owner)} ${detail.nameBefore} was renamed ${device(line)}`;
      }
      return detail.noteBefore === undefined
        ? html`The limits of ${what} were changed: ${newLimits(detail, timeZone)}`
        : html`The note on ${what} was ${detail.note === null ? "removed" : "changed"}`;
    case "forget":
      return html`${capital(owner)} ${device(line, false)} was forgotten`;
    case "add-credential":
      return html`${subject} was given its next ${credentialWord(detail.kind)}, ${short(detail.fingerprint)}`;
    case "retire-credential":
      return html`${capital(credentialWord(detail.kind))} ${short(detail.fingerprint)} of ${what} was retired`;
    case "wipe-delivered":
      if (detail.kind === "browser") return html`${subject} was told to clear what it stores${app(detail)}`;
      return html`${subject} was told to delete its vault${detail.tokenRefresh === "yes" ? ", on the token call" : ""}`;
    case "invite":
      return html`${capital(log)} was invited to enrol ${detail.device === undefined ? "a device" : html`<strong>${detail.device}</strong>, with a certificate`}`;
    case "fetch-certificate":
      return html`${subject} got its certificate by link${detail.client ? `, in ${detail.client}` : ""}`;
    case "withdraw":
      return html`An invitation for ${log} was withdrawn`;
    case "restore":
      return line.target === null ? html`A backup was restored` : html`${subject} was restored from a backup`;
    case "create-user":
      return html`User ${log || what} was added`;
    case "rename-user":
      return html`User ${line.target?.id ?? ""} was renamed ${what}`;
    case "edit-user":
      return html`User ${line.target?.id ?? ""} was changed: ${userChanges(line)}`;
    case "bind-identity":
      return html`${what} signs in as ${detail.user ?? ""} from now on`;
    case "unbind-identity":
      return html`${what} no longer signs in as ${detail.user ?? ""}`;
    case "dismiss-person":
      return html`${what}, who waited to be admitted, was dismissed`;
    case "delete-user":
      return html`User ${log || what} was removed`;
    case "dismiss":
      return html`Unknown certificate ${what} was dismissed`;
    case "create-token":
      return html`Token ${what} was created`;
    case "revoke-token":
      return html`Token ${what} was revoked`;
    case "sign-in":
      return log === ""
        ? html`${capital(person(actor))} signed in`
        : html`${capital(log)} signed in again with ${device(line)}${app(detail)}`;
    case "sign-out":
      return log === "" ? html`A session was signed out` : html`${subject} was signed out of every app`;
    default:
      return html`${act} ${what}`;
  }
}

/** `, on files.example.com`; a browser's enrolment has it as its only limit. */
function app({ app, apps }: AuditEntry["detail"]): string {
  const host = app ?? (apps ? list(apps) : undefined);
  return host === undefined ? "" : `, on ${host}`;
}

/** What an `edit-user` changed. */
function userChanges({ detail, target }: Line): string {
  const parts = [
    ...(detail.nameBefore === undefined ? [] : [`named ${target?.name ?? ""}`]),
    ...(detail.role === undefined ? [] : [`now ${detail.role === "owner" ? "an owner" : "a member"}`]),
    ...(detail.emails === undefined ? [] : [detail.emails ? `with ${detail.emails}` : "without an address"]),
  ];
  return parts.join(", ");
}

const STATUS_WORDS = {
  suspend: "suspended",
  revoke: "revoked",
  lost: "reported lost",
  reinstate: "let back in",
} as const;

function statusChange(act: keyof typeof STATUS_WORDS, subject: Html, detail: AuditEntry["detail"]): Html {
  // Repeated with another reason: the status did not change.
  if (detail.before === detail.status) return html`${subject} stays ${detail.status}, for another reason`;
  return html`${subject} was ${STATUS_WORDS[act]}`;
}

function reason({ detail }: Line): Html {
  return detail.status === undefined || !detail.reason ? html`` : html`: ${detail.reason}`;
}

/** A device's new limits: those that were changed. */
function newLimits({ apps, paths, countries, expiresAt }: AuditEntry["detail"], timeZone: string): string {
  const parts = [
    ...(apps === undefined ? [] : [apps === null ? "every app" : `only ${list(apps)}`]),
    ...(paths === undefined ? [] : [`reading only ${list(paths ?? "")}`]),
    ...(countries === undefined
      ? []
      : [countries === null ? "from anywhere" : `only from ${list(countries)}`]),
    ...(expiresAt === undefined
      ? []
      : [
          expiresAt === null ? "without a time limit" : `until ${clockTime(Date.parse(expiresAt), timeZone)}`,
        ]),
  ];
  return parts.join(", ");
}

/** The log has lists as JSON; a line from a backup may have anything. */
function list(text: string): string {
  return [...text.matchAll(/"([^"]*)"/g)].map(([, entry]) => entry).join(" and ") || text;
}

function refused(line: Line): Html {
  const { act, detail, log, target } = line;
  const what =
    target === null ? html`${log}` : log === "" ? nameOf(line) : html`${possessive(log)} ${device(line)}`;
  return html`<strong class="refused">Refused:</strong> ${act.replaceAll("-", " ")} ${what} (${(detail.reason ?? "no reason given").replaceAll("-", " ")})`;
}

/** The device's name, which leads to its page while there is one. */
function device({ log, target }: Line, isThere = true): Html {
  const name = target?.name ?? short(target?.id);
  if (target === null || !isThere) return html`<strong>${name}</strong>`;
  return html`<a href="${devicePath({ user: log, id: target.id })}"><strong>${name}</strong></a>`;
}

/** The subject of the directory's lines: users, tokens, certificates. */
function nameOf({ act, target }: Line): Html {
  const isUser = act === "create-user" || act === "delete-user";
  return html`<strong>${isUser ? (target?.id ?? "") : (target?.name ?? short(target?.id))}</strong>`;
}

/** Ids and fingerprints as the command line shows them: enough to recognise one. The CSV has them in full. */
export function short(text: string | null | undefined): string {
  const isId = /^[0-9a-f]{64}$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text ?? "");
  return isId ? (text ?? "").slice(0, 8) : (text ?? "");
}
