// A small OpenID Connect issuer, for trying things out on this machine and for tests: a certified library with one
// client, a few people and their passwords.
import { randomBytes, timingSafeEqual } from "node:crypto";
import { type EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { exportJWK, generateKeyPair } from "jose";
import { errors, type JWK } from "oidc-provider";
import { memory } from "./memory.ts";
import { loginPage, messagePage, PAGE_HEADERS } from "./pages.ts";
import { createProvider, type IssuerSettings, LOGIN_PATH, type LocalPerson } from "./provider.ts";

export type { IssuerSettings, LocalPerson };

export interface IssuerOptions extends IssuerSettings {
  /** On 127.0.0.1; a free one without it. */
  port?: number;
  /** Gets what went wrong inside the issuer, and with its own requests. */
  onError?(error: unknown): void;
}

export interface LocalIssuer {
  /** `http://localhost:PORT`: without TLS, which relying parties allow on this machine only. */
  issuer: string;
  port: number;
  /** What was asked of it, for tests. */
  requests: { method: string; path: string }[];
  /** Signs with a new key from now on; the old one is no longer published. */
  rotateKeys(): Promise<void>;
  close(): Promise<void>;
}

/** Starts an issuer on 127.0.0.1 for one client. Its keys are new, and it forgets everything when it ends. */
export async function startIssuer(options: IssuerOptions): Promise<LocalIssuer> {
  const { people, port: wanted = 0, onError = () => undefined } = options;
  const requests: LocalIssuer["requests"] = [];
  const server = createServer((request, response) => {
    const { method = "", url = "/" } = request;
    requests.push({ method, path: url });
    handle(request, response).catch((error: unknown) => {
      onError(error);
      if (response.headersSent) response.destroy();
      else response.writeHead(500, PAGE_HEADERS).end(messagePage("This didn’t work", "internal error"));
    });
  });
  server.listen(wanted, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const issuer = `http://localhost:${port}`;

  const keeping = { adapter: memory(), cookieKey: randomBytes(32).toString("base64url") };
  const withNewKey = async () => {
    const provider = createProvider(issuer, options, { ...keeping, signingKey: await newKey() });
    // Koa would print what nobody hears.
    (provider as EventEmitter).on("error", onError);
    provider.on("server_error", (_ctx, error) => onError(error));
    provider.on("backchannel.error", (_ctx, error) => onError(error));
    return { provider, answer: provider.callback() };
  };
  let current = await withNewKey();

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url?.startsWith(`${LOGIN_PATH}/`)) await login(request, response);
    else await current.answer(request, response);
  }

  async function login(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { provider } = current;
    const interaction = await provider.interactionDetails(request, response).catch((error: unknown) => {
      if (error instanceof errors.SessionNotFound) return undefined;
      throw error;
    });
    if (interaction === undefined) {
      const page = messagePage("Begin again", "This sign-in has ended. Go back to where you came from.");
      response.writeHead(400, PAGE_HEADERS).end(page);
      return;
    }
    const action = `${LOGIN_PATH}/${interaction.uid}`;
    if (request.method !== "POST") {
      response.writeHead(200, PAGE_HEADERS).end(loginPage(action));
      return;
    }
    const form = new URLSearchParams(await text(request));
    const who = form.get("who") ?? "";
    const person = find(people, who);
    if (person === undefined || !isEqual(form.get("password") ?? "", person.password)) {
      const problem = "No such person, or the wrong password. Try again.";
      response.writeHead(401, PAGE_HEADERS).end(loginPage(action, { who, problem }));
      return;
    }
    await provider.interactionFinished(request, response, { login: { accountId: person.id } });
  }

  return {
    issuer,
    port,
    requests,
    async rotateKeys() {
      current = await withNewKey();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** RS256: the one algorithm that every relying party must know. */
async function newKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  return { ...(await exportJWK(privateKey)), alg: "RS256", use: "sig" };
}

/** By id or by address. */
function find(people: readonly LocalPerson[], who: string): LocalPerson | undefined {
  const asked = who.trim().toLowerCase();
  return people.find(({ id, email }) => asked === id.toLowerCase() || asked === email.toLowerCase());
}

function isEqual(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}
