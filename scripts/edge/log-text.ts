// The Worker's log lines, for people.
import { clientName } from "../../src/domain/request/client-name.ts";
import { printable } from "../terminal/text.ts";
import type { WorkerLogLine } from "./worker.ts";

/** The Worker's log line as a person reads it. What is not one of ours is shown as it is. */
export function logText({ level, message }: WorkerLogLine): string {
  const line = logEntry({ message });
  if (line === undefined) return printable(`${level}: ${message}`);
  const { event, ...rest } = line;
  if (event === "counted") return printable(counted(line));
  return printable(event === "refused" || event === "control-refused" ? refusal(line) : other(event, rest));
}

type Fields = Record<string, unknown>;

/** The fields of a line that is one of ours. */
export function logEntry({ message }: Pick<WorkerLogLine, "message">): Fields | undefined {
  try {
    const value: unknown = JSON.parse(message);
    return typeof value === "object" && value !== null && "event" in value ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

/** `refused unknown-device: GET app.localhost/path from CH, fingerprint 0d1e2f3a, by Bitwarden Android` */
function refusal({ reason, method, app, path, country, fingerprint, token, client }: Fields): string {
  const from = country === null ? "" : ` from ${text(country)}`;
  // A certificate's, a token's or a feed's: the line does not say whose.
  const shown = fingerprint === null ? "" : `, fingerprint ${text(fingerprint)}`;
  const invalid = token === "invalid" ? ", with a token that is not valid here" : "";
  const by = typeof client === "string" ? `, by ${clientName(client)}` : "";
  return `refused ${text(reason)}: ${text(method)} ${text(app)}${text(path)}${from}${shown}${invalid}${by}`;
}

/** `refused unknown-device: 120 more at app.localhost, by Bitwarden Android` */
function counted({ of, reason, app, program, count }: Fields): string {
  const why = reason === undefined ? "" : ` ${text(reason)}`;
  const at = app === undefined ? "" : ` at ${text(app)}`;
  const by = program === undefined ? "" : `, by ${text(program)}`;
  return `${text(of)}${why}: ${text(count)} more${at}${by}`;
}

/** `registry-error: message=..., cause=...` */
function other(event: unknown, fields: Fields): string {
  const pairs = Object.entries(fields).filter(([, value]) => value !== null);
  return `${text(event)}: ${pairs.map(([name, value]) => `${name}=${text(value)}`).join(", ")}`;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}
