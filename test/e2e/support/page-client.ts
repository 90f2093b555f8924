// The pages without a browser: every header as the test wants it.
import type { OutgoingHttpHeaders } from "node:http";
import { PATHS } from "../../../src/contract/paths.ts";
import { SESSION_COOKIE } from "../../../src/domain/request/own-cookies.ts";
import type { Answer, TlsClient } from "./tls-client.ts";

/** A caller of the pages on one host, signed in or not. */
export class PageClient {
  readonly origin: string;
  /** The session's value; empty: none. */
  cookie = "";
  readonly #client: TlsClient;
  readonly #host: string;

  constructor(client: TlsClient, origin: string) {
    this.#client = client;
    this.origin = origin;
    this.#host = new URL(origin).hostname;
  }

  get(path: string, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
    return this.#client.call(path, { host: this.#host, headers: { ...this.#cookies(), ...headers } });
  }

  /** Sends a form as one of our own pages does; `headers` say otherwise. */
  post(
    path: string,
    fields: Record<string, string> = {},
    headers: OutgoingHttpHeaders = {},
  ): Promise<Answer> {
    return this.#client.call(path, {
      method: "POST",
      host: this.#host,
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        origin: this.origin,
        ...this.#cookies(),
        ...headers,
      },
      body: new URLSearchParams(fields).toString(),
    });
  }

  /** Signs in and keeps the cookie, if it is right. */
  async signIn(token: string, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
    const answer = await this.post(PATHS.signIn, { token, next: PATHS.home }, headers);
    const set = answer.headers["set-cookie"]?.[0];
    if (set !== undefined) this.cookie = set.slice(`${SESSION_COOKIE}=`.length).split(";")[0] ?? "";
    return answer;
  }

  #cookies(): OutgoingHttpHeaders {
    return this.cookie === "" ? {} : { cookie: `${SESSION_COOKIE}=${this.cookie}` };
  }
}
