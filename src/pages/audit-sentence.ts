// A line of the audit log as a sentence for people; its own fields are for programs.

import type { AuditEntry } from "../contract/answers.ts";
import { devicePath } from "../contract/paths.ts";
import type { Line } from "./audit-lines.ts";
import { type Html, html } from "./html/html.ts";
import { person } from "./html/layout.ts";
import { possessive } from "./html/words.ts";

export function sentence(line: Line): Html {
  return line.outcome === "refused" ? refused(line) : html`${done(line)}${reason(line)}.`;
}

function done(line: Line): Html {
  const { act, detail, log, actor } = line;
  const what = line.log === "" ? nameOf(line) : device(line);
  switch (act) {
    case "enrol":
      return html`${what} was enrolled${detail.invitation === undefined ? "" : " by invitation"}${detail.status === "pending" ? " and waits for approval" : ""}`;
    case "approve":
      return html`${what} was approved`;
    case "suspend":
    case "revoke":
    case "lost":
    case "reinstate":
      return statusChange(act, what, detail);
    case "edit":
      return detail.nameBefore === undefined
        ? html`The note on ${what} was ${detail.note === null ? "removed" : "changed"}`
        : html`${possessive(log)} ${detail.nameBefore} was renamed ${device(line, false)}`;
    case "forget":
      return html`${device(line, true, false)} was forgotten`;
    case "add-credential":
      return html`${what} was given its next certificate, ${short(detail.fingerprint)}`;
    case "retire-credential":
      return html`Certificate ${short(detail.fingerprint)} of ${what} was retired`;
    case "wipe-delivered":
      return html`${what} was told to delete its vault${detail.tokenRefresh === "yes" ? ", on the token call" : ""}`;
    case "invite":
      return html`${log} was invited to enrol a device`;
    case "withdraw":
      return html`An invitation for ${log} was withdrawn`;
    case "restore":
      return line.target === null ? html`A backup was restored` : html`${what} was restored from a backup`;
    case "create-user":
      return html`User ${log || what} was added`;
    case "rename-user":
      return html`User ${line.target?.id ?? ""} was renamed ${what}`;
    case "delete-user":
      return html`User ${log || what} was removed`;
    case "dismiss":
      return html`Unknown certificate ${what} was dismissed`;
    case "create-token":
      return html`Token ${what} was created`;
    case "revoke-token":
      return html`Token ${what} was revoked`;
    case "sign-in":
      return html`${person(actor)} signed in`;
    case "sign-out":
      return html`A session was signed out`;
    default:
      return html`${act} ${what}`;
  }
}

const STATUS_WORDS = {
  suspend: "suspended",
  revoke: "revoked",
  lost: "reported lost",
  reinstate: "let back in",
} as const;

function statusChange(act: keyof typeof STATUS_WORDS, what: Html, detail: AuditEntry["detail"]): Html {
  // Repeated: the status did not change, and another reason was given.
  if (detail.before === detail.status) return html`${what} stays ${detail.status}, for another reason`;
  return html`${what} was ${STATUS_WORDS[act]}`;
}

function reason({ detail }: Line): Html {
  return detail.status === undefined || !detail.reason ? html`` : html`: ${detail.reason}`;
}

function refused(line: Line): Html {
  const { act, detail, log, target } = line;
  const what = target === null ? html`${log}` : line.log === "" ? nameOf(line) : device(line);
  return html`<strong class="refused">Refused:</strong> ${act.replaceAll("-", " ")} ${what} (${(detail.reason ?? "no reason given").replaceAll("-", " ")})`;
}

/** `alice’s pixel-9`, which leads to the device. */
function device({ log, target }: Line, withOwner = true, isThere = true): Html {
  const name = target?.name ?? short(target?.id);
  const link =
    target === null || !isThere
      ? html`<strong>${name}</strong>`
      : html`<a href="${devicePath({ user: log, id: target.id })}"><strong>${name}</strong></a>`;
  return withOwner ? html`${possessive(log)} ${link}` : link;
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
