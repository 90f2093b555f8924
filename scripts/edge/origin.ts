// The address of the app behind the gate.
import { misuse } from "../terminal/failure.ts";

/** Where the tunnel ends: the app behind the gate. */
export interface Origin {
  /** `host:port` */
  address: string;
  hostname: string;
  secure: boolean;
}

/** Reads `http://127.0.0.1:8080`: scheme, host and port, since the path is the client's. */
export function parseOrigin(text: string): Origin {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw misuse(`'${text}' is not an app's address`, "give scheme and host, such as http://127.0.0.1:8080");
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "" || url.username !== "") {
    throw misuse(
      `'${text}' is more than an app's address`,
      `give only scheme and host, such as ${url.protocol}//${url.host}`,
    );
  }
  const secure = url.protocol === "https:";
  const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
  return { address: `${url.hostname}:${port}`, hostname: url.hostname, secure };
}
