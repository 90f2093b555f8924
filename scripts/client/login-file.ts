// What login stores on this machine.
import { chmod, mkdir, open, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import envPaths from "env-paths";
import * as v from "valibot";
import { FOLDER_MODE, orMissing, SECRET_MODE, writeWhole } from "../files.ts";
import { LATCHKEY } from "../terminal/called-as.ts";
import { errorCode, type Failure, failed, misuse } from "../terminal/failure.ts";
import { parseJson, printable, shellWord } from "../terminal/text.ts";

const LoginSchema = v.strictObject({
  /** Scheme, host and port: the only ones that the token is sent to. */
  url: v.string(),
  token: v.string(),
  /** The absolute path of the authority's certificate, when one was given. */
  ca: v.nullable(v.string()),
});

/** What `login` keeps. */
export type Login = v.InferOutput<typeof LoginSchema>;

/** In the user's own folder for settings; on Linux `XDG_CONFIG_HOME` moves it. */
export function loginFile(): string {
  return join(envPaths("latchkey", { suffix: "" }).config, "login.json");
}

/** Keeps a login, in the place of an older one. */
export async function writeLogin(login: Login, path = loginFile()): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE });
    // It may have been there, and open to others.
    await chmod(dirname(path), FOLDER_MODE);
    await writeWhole(path, `${JSON.stringify(login, null, 2)}\n`, SECRET_MODE);
  } catch (error) {
    throw fileFailure(error, path, "written");
  }
}

/** The stored login, or `undefined` when nobody has logged in. One that others can read is refused. */
export async function readLogin(path = loginFile()): Promise<Login | undefined> {
  const text = await readPrivate(path);
  if (text === undefined) return undefined;
  // The file's content is in no message: it holds the token.
  const parsed = v.safeParse(LoginSchema, parseJson(text));
  if (parsed.success) return parsed.output;
  throw misuse(`${printable(path)} is not a login that was stored here`, `log in again: ${LATCHKEY} login`);
}

/** Deletes the stored login; returns whether there was one. */
export async function deleteLogin(path = loginFile()): Promise<boolean> {
  try {
    return (await orMissing(rm(path).then(() => true))) ?? false;
  } catch (error) {
    throw fileFailure(error, path, "deleted");
  }
}

async function readPrivate(path: string): Promise<string | undefined> {
  try {
    const file = await orMissing(open(path));
    if (file === undefined) return undefined;
    try {
      // Of the open file, so that what is checked is what is read.
      const { mode } = await file.stat();
      // On Windows the mode says nothing: the folder is the user's own there.
      if (process.platform !== "win32" && (mode & 0o077) !== 0) throw readByOthers(path);
      return await file.readFile("utf8");
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fileFailure(error, path, "read");
  }
}

function readByOthers(path: string): Failure {
  return misuse(
    `${printable(path)} holds a token, and other users of this machine can read it`,
    `chmod 600 ${shellWord(path)}; if they may have read it, revoke the token and log in with a new one`,
  );
}

function fileFailure(error: unknown, path: string, done: string): Failure | unknown {
  const code = errorCode(error);
  return code === undefined
    ? error
    : failed(
        `${printable(path)} cannot be ${done} (${printable(code)})`,
        "check the owner and the mode of the file and of its folder",
      );
}
