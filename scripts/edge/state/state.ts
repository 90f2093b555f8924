// The state folder: everything that a local edge keeps between two starts.
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  FOLDER_MODE,
  PUBLIC_MODE,
  readIfThere,
  SECRET_MODE,
  UNFINISHED_SUFFIX,
  writeWhole,
} from "../../files.ts";
import { Failure, failed } from "../../terminal/failure.ts";
import { BLOCKED_TEMPLATE } from "./blocked.ts";
import { loadAuthority, loadDevice, loadServer } from "./credentials.ts";
import { DEMO_DEVICES, P12_PASSWORD, type StatePaths } from "./paths.ts";
import { REVOKED_TEMPLATE } from "./revoked.ts";

/** 256 bits. In base64url that is 43 characters, more than the 32 that the Worker asks for. */
const TOKEN_BYTES = 32;
const TOKEN = /^[\x21-\x7e]{32,}$/;

/**
 * Makes the state folder, or opens the one that is there: what is whole is kept, what is missing,
 * half made, expired or from another authority is made again. `hosts` are the names that the server's
 * certificate is for. The caller holds the folder's lock.
 */
export async function openState(paths: StatePaths, hosts: readonly string[], now: Date) {
  await mkdir(join(paths.folder, "devices"), { recursive: true, mode: FOLDER_MODE });
  await mkdir(paths.registry, { recursive: true, mode: FOLDER_MODE });
  await sweep(paths.folder);
  await sweep(join(paths.folder, "devices"));

  const authority = await loadAuthority(paths, now);
  const [server, adminToken] = await Promise.all([
    loadServer(paths, authority, hosts, now),
    loadToken(paths.adminToken),
    ...DEMO_DEVICES.map((name) => loadDevice(paths.devices[name], authority, name, P12_PASSWORD)),
  ]);
  for (const [path, template] of [
    [paths.revoked, REVOKED_TEMPLATE],
    [paths.blocked, BLOCKED_TEMPLATE],
  ] as const) {
    if ((await readIfThere(path)) === undefined) await writeWhole(path, template, PUBLIC_MODE);
  }
  await closeToOthers(paths);
  return { authority, server, adminToken };
}

/**
 * Makes the folder itself. One that is there must be a state folder or empty: the owner's documents
 * do not get keys among them, nor a mode of 0700.
 */
export async function claimFolder(paths: StatePaths): Promise<void> {
  try {
    await mkdir(paths.folder, { recursive: true, mode: FOLDER_MODE });
    // A crash may leave parts of files, and locks, before anything else is there.
    const names = (await readdir(paths.folder)).filter(
      (name) => !name.endsWith(UNFINISHED_SUFFIX) && !name.startsWith("running"),
    );
    // A state folder that is hardly begun has nothing but these in it; an older one may have guests.
    const isBegun = names.every((name) => name === "registry" || name === "devices");
    const isOurs = names.some((name) => ["ca.key", "ca.pem", "admin-token"].includes(name));
    if (!isBegun && !isOurs) {
      throw failed(
        `${paths.folder} holds other files and is not a state folder`,
        "name a new or an empty folder with --state",
      );
    }
    await chmod(paths.folder, FOLDER_MODE);
  } catch (error) {
    throw stateFailure(paths, error);
  }
}

/** What the owner can do about a folder that cannot be read or written. Other errors stay as they are. */
export function stateFailure(paths: StatePaths, error: unknown): unknown {
  const { code, path } = error as NodeJS.ErrnoException;
  if (error instanceof Failure || code === undefined) return error;
  if (code === "EEXIST" || code === "ENOTDIR") {
    return failed(`${paths.folder} is a file, not a folder`, "name a folder with --state");
  }
  return failed(
    `the state folder ${paths.folder} cannot be used (${code}${path === undefined ? "" : `: ${path}`})`,
    "check its owner and its modes, or name another with --state",
  );
}

/** Files that a crash left half written. */
async function sweep(folder: string): Promise<void> {
  const unfinished = (await readdir(folder)).filter((name) => name.endsWith(UNFINISHED_SUFFIX));
  await Promise.all(unfinished.map((name) => rm(join(folder, name), { force: true })));
}

/** The token in a file, or a new one that begins with `prefix`. */
export async function loadToken(path: string, prefix = ""): Promise<string> {
  const token = (await readIfThere(path))?.trim() ?? "";
  if (TOKEN.test(token) && token.startsWith(prefix)) return token;
  const fresh = `${prefix}${randomBytes(TOKEN_BYTES).toString("base64url")}`;
  await writeWhole(path, `${fresh}\n`, SECRET_MODE);
  return fresh;
}

/** A folder that was copied or unpacked may have lost its modes. */
async function closeToOthers(paths: StatePaths): Promise<void> {
  const devices = Object.values(paths.devices).flatMap(({ key, p12 }) => [key, p12]);
  await Promise.all(
    [paths.caKey, paths.serverKey, paths.adminToken, ...devices].map((path) => chmod(path, SECRET_MODE)),
  );
}
