// The file of a backup: its format, how it is written and how it is read.
import { lstat, mkdir, stat } from "node:fs/promises";
import * as v from "valibot";
import {
  BackupAuditEntry,
  BackupDevice,
  BackupIdentities,
  BackupTokens,
  BackupUnknownCertificate,
  BackupUser,
} from "../../src/contract/backup.ts";
import { FOLDER_MODE, readSmallFile, SECRET_MODE, writeNew } from "../files.ts";
import { errorCode, type Failure, failed, misuse } from "../terminal/failure.ts";
import { excerpt, parseJson, plural, printable, shellWord } from "../terminal/text.ts";
import { checksumOf } from "./canonical.ts";

export const FORMAT = "latchkey-backup";
export const VERSION = 1;

/** Far above any registry that a backup is made of; a larger file is a wrong file. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** The bits of a folder's mode by which its group, and everybody, may make and replace files in it. */
const WRITABLE_BY_OTHERS = 0o022;

/** How many of a file's errors are shown. */
const PROBLEMS_SHOWN = 5;

const list = <Schema extends v.GenericSchema>(schema: Schema) => v.array(schema, "must be a list");

/** Oldest first. */
const AuditLog = v.pipe(
  list(BackupAuditEntry),
  v.check(
    (entries) => entries.every(({ id }, index) => index === 0 || id > (entries[index - 1]?.id ?? 0)),
    "the lines of a log are in their order",
  ),
);

const BackupContent = v.strictObject({
  format: v.literal(FORMAT),
  version: v.literal(VERSION),
  createdAt: v.pipe(v.string(), v.isoTimestamp("must be a time (ISO 8601)")),
  /** The gate that it was made of: scheme, host and port. */
  source: v.string(),
  users: v.pipe(
    list(
      v.pipe(
        v.strictObject({ ...BackupUser.entries, devices: list(BackupDevice), audit: AuditLog }),
        v.check(({ id, devices }) => devices.every(({ user }) => user === id), "a device is another user's"),
      ),
    ),
    v.check((users) => isUnique(users.map(({ id }) => id)), "a user is listed twice"),
    v.check(
      (users) => isUnique(users.flatMap(({ devices }) => devices.map(({ id }) => id))),
      "a device is listed twice",
    ),
    v.check(
      (users) =>
        isUnique(
          users.flatMap(({ devices }) =>
            devices.flatMap(({ credentials }) => credentials.map(({ key }) => key)),
          ),
        ),
      "a certificate is listed twice",
    ),
  ),
  tokens: BackupTokens,
  /** Not in backups of before people signed in with an identity provider. */
  identities: v.optional(BackupIdentities, []),
  unknownCertificates: list(BackupUnknownCertificate),
  /** The directory's own log. */
  audit: AuditLog,
});

/** A backup as it is written: the API's own objects. */
export type BackupJson = v.InferInput<typeof BackupContent>;
/** The same once read: times are milliseconds since 1970. */
export type Backup = v.InferOutput<typeof BackupContent>;

/** Both forms of one file: what is planned with, and what is sent. */
export interface ReadBackup {
  backup: Backup;
  json: BackupJson;
}

/** Writes a backup: whole or not at all, readable only by its owner, and never over a file that is there. */
export async function writeBackup(path: string, content: BackupJson): Promise<void> {
  try {
    await writeNew(path, backupText(content), SECRET_MODE);
  } catch (error) {
    throw writeFailure(error, path);
  }
}

/** Makes a folder that only its owner can read. If it is there already, nobody else may be able to write to it. */
export async function ownFolder(path: string): Promise<string> {
  let mode: number;
  try {
    await mkdir(path, { recursive: true, mode: FOLDER_MODE });
    ({ mode } = await stat(path));
  } catch (error) {
    throw writeFailure(error, path);
  }
  if (process.platform === "win32" || (mode & WRITABLE_BY_OTHERS) === 0) return path;
  throw failed(
    `other users may write to ${printable(path)}`,
    `keep it to yourself: chmod 700 ${shellWord(path)}; or give another folder`,
  );
}

/** Before the registry is read: a place that cannot be written to is reported immediately. */
export async function refuseExisting(path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (there !== undefined) throw writeFailure(Object.assign(new Error(), { code: "EEXIST" }), path);
}

export function backupText(content: BackupJson): string {
  return `${JSON.stringify({ ...content, checksum: checksumOf(content) }, null, 1)}\n`;
}

/**
 * Reads a backup. Throws a misuse that says what is wrong with it and where: it is not JSON, of another format
 * or version, damaged (the checksum), or not of the right shape.
 */
export async function readBackup(path: string): Promise<ReadBackup> {
  const shown = printable(path);
  const file = parseJson((await readSmallFile(path, "a backup", MAX_FILE_BYTES)).toString("utf8"));
  if (file === undefined) {
    throw misuse(`${shown} is not JSON: it was cut short, or is another file`, "take another copy of it");
  }
  if (typeof file !== "object" || file === null || !("format" in file) || file.format !== FORMAT) {
    throw misuse(`${shown} is not a backup of latchkey`, "give a file that latchkey backup wrote");
  }
  const { checksum, ...content } = file as Record<string, unknown>;
  if (content.version !== VERSION) {
    throw misuse(
      `${shown} is a backup of version ${shownMember(content.version)}, and this command reads version ${VERSION}`,
      "use a clone that is as new as the one that wrote it",
    );
  }
  const computed = computedChecksum(content, shown);
  if (checksum !== computed) {
    throw misuse(
      `${shown} is damaged or was changed: its checksum is ${shownMember(checksum)}, and its content has ${computed}`,
      "take another copy of it",
    );
  }
  const parsed = v.safeParse(BackupContent, content);
  if (parsed.success) return { backup: parsed.output, json: content as BackupJson };
  const problems = parsed.issues.map(
    (issue) => `${excerpt(v.getDotPath(issue) ?? "the file")}: ${excerpt(issue.message)}`,
  );
  throw misuse(
    `${shown} has ${plural(problems.length, "error")}, though its checksum is right`,
    "it was not written by latchkey backup, or by another version of it",
    problems.slice(0, PROBLEMS_SHOWN),
  );
}

/** A member that may be anything, and of any length or depth. */
function shownMember(member: unknown): string {
  return typeof member === "string" || typeof member === "number" ? excerpt(String(member)) : "missing";
}

/** Of a file that was not checked yet: it may be of any shape. */
function computedChecksum(content: object, shown: string): string {
  try {
    return checksumOf(content);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw misuse(`${shown} is nested deeper than any backup`, "give a file that latchkey backup wrote");
  }
}

function isUnique(texts: readonly string[]): boolean {
  return new Set(texts).size === texts.length;
}

function writeFailure(error: unknown, path: string): Failure | unknown {
  const code = errorCode(error);
  const shown = printable(path);
  if (code === undefined) return error;
  return code === "EEXIST"
    ? misuse(`${shown} is there already, and is not overwritten`, "give another --out FILE")
    : failed(`${shown} cannot be written (${code})`, "check the path and its folder, or give another --out");
}
