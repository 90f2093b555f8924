import { randomBytes } from "node:crypto";
import { chmod, stat } from "node:fs/promises";
import { MIN_ADMIN_TOKEN_CHARACTERS } from "../../../src/contract/limits.ts";
import { readIfThere, SECRET_MODE, writeWhole } from "../../files.ts";
import { failed } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";
import { readSecretNames, storeSecret, type WorkerPlace } from "../client/worker-secret.ts";
import { type Step, settled } from "./step.ts";

const SECRET = "ADMIN_TOKEN";
/** 64 hex digits, as `openssl rand -hex 32` in docs/guide/by-hand.md. */
const TOKEN_BYTES = 32;

export interface TokenPlace extends WorkerPlace {
  /** The file that holds the token, or will. */
  file: string;
}

/** The token's file, first: should the run end before Cloudflare has the token, the next run finds it. */
export async function tokenFileStep({ client, account, worker, file }: TokenPlace): Promise<Step> {
  const id = "admin token file";
  const shown = printable(file);
  const text = await readIfThere(file);
  if (text !== undefined) {
    checkToken(text, shown);
    const isOpen = ((await stat(file)).mode & 0o077) !== 0;
    return isOpen
      ? {
          id,
          found: `${shown} holds the token, and others may read it`,
          change: "make it readable only by you",
          apply: () => chmod(file, SECRET_MODE),
        }
      : settled(id, `${shown} holds the token`);
  }
  if ((await readSecretNames({ client, account, worker })).includes(SECRET)) {
    // Cloudflare never shows a secret; a new one would lock out anyone who has the old one.
    return settled(
      id,
      `${SECRET} is set, and ${shown} is not there: name the file that holds it with --token-file`,
    );
  }
  return {
    id,
    found: `there is no ${shown}`,
    change: "write a new token there, readable only by you",
    apply: async () => {
      if ((await readIfThere(file)) !== undefined) return;
      await writeWhole(file, `${randomBytes(TOKEN_BYTES).toString("hex")}\n`, SECRET_MODE);
    },
  };
}

/** After the deploy: a Worker that is not there has no secrets. Until then the API is off. */
export async function secretStep({ client, account, worker, file }: TokenPlace): Promise<Step> {
  const id = "admin token secret";
  const isSet = async () => (await readSecretNames({ client, account, worker })).includes(SECRET);
  if (await isSet()) return settled(id, `${SECRET} is set, and kept`);
  return {
    id,
    found: `the Worker has no secret ${SECRET}`,
    change: "store the token as the Worker's secret",
    apply: async () => {
      if (await isSet()) return;
      const text = (await readIfThere(file))?.trim();
      if (text === undefined) throw failed(`${printable(file)} is gone`, "run latchkey setup again");
      await storeSecret({ client, account, worker }, SECRET, text);
    },
  };
}

/** Whether a token of the owner's is at hand that the Worker would take. The token is in no message. */
function checkToken(text: string, shown: string): void {
  const token = text.trim();
  if (token.length >= MIN_ADMIN_TOKEN_CHARACTERS && /^[\x21-\x7e]+$/.test(token)) return;
  throw failed(
    `${shown} holds no token of ${MIN_ADMIN_TOKEN_CHARACTERS} characters or more`,
    "name another file with --token-file, or delete this one: setup then makes a token",
  );
}
