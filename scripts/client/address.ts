import { isIPv4 } from "node:net";
import { API_PATH } from "../../src/contract/paths.ts";
import { LATCHKEY } from "../terminal/called-as.ts";
import { misuse } from "../terminal/failure.ts";
import { printable } from "../terminal/text.ts";

/** The origin of an address. Throws a misuse for anything else, and for what would not protect the token. */
export function parseAddress(text: string | undefined): string {
  const example = "such as https://latchkey.example.com";
  if (text === undefined || text === "") {
    throw misuse(
      "the address of the gate is missing",
      `log in with ${LATCHKEY} login, set LATCHKEY_URL or give --url, ${example}`,
    );
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
    throw misuse(`'${printable(text)}' is more than an address`, `give only scheme and host, ${example}`);
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

/** Whether a host is this machine. */
export function isLoopback(hostname: string): boolean {
  return (
    isLocalhostName(hostname) || hostname === "[::1]" || (isIPv4(hostname) && hostname.startsWith("127."))
  );
}
