// The files in which a device gets its certificate, and the password that protects them.
import { randomInt, randomUUID } from "node:crypto";
import { access, constants, lstat, mkdir, rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { FOLDER_MODE, orMissing, SECRET_MODE, writeNew } from "../files.ts";
import { errorCode, failed, misuse } from "../terminal/failure.ts";
import { printable } from "../terminal/text.ts";
import { toMobileConfig } from "./mobileconfig.ts";
import { type Pkcs12Form, toPkcs12 } from "./pkcs12/write.ts";

/** The files of one device's certificate. All of them are secrets, or lie beside one: mode 0600. */
export interface DeviceFiles {
  folder: string;
  /** PKCS#12 in the form that imports everywhere, and in the modern one. */
  p12: string;
  modern: string;
  /** PEM. */
  certificate: string;
  key: string;
  /** Apple's configuration profile, when it is asked for. */
  mobileConfig: string | undefined;
}

/** Where the files of `alice`'s `pixel-9` go in a folder: `alice-pixel-9.p12` and so on. */
export function deviceFiles(
  folder: string,
  user: string,
  device: string,
  mobileConfig: boolean,
): DeviceFiles {
  const base = fileNameOf(`${user}-${device}`);
  const at = (end: string) => join(resolve(folder), `${base}${end}`);
  return {
    folder: resolve(folder),
    p12: at(".p12"),
    modern: at("-modern.p12"),
    certificate: at(".pem"),
    key: at(".key"),
    mobileConfig: mobileConfig ? at(".mobileconfig") : undefined,
  };
}

function allOf({ p12, modern, certificate, key, mobileConfig }: DeviceFiles): string[] {
  return [p12, modern, certificate, key, ...(mobileConfig === undefined ? [] : [mobileConfig])];
}

/**
 * Letters and digits of any language stay; what a shell, a file system or a phone's file chooser may
 * misread becomes a hyphen.
 */
export function fileNameOf(name: string): string {
  return name
    .normalize("NFC")
    .replace(/[^\p{L}\p{M}\p{N}._-]+/gu, "-")
    .replace(/^[.-]+|[.-]+$/g, "");
}

/** Before anything is signed: the folder is there and may be written to, and none of the files is there. */
export async function claimFiles(files: DeviceFiles): Promise<void> {
  try {
    await mkdir(files.folder, { recursive: true, mode: FOLDER_MODE });
    await access(files.folder, constants.W_OK | constants.X_OK);
    for (const path of allOf(files)) {
      // Also a link that leads nowhere: nothing is written over it.
      if ((await orMissing(lstat(path))) !== undefined) throw existsFailure(path);
    }
  } catch (error) {
    throw folderFailure(error, files);
  }
}

interface Contents {
  /** `alice pixel-9` */
  name: string;
  certificate: string;
  key: string;
  fingerprint: string;
  password: string;
}

/** Writes all files, or none: what was written before one failed is deleted again. */
export async function writeFiles(files: DeviceFiles, contents: Contents): Promise<void> {
  const { name, certificate, key, fingerprint, password } = contents;
  const p12 = (form: Pkcs12Form) => toPkcs12({ certificate, key }, password, name, form);
  const legacy = p12("legacy");
  const toWrite: [string, string | Buffer][] = [
    [files.key, key],
    [files.certificate, certificate],
    [files.p12, legacy],
    [files.modern, p12("modern")],
  ];
  if (files.mobileConfig !== undefined) {
    const profile = toMobileConfig({
      name,
      fingerprint,
      pkcs12: legacy,
      pkcs12FileName: basename(files.p12),
      uuids: [randomUUID(), randomUUID()],
    });
    toWrite.push([files.mobileConfig, profile]);
  }
  const written: string[] = [];
  try {
    for (const [path, content] of toWrite) {
      await writeNew(path, content, SECRET_MODE);
      written.push(path);
    }
  } catch (error) {
    await deleteAll(written);
    throw folderFailure(error, files);
  }
}

/** Deletes the files that `writeFiles` wrote. */
export async function deleteFiles(files: DeviceFiles): Promise<void> {
  await deleteAll(allOf(files));
}

async function deleteAll(paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(path, { force: true });
}

function existsFailure(path: string) {
  return misuse(
    `${printable(path)} is there already, and files are never overwritten`,
    "move it away, or name another folder with --out",
  );
}

function folderFailure(error: unknown, { folder }: DeviceFiles): unknown {
  const code = errorCode(error);
  const { path, dest } = error as NodeJS.ErrnoException & { dest?: string };
  if (code === undefined) return error;
  if (code === "EEXIST" && dest !== undefined) return existsFailure(dest);
  if (code === "EEXIST" || code === "ENOTDIR") {
    return misuse(`${printable(folder)} is not a folder`, "name a folder with --out");
  }
  return failed(
    `the files cannot be written (${code}${path === undefined ? "" : `: ${printable(path)}`})`,
    "check the folder's owner, its modes and the room on the disk, or name another with --out",
  );
}

/** Lower-case letters and digits that look different in every font: 31 of them. */
const ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";

/** A password to type on a phone, `k7mf-2wxa-p9dn-ehq4`: 79 bits, too many to try, even with PKCS#12's old key derivation. */
export function newImportPassword(): string {
  return "????-????-????-????".replaceAll("?", () => ALPHABET.charAt(randomInt(ALPHABET.length)));
}
