import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Authenticator } from "../../../src/auth/authenticate.ts";
import { DeadSecrets } from "../../../src/auth/dead-secrets.ts";
import { parseEmail } from "../../../src/domain/person.ts";
import { directoryOf } from "../../../src/registry/client/objects.ts";
import { keyedSecrets } from "../fixtures.ts";
import { by, directory, intercepted, userId } from "../registry/fixtures.ts";

// The longest id that a user may have.
const USER = userId("a".repeat(63));
const HOST = "latchkey.example.com";
const PROVIDER = { issuer: "https://id.example.com", clientId: "latchkey" };
const IDENTITY = { issuer: PROVIDER.issuer, subject: "1" };

let calls: string[];

beforeEach(async () => {
  calls = [];
  await directory().putUser(by(), USER, undefined);
  const email = parseEmail("a@example.com") ?? expect.fail();
  await directory().editUser(by(), USER, { role: "owner", emails: [email] });
  const person = { ...IDENTITY, email, isEmailVerified: true, name: null };
  expect(await directory().identify(by(), person, null)).toMatchObject({ kind: "user" });
});
afterEach(reset);

/** What an isolate with these settings has. */
function isolate(provider: typeof PROVIDER | null): Authenticator {
  const bindings = intercepted((call) => {
    calls.push(call.name);
    return call.proceed();
  });
  const dead = new DeadSecrets(Date.now, () => undefined);
  return new Authenticator(
    ...([env.ADMIN_TOKEN, directoryOf(bindings), keyedSecrets(), dead, Date.now, provider] as const),
  );
}

const request = new Request(`https://${HOST}/`, { headers: { "User-Agent": "Firefox" } });

async function signIn(authenticator: Authenticator): Promise<string> {
  const opened = await authenticator.signInAs({ request, hostname: HOST, by: by() }, USER, IDENTITY);
  return opened.ok ? opened.value.cookie : expect.fail(opened.error.code);
}

it("a user whom the provider vouches for is signed in on this host, until they sign out", async () => {
  const value = await signIn(isolate(PROVIDER));
  const signedIn = { scope: "root", user: null, actor: expect.stringContaining(`user ${USER}, session `) };
  expect(await isolate(PROVIDER).ofSession(value, HOST)).toMatchObject(signedIn);
  expect(await isolate(PROVIDER).ofSession(value, "app.example.com")).toBeUndefined();
  const authenticator = isolate(PROVIDER);
  await authenticator.signOut(value, HOST, by());
  expect(await authenticator.ofSession(value, HOST)).toBeUndefined();
});

it.each([
  ["issuer", { ...PROVIDER, issuer: "https://other.example.com" }],
  ["client", { ...PROVIDER, clientId: "other" }],
])("another %s ends the session", async (_, other) => {
  const value = await signIn(isolate(PROVIDER));
  expect(await isolate(other).ofSession(value, HOST)).toBeUndefined();
  expect(await isolate(PROVIDER).ofSession(value, HOST)).toBeDefined();
});

it("without a provider nobody is asked, and the session is back with the settings", async () => {
  const value = await signIn(isolate(PROVIDER));
  calls = [];
  const without = isolate(null);
  expect(await without.ofSession(value, HOST)).toBeUndefined();
  expect(await without.signInAs({ request, hostname: HOST, by: by() }, USER, IDENTITY)).toMatchObject({
    ok: false,
  });
  expect(calls).toEqual([]);
  expect(await isolate(PROVIDER).ofSession(value, HOST)).toBeDefined();
});
