import { isIPv4 } from "node:net";
import { API_PATH } from "../../../src/control/contract.ts";
import { misuse } from "./failure.ts";
import { readSmallFile } from "./files.ts";
import { printable } from "./text.ts";

/** Longest wait for one answer, in seconds, unless `--timeout` says otherwise. */
export const DEFAULT_TIMEOUT_SECONDS = 30;
const MAX_TIMEOUT_SECONDS = 3600;

/** The options that every command takes, as they were written. */
export interface ConnectionOptions {
  url?: string;
  ca?: string;
  tokenFile?: string;
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

/** The one reader of the `LATCHKEY_` variables that say where the API is. An option wins over its variable. */
export async function connectionFrom(
  options: ConnectionOptions,
  environment: NodeJS.ProcessEnv,
): Promise<Connection> {
  return {
    origin: parseUrl(options.url ?? environment.LATCHKEY_URL),
    timeoutMs: parseTimeout(options.timeout),
    ca: await readAuthorities(options.ca ?? (environment.LATCHKEY_CA || undefined)),
    token: await readToken(options.tokenFile, environment),
  };
}

function parseUrl(text: string | undefined): string {
  const example = "such as https://vault.example.com";
  if (text === undefined || text === "") {
    throw misuse("the address of the gate is missing", `set LATCHKEY_URL or give --url, ${example}`);
  }
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw misuse(`'${printable(text)}' is not an address`, `give scheme and host, ${example}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw misuse(
      "the address holds a user name or a password",
      "leave them out: the token is all that is needed",
    );
  }
  const path = url.pathname.replace(/\/+$/, "");
  if (!(path === "" || path === "/.latchkey" || path === API_PATH) || url.search !== "" || url.hash !== "") {
    throw misuse(`'${printable(text)}' is more than an address`, `give scheme and host alone, ${example}`);
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    throw misuse("http:// would send the token unprotected", `use https://${url.host}`);
  }
  return url.origin;
}

/** Names of this machine that need no resolver to know (RFC 6761, section 6.3). */
export function isLocalhostName(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost");
}

function isLoopback(hostname: string): boolean {
  return (
    isLocalhostName(hostname) || hostname === "[::1]" || (isIPv4(hostname) && hostname.startsWith("127."))
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

async function readAuthorities(path: string | undefined): Promise<string | undefined> {
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

/** `--token-file`, else `LATCHKEY_TOKEN`, else `LATCHKEY_TOKEN_FILE`. The token is in no message. */
async function readToken(tokenFile: string | undefined, environment: NodeJS.ProcessEnv): Promise<string> {
  const variable = environment.LATCHKEY_TOKEN;
  const path = tokenFile ?? (variable ? undefined : environment.LATCHKEY_TOKEN_FILE || undefined);
  if (path === undefined && !variable) {
    throw misuse(
      "the admin token is missing",
      "set LATCHKEY_TOKEN, or name a file that holds it with LATCHKEY_TOKEN_FILE or --token-file",
    );
  }
  const source = path === undefined ? "LATCHKEY_TOKEN" : printable(path);
  const text =
    path === undefined ? (variable ?? "") : (await readSmallFile(path, "the token")).toString("latin1");
  const token = text.trim();
  if (token === "") throw misuse(`${source} is empty`, "put the Worker's ADMIN_TOKEN there");
  // What a header can carry (RFC 9110, section 5.5) without blanks; no key and no certificate looks so.
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw misuse(
      `${source} does not hold a token: it has blanks, line breaks or characters beyond ASCII`,
      "put the Worker's ADMIN_TOKEN there, and nothing else",
    );
  }
  return token;
}
