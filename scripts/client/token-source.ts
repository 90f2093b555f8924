import { readSmallFile } from "../files.ts";
import { misuse } from "../terminal/failure.ts";
import { printable } from "../terminal/text.ts";

/** How the token may be given: in an option or a variable. */
export interface TokenOptions {
  tokenFile?: string;
}

/** Where the token is given: `--token-file`, else `LATCHKEY_TOKEN`, else `LATCHKEY_TOKEN_FILE`. */
export function tokenSource(
  { tokenFile }: TokenOptions,
  { LATCHKEY_TOKEN, LATCHKEY_TOKEN_FILE }: NodeJS.ProcessEnv,
): { path: string } | { variable: string } | undefined {
  if (tokenFile !== undefined) return { path: tokenFile };
  if (LATCHKEY_TOKEN) return { variable: LATCHKEY_TOKEN };
  return LATCHKEY_TOKEN_FILE ? { path: LATCHKEY_TOKEN_FILE } : undefined;
}

/** The token that is given in an option or a variable, or `undefined`. */
export async function givenToken(
  options: TokenOptions,
  environment: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const source = tokenSource(options, environment);
  if (source === undefined) return undefined;
  if ("variable" in source) return checkedToken(source.variable, "LATCHKEY_TOKEN");
  const text = (await readSmallFile(source.path, "the token")).toString("latin1");
  return checkedToken(text, printable(source.path));
}

/** The token in this text, without surrounding space. Errors name the `source`, never the token. */
export function checkedToken(text: string, source: string): string {
  const token = text.trim();
  if (token === "")
    throw misuse(`${source} is empty`, "put the Worker's ADMIN_TOKEN or your own token there");
  // What a header can carry (RFC 9110, section 5.5) without spaces; no key or certificate looks like that.
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw misuse(
      `${source} does not hold a token: it has spaces, line breaks or characters beyond ASCII`,
      "put the Worker's ADMIN_TOKEN or your own token there, and nothing else",
    );
  }
  return token;
}
