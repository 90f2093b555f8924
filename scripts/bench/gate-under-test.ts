// The gate in a workerd process, with one enrolled device, and the requests that are sent to it.
import { type Dispatcher, request } from "undici";
import { type Send, SIGN_IN } from "./sign-in.ts";
import { CF_HEADER, SCHEME_HEADER, type Workerd } from "./workerd.ts";

export const HOST = "app.example.com";
export const ADMIN_HOST = "latchkey.example.com";
export const ADMIN_TOKEN = "bench-admin-token-of-more-than-32-characters";

export const DURABLE_OBJECTS = { USER_REGISTRY: "UserRegistry", DIRECTORY: "Directory" };

export function gateVars(revocationDelaySeconds: number): Record<string, unknown> {
  return {
    APPS: { [HOST]: { signIn: true } },
    REVOCATION_DELAY_SECONDS: revocationDelaySeconds,
    ...{ ADMIN_TOKEN, ADMIN_HOST, SIGN_IN },
  };
}

export const fingerprint = (n: number) => n.toString(16).padStart(64, "0");

/** `request.cf` with every field that Cloudflare sends, for a verified certificate or for none. */
function cfOf(certificate: string | undefined): string {
  const text = (value: string) => (certificate === undefined ? "" : value);
  return JSON.stringify({
    country: "CH",
    colo: "ZRH",
    asn: 64496,
    httpProtocol: "HTTP/2",
    tlsVersion: "TLSv1.3",
    tlsClientAuth: {
      certPresented: certificate === undefined ? "0" : "1",
      certVerified: certificate === undefined ? "NONE" : "SUCCESS",
      certRevoked: "0",
      certFingerprintSHA256: certificate ?? "",
      certFingerprintSHA1: text("0f".repeat(20)),
      certNotBefore: text("Dec 22 19:39:00 2018 GMT"),
      certNotAfter: text("Dec  2 19:39:00 2038 GMT"),
      certSerial: text("7A0BEB3EBC3430EF73677365C43A1049"),
      certIssuerSerial: "",
      certSKI: text("85FE5901EF9245C858BE34D6426A031020FD009F"),
      certIssuerSKI: text("D44CB5144EA1BF040619681E937C0392D2D4E151"),
      certSubjectDN: text("CN=phone,O=Household"),
      certIssuerDN: text("CN=Household CA"),
      certSubjectDNRFC2253: text("CN=phone,O=Household"),
      certIssuerDNRFC2253: text("CN=Household CA"),
      certSubjectDNLegacy: text("/O=Household/CN=phone"),
      certIssuerDNLegacy: text("/CN=Household CA"),
    },
  });
}

/** The app's own cookie. */
const COOKIE = "session=0123456789abcdef0123456789abcdef";

/** A browser's headers, and Cloudflare's own; `signedIn` is the cookie of a browser that is signed in. */
export function headersOf(certificate: string | undefined, signedIn?: string): Record<string, string> {
  return {
    host: HOST,
    [SCHEME_HEADER]: "https",
    [CF_HEADER]: cfOf(certificate),
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-language": "en-US,en;q=0.5",
    "accept-encoding": "gzip, br",
    "cf-connecting-ip": "198.51.100.7",
    "cf-ray": "8f2a1b3c4d5e6f70-ZRH",
    cookie: signedIn === undefined ? COOKIE : `${COOKIE}; ${signedIn}`,
  };
}

/** Sends a browser's requests to a gate, whichever of its hosts they are for. */
export function browserOf(gate: Workerd): Send {
  return async ({ host, pathname, search }, { method = "GET", headers = {}, body = null }) => {
    const answer = await request(`${gate.url}${pathname}${search}`, {
      ...{ method: method as Dispatcher.HttpMethod, body },
      headers: { ...headersOf(undefined), cookie: "", ...headers, host },
    });
    return {
      cookies: [answer.headers["set-cookie"] ?? []].flat(),
      location: String(answer.headers.location),
      text: await answer.body.text(),
    };
  };
}

/** Calls the API of a gate, or the path of an app; resolves to the status and the JSON or text. */
export async function call(
  gate: Workerd,
  method: Dispatcher.HttpMethod,
  path: string,
  { body, certificate }: { body?: unknown; certificate?: string } = {},
): Promise<{ status: number; body: unknown }> {
  const answer = await request(`${gate.url}${path}`, {
    method,
    headers: {
      ...headersOf(certificate),
      ...(certificate === undefined ? { host: ADMIN_HOST, authorization: `Bearer ${ADMIN_TOKEN}` } : {}),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const isJson = answer.headers["content-type"] === "application/json";
  return { status: answer.statusCode, body: await (isJson ? answer.body.json() : answer.body.text()) };
}

const API = "/.latchkey/api/v1";

/** Enrols one device; resolves to its path in the API. */
export async function enrol(gate: Workerd, user: string, name: string, certificate: string): Promise<string> {
  await call(gate, "PUT", `${API}/users/${user}`, { body: {} });
  const path = `${API}/users/${user}/devices`;
  const { status, body } = await call(gate, "POST", path, { body: { name, fingerprint: certificate } });
  if (status !== 201) throw new Error(`enrol: ${status} ${JSON.stringify(body)}`);
  return `${path}/${(body as { id: string }).id}`;
}
