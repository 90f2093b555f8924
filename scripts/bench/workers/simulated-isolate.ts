// Runs in workerd: the real Worker with a memory of its own, as each of Cloudflare's isolates has one.
import { API_PATH } from "../../../src/contract/paths.ts";
import worker from "../../../src/index.ts";
import type { RegistryBindings } from "../../../src/registry/client/objects.ts";
import { type Send, SIGN_IN } from "../sign-in.ts";

export const APP = "vault.example.com";
export const ADMIN_HOST = "latchkey.example.com";
export const ADMIN_TOKEN = "the-admin-token-of-a-household-on-the-free-plan";
export const DELAY_SECONDS = 10;

export interface Sent {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** The Worker as an isolate of its own runs it. */
export class Isolate {
  readonly #env: object;

  constructor(bindings: RegistryBindings) {
    const settings = { ADMIN_TOKEN, ADMIN_HOST, SIGN_IN, REVOCATION_DELAY_SECONDS: DELAY_SECONDS };
    this.#env = { APPS: { [APP]: { profile: "bitwarden", signIn: true } }, ...settings, ...bindings };
  }

  /** Sends a request, and waits for whatever continues after its answer. */
  async send(
    host: string,
    path: string,
    { address = "192.0.2.1", headers = {}, ...init }: Sent & { address?: string } = {},
    certificate?: string,
  ): Promise<Response> {
    const behind: Promise<unknown>[] = [];
    const cf = {
      country: "CH",
      ...(certificate === undefined ? {} : { tlsClientAuth: verified(certificate) }),
    };
    const all = { "CF-Connecting-IP": address, "User-Agent": "Mozilla/5.0", ...headers };
    const request = new Request(`https://${host}${path}`, { ...init, headers: all, cf, redirect: "manual" });
    const ctx = { waitUntil: (work: Promise<unknown>) => behind.push(work) } as unknown as ExecutionContext;
    const response = await worker.fetch(request as Parameters<typeof worker.fetch>[0], this.#env, ctx);
    await Promise.all(behind);
    return response;
  }

  /** Sends a browser's requests. */
  readonly browse: Send = async ({ hostname, pathname, search }, sent) => {
    const answer = await this.send(hostname, pathname + search, sent);
    const { headers } = answer;
    return {
      ...{ cookies: headers.getSetCookie(), location: headers.get("location") ?? "" },
      text: await answer.text(),
    };
  };

  async api<T>(method: string, path: string, body?: unknown): Promise<T> {
    const headers = { Authorization: `Bearer ${ADMIN_TOKEN}`, "Content-Type": "application/json" };
    const sent = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await this.send(ADMIN_HOST, API_PATH + path, sent);
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (response.status === 204 ? null : await response.json()) as T;
  }
}

/** As Cloudflare reports a certificate that it verified. */
function verified(fingerprint: string) {
  return {
    ...{ certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", certFingerprintSHA256: fingerprint },
    ...{ certNotBefore: "Jan  1 00:00:00 2026 GMT", certNotAfter: "Jan  1 00:00:00 2036 GMT" },
    ...{ certSerial: "0A1B", certSubjectDN: "CN=device", certIssuerDN: "CN=Household" },
  };
}

/** A form as the page of this host sends it. */
export function form(host: string, fields: Record<string, string>): Sent {
  const headers = { "Content-Type": "application/x-www-form-urlencoded", Origin: `https://${host}` };
  return { method: "POST", headers, body: new URLSearchParams(fields).toString() };
}
