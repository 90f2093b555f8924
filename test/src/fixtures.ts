import { env, exports } from "cloudflare:workers";
import { KeyedSecrets } from "../../src/auth/keyed-secrets.ts";
import type { Device, NewToken } from "../../src/contract/answers.ts";
import { API_PATH } from "../../src/contract/paths.ts";
import { providerId, type SignInSettings } from "../../src/contract/sign-in-settings.ts";
import type { TokenScope } from "../../src/domain/credential.ts";
import { type CredentialKey, keyOf } from "../../src/domain/credential-key.ts";
import type { DeviceStatus, Standing } from "../../src/domain/device.ts";
import type { Fingerprint } from "../../src/domain/fingerprint.ts";
import { type Limits, NO_LIMITS } from "../../src/domain/limits.ts";
import type { UserId } from "../../src/domain/user.ts";
import { directoryOf } from "../../src/registry/client/objects.ts";

/** One of the hosts that vitest.config.ts names as an app. */
export const HOST = "app.example.com";

/** The host of the API and the pages there. */
export const ADMIN_HOST = "latchkey.example.com";

/** The n-th fingerprint of a test: 64 hex digits. */
export function fingerprint(n: number): Fingerprint {
  return n.toString(16).padStart(64, "0") as Fingerprint;
}

/** The key of the n-th certificate of a test. */
export function certificateKey(n: number): CredentialKey {
  return keyOf("certificate", fingerprint(n));
}

/** `request.cf.tlsClientAuth` as Cloudflare sends it for a certificate that it verified. */
export function tlsClientAuth(of: Fingerprint = fingerprint(1)) {
  return {
    certPresented: "1",
    certVerified: "SUCCESS",
    certRevoked: "0",
    certFingerprintSHA256: of as string,
    certNotBefore: "Jan  1 00:00:00 2020 GMT",
    certNotAfter: "Jan  1 00:00:00 2120 GMT",
    certSerial: "0A1B2C",
    certSubjectDN: "CN=phone",
    certIssuerDN: "CN=Household CA",
  };
}

/** What the registry says of a device with this status, and these limits. */
export function standingOf(status: DeviceStatus, limits: Partial<Limits> = {}): Standing {
  const of = { kind: "device", user: "alice" as UserId, name: "phone", since: 0 } as const;
  return { ...of, status, limits: { ...NO_LIMITS, ...limits }, validUntil: null };
}

/** Calls the API through the Worker, with the right credentials unless `init` has others. */
export function api(method: string, path: string, body?: unknown, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers({ Authorization: `Bearer ${env.ADMIN_TOKEN}` });
  if (body !== undefined) headers.set("Content-Type", "application/json");
  for (const [name, value] of new Headers(init.headers)) headers.set(name, value);
  return exports.default.fetch(`https://${ADMIN_HOST}${API_PATH}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...init,
    headers,
  });
}

/** Creates the user when need be, and enrols a device; fails when the API does not answer 201. */
export async function enrol(user: string, name: string, of: Fingerprint): Promise<Device> {
  await api("PUT", `/users/${user}`, {});
  const response = await api("POST", `/users/${user}/devices`, { name, fingerprint: of });
  if (response.status !== 201) throw new Error(`enrol: ${response.status} ${await response.text()}`);
  return response.json();
}

/** A request with other credentials than the `ADMIN_TOKEN`. */
export const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });

/** Makes a token; of a user who is created when need be. */
export async function makeToken(
  user: string | null,
  scope: TokenScope,
  name = `${scope} of ${user}`,
): Promise<NewToken> {
  if (user !== null) await api("PUT", `/users/${user}`, {});
  const response = await api("POST", "/tokens", { user, scope, name });
  if (response.status !== 201) throw new Error(`token: ${response.status} ${await response.text()}`);
  return response.json();
}

/** What an isolate makes tokens and codes with, and knows them by. */
export function keyedSecrets(
  now = Date.now,
  signIn?: Pick<SignInSettings, "issuer" | "clientId">,
): KeyedSecrets {
  return new KeyedSecrets(
    () => directoryOf(env).ask((directory) => directory.credentialCheck()),
    now,
    () => undefined,
    signIn && providerId(signIn),
  );
}
