import { readSmallFile } from "../files.ts";
import { LATCHKEY } from "../terminal/called-as.ts";
import { type Failure, misuse } from "../terminal/failure.ts";
import { printable } from "../terminal/text.ts";
import { parseAddress } from "./address.ts";
import { type Login, loginFile, readLogin } from "./login-file.ts";
import { checkedToken, givenToken, type TokenOptions, tokenSource } from "./token-source.ts";

/** Longest wait for one answer, in seconds, unless `--timeout` says otherwise. */
export const DEFAULT_TIMEOUT_SECONDS = 30;
const MAX_TIMEOUT_SECONDS = 3600;

/** The options that every command takes, as they were written. */
export interface ConnectionOptions extends TokenOptions {
  url?: string;
  ca?: string;
  timeout?: string;
}

/** Where the API is and how to speak with it. */
export interface Connection {
  /** Scheme, host and port. */
  origin: string;
  token: string;
  /** PEM: the only authorities that are trusted; without it, the system's own. */
  ca: string | undefined;
  timeoutMs: number;
}

/**
 * The one reader of the `LATCHKEY_` variables that say where the API is. An option wins over its variable,
 * and that over the stored login, which is looked at only when the address or the token is not given.
 * The stored token and authority go with the stored address, and with no other.
 */
export async function connectionFrom(
  options: ConnectionOptions,
  environment: NodeJS.ProcessEnv,
): Promise<Connection> {
  const url = givenUrl(options, environment);
  const isTokenGiven = tokenSource(options, environment) !== undefined;
  const login = url === undefined || !isTokenGiven ? await readLogin() : undefined;
  const origin = parseAddress(url ?? login?.url);
  const own = login !== undefined && parseAddress(login.url) === origin ? login : undefined;
  if (!isTokenGiven && own === undefined) throw noToken(origin, login);
  return {
    origin,
    timeoutMs: parseTimeout(options.timeout),
    ca: await readAuthorities(givenCa(options, environment) ?? own?.ca ?? undefined),
    token: (await givenToken(options, environment)) ?? checkedToken(own?.token ?? "", printable(loginFile())),
  };
}

/** The address as it was written in an option or a variable. */
export function givenUrl(options: ConnectionOptions, environment: NodeJS.ProcessEnv): string | undefined {
  return options.url ?? (environment.LATCHKEY_URL || undefined);
}

/** The path of the authority's certificate, likewise. */
export function givenCa(options: ConnectionOptions, environment: NodeJS.ProcessEnv): string | undefined {
  return options.ca ?? (environment.LATCHKEY_CA || undefined);
}

function noToken(origin: string, login: Login | undefined): Failure {
  if (login === undefined) {
    return misuse(
      "the token is missing",
      `log in with ${LATCHKEY} login, set LATCHKEY_TOKEN, or name a file that holds it with LATCHKEY_TOKEN_FILE or --token-file`,
    );
  }
  return misuse(
    `the stored login is for ${printable(login.url)}: its token is sent nowhere else`,
    `log in with ${LATCHKEY} login --url ${origin}, or give that gate's token with LATCHKEY_TOKEN or --token-file`,
  );
}

/** The longest wait for one answer, in milliseconds. */
export function parseTimeout(text: string | undefined): number {
  if (text === undefined) return DEFAULT_TIMEOUT_SECONDS * 1000;
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= MAX_TIMEOUT_SECONDS)) {
    throw misuse(
      `--timeout '${printable(text)}' is not a time`,
      `give seconds, more than 0 and at most ${MAX_TIMEOUT_SECONDS}`,
    );
  }
  return seconds * 1000;
}

export async function readAuthorities(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const pem = (await readSmallFile(path, "a certificate authority")).toString("latin1");
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) {
    throw misuse(
      `${printable(path)} holds no certificate in PEM form`,
      "give the authority's certificate, a file with -----BEGIN CERTIFICATE----- in it",
    );
  }
  return pem;
}
