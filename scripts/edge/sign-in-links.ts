// Links that sign a browser in at the local edge without typing the token. Nothing of this is deployed: the codes
// live in the memory of `npm start`, and the Worker knows only its own sign-in form.
import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { PATHS } from "../../src/contract/paths.ts";
import { html, show } from "../../src/pages/html/html.ts";
import { layout } from "../../src/pages/html/layout.ts";
import { isFromOurPage } from "../../src/pages/html/same-origin.ts";
import { askLocally } from "./local-api.ts";

const PATH = "/.latchkey/once";
/** 128 bits: no guessing within a quarter of an hour, and the link fits into a terminal. */
const CODE_BYTES = 16;
const CODE = /^[\w-]{22}$/;
/** A form with a code is far smaller. */
const MAX_FORM_BYTES = 1_000;

/** What the browser says of itself: the list of sessions shows it. */
const PASSED_ON = ["user-agent", "accept-language"] as const;

interface SignInOptions {
  /** The pages' host, and the edge's port. */
  host: string;
  port: number;
  /** PEM: who signs the edge's own certificate. */
  ca: string;
  /** What the link signs in with; no browser gets it. */
  token: string;
}

/**
 * Makes links and answers them. Opening one shows a button: a program that looks ahead (a preview, a virus scanner)
 * uses nothing up. Only pressing it signs in, by the Worker's own form.
 */
export class SignInLinks {
  readonly #options: SignInOptions;
  readonly #origin: string;
  /** When each unused code expires, by its digest: a look-up by digest takes as long for a wrong code as for a right one. */
  readonly #codes = new Map<string, number>();

  constructor(options: SignInOptions) {
    this.#options = options;
    this.#origin = `https://${options.host}:${options.port}`;
  }

  make(lifeMs: number): string {
    const code = randomBytes(CODE_BYTES).toString("base64url");
    this.#codes.set(sha256(code), Date.now() + lifeMs);
    return `${this.#origin}${PATH}?code=${code}`;
  }

  isFor({ headers, url = "" }: IncomingMessage): boolean {
    // Browsers leave the port out where it is https's own.
    return headers.host === new URL(this.#origin).host && url.split("?")[0] === PATH;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = "" } = request;
    const asked = new URL(url, this.#origin);
    if (method === "GET" || method === "HEAD") {
      request.resume();
      const code = asked.searchParams.get("code") ?? "";
      return send(response, this.#isUsable(code) ? buttonPage(code) : overPage(410));
    }
    const headers = new Headers();
    for (const name of ["origin", "sec-fetch-site", "sec-fetch-dest"]) {
      const value = request.headers[name];
      if (typeof value === "string") headers.set(name, value);
    }
    const isForm = request.headers["content-type"] === "application/x-www-form-urlencoded";
    const isSmall = Number(request.headers["content-length"] ?? Number.NaN) <= MAX_FORM_BYTES;
    if (method !== "POST" || !isForm || !isSmall || !isFromOurPage(headers, asked)) {
      request.resume();
      return send(response, overPage(400));
    }
    await this.#signIn(new URLSearchParams(await text(request)).get("code") ?? "", request, response);
  }

  #isUsable(code: string): boolean {
    return CODE.test(code) && (this.#codes.get(sha256(code)) ?? 0) > Date.now();
  }

  async #signIn(code: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.#isUsable(code)) return send(response, overPage(410));
    const digest = sha256(code);
    const expiresAt = this.#codes.get(digest) ?? 0;
    // Before anything else can happen: of two who press it at the same time, one is signed in.
    this.#codes.delete(digest);
    const {
      status,
      headers,
      text: body,
    } = await this.#askWorker(request).catch((error: unknown) => {
      this.#codes.set(digest, expiresAt);
      throw error;
    });
    // Nobody was signed in: the gate is misconfigured, or its token signs in too often.
    if (status !== 303) this.#codes.set(digest, expiresAt);
    const { "transfer-encoding": _, connection: __, ...kept } = headers;
    response.writeHead(status, kept);
    response.end(body);
  }

  /** Sends the sign-in form for the browser. */
  #askWorker({ headers }: IncomingMessage) {
    const { token, ...place } = this.#options;
    return askLocally({
      ...{ ...place, method: "POST", path: PATHS.signIn },
      headers: {
        ...Object.fromEntries(PASSED_ON.flatMap((name) => (headers[name] ? [[name, headers[name]]] : []))),
        origin: this.#origin,
        "content-type": "application/x-www-form-urlencoded",
      },
      body: new URLSearchParams({ token, next: PATHS.home }).toString(),
    });
  }
}

function buttonPage(code: string): Promise<Response> {
  return show(
    layout(
      { title: "Sign in to the local gate" },
      html`<p>This browser will be signed in as the administrator. The link works once.</p>
<form method="post" action="${PATH}">
<input type="hidden" name="code" value="${code}">
<p><button>Sign in</button></p>
</form>`,
    ),
  );
}

function overPage(status: 400 | 410): Promise<Response> {
  return show(
    layout(
      { title: "This link doesn’t work any more" },
      html`<p>It has been used, or it has expired. Start <code>npm start</code> again for a new one, or
<a href="${PATHS.home}">sign in</a> with the token in the file <code>admin-token</code>.</p>`,
    ),
    status,
  );
}

/** With the headers that the Worker gives to its own pages. */
async function send(response: ServerResponse, page: Promise<Response>): Promise<void> {
  const answer = await page;
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  response.end(await answer.text());
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
