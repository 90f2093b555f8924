// The identity provider, as the Worker and a browser without a credential reach it.
import { rootCertificates } from "node:tls";
import { Agent, buildConnector, type Dispatcher, request } from "undici";
import { errorCode } from "../../../terminal/failure.ts";
import type { ProviderAnswer, SeenProvider } from "./judge-provider.ts";
import type { OutsideOptions } from "./requests.ts";

/** Far above any discovery document or set of keys. */
const MAX_BODY_BYTES = 256 * 1024;

/** Reads the provider's discovery document and its keys, as a stranger. It follows no redirect, as the Worker doesn't. */
export async function observeProvider(
  issuer: string,
  { ca, timeoutMs }: Pick<OutsideOptions, "ca" | "timeoutMs">,
): Promise<SeenProvider> {
  // --connect-to is for the gate's hosts, and the provider is none of them; it may have another authority, too.
  const agent = new Agent({
    connect: buildConnector({
      timeout: timeoutMs,
      ...(ca === undefined ? {} : { ca: [ca, ...rootCertificates] }),
    }),
  });
  try {
    const address = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
    const discovery = await read(address, agent, timeoutMs);
    const keysAddress = discovery.kind === "answer" ? textField(discovery.json, "jwks_uri") : undefined;
    const keys = keysAddress?.startsWith("https://") ? await read(keysAddress, agent, timeoutMs) : undefined;
    return { discovery, keys };
  } finally {
    await agent.close();
  }
}

async function read(url: string, dispatcher: Dispatcher, timeoutMs: number): Promise<ProviderAnswer> {
  try {
    const response = await request(url, {
      dispatcher,
      headers: { "User-Agent": "latchkey-doctor", Accept: "application/json" },
      signal: AbortSignal.timeout(timeoutMs),
    });
    const receivedAt = Date.now();
    let body = "";
    for await (const chunk of response.body.setEncoding("utf8")) {
      body += chunk;
      if (body.length > MAX_BODY_BYTES) break;
    }
    const { date } = response.headers;
    const sentAt = typeof date === "string" ? Date.parse(date) : Number.NaN;
    return {
      kind: "answer",
      status: response.statusCode,
      body,
      json: parsed(body),
      clockSkewMs: Number.isNaN(sentAt) ? undefined : sentAt - receivedAt,
    };
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    const isLate = name === "TimeoutError";
    return {
      kind: "silence",
      why: isLate ? `no answer within ${timeoutMs / 1000} s` : (errorCode(error) ?? message),
    };
  }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}

function textField(value: unknown, name: string): string | undefined {
  const field =
    typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  return typeof field === "string" ? field : undefined;
}
