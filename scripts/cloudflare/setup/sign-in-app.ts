// The Access application that signs people in: Access as an OpenID Connect provider ("Access for SaaS").
// Its shapes are those of Cloudflare's specification; none of these calls was seen on a real account yet.
import { failed } from "../../terminal/failure.ts";
import { MADE_SIGN_IN_APP, ORGANIZATION, WHOLE_APP } from "../client/access-answers.ts";
import { DONE } from "../client/answers.ts";
import type { CloudflareClient } from "../client/client.ts";
import { isRefusal, unlessMissing } from "../client/failure.ts";

/** By this name and its redirect address, the next run finds it. */
export const SIGN_IN_APP = "Latchkey sign-in";
const POLICY = "Latchkey: people who may sign in";
/** `access.api.error.not_enabled`: assumed, never seen on a real account. */
const ACCESS_NOT_ENABLED = 9999;

interface AccessPlace {
  client: CloudflareClient;
  account: string;
}

const appsPath = (account: string) => `/accounts/${account}/access/apps`;

/** The domain of the account's team, such as `house.cloudflareaccess.com`. */
export async function readAuthDomain({ client, account }: AccessPlace): Promise<string> {
  const need = { permission: "access-organization", what: "read the Zero Trust organisation" } as const;
  const found = await unlessMissing(() =>
    client.ask(need, (sdk) => sdk.zeroTrust.organizations.list({ account_id: account }), ORGANIZATION),
  ).catch((error: unknown) => {
    if (isRefusal(error, ACCESS_NOT_ENABLED)) return null;
    throw error;
  });
  if (found?.auth_domain) return found.auth_domain;
  throw failed(
    "the account has no Zero Trust team, which Access needs to sign people in",
    "choose a team name and the free plan under Zero Trust in the dashboard, then run setup again; or name another provider",
  );
}

const policyFor = (emails: readonly string[], name = POLICY) => ({
  name,
  decision: "allow",
  include: emails.map((email) => ({ email: { email } })),
});

/** Makes the application. Cloudflare shows its secret in this answer and never again. */
export async function makeSignInApp(
  { client, account }: AccessPlace,
  redirectAddress: string,
  emails: readonly string[],
): Promise<{ clientId: string; secret: string }> {
  const body = {
    name: SIGN_IN_APP,
    type: "saas",
    app_launcher_visible: false,
    saas_app: {
      auth_type: "oidc",
      redirect_uris: [redirectAddress],
      grant_types: ["authorization_code_with_pkce"],
      allow_pkce_without_client_secret: false,
      scopes: ["openid", "email", "profile"],
    },
    policies: [policyFor(emails)],
  };
  const need = { permission: "access", what: "make the Access application that signs people in" } as const;
  const made = await client.once(need, (sdk) => sdk.post(appsPath(account), { body }), MADE_SIGN_IN_APP);
  return { clientId: made.saas_app.client_id, secret: made.saas_app.client_secret };
}

/** Lets more people in by a policy of its own: the others stay as they are. */
export async function addPeople(
  { client, account }: AccessPlace,
  app: string,
  emails: readonly string[],
): Promise<void> {
  const need = { permission: "access", what: "let more people sign in with Access" } as const;
  const body = policyFor(emails, `${POLICY} (${new Date().toISOString().slice(0, 19)})`);
  await client.once(need, (sdk) => sdk.post(`${appsPath(account)}/${app}/policies`, { body }), DONE);
}

/** What an answer has and a request must not. */
const READ_ONLY = ["created_at", "updated_at", "public_key"];

/** Sends the application back as it is, with one redirect address more: the call replaces all of it. */
export async function addRedirectAddress(
  { client, account }: AccessPlace,
  app: string,
  address: string,
): Promise<void> {
  const path = `${appsPath(account)}/${app}`;
  const need = { permission: "access", what: "give the Access application its redirect address" } as const;
  const { saas_app, policies, ...rest } = await client.ask(need, (sdk) => sdk.get(path), WHOLE_APP);
  const saas = Object.fromEntries(Object.entries(saas_app).filter(([name]) => !READ_ONLY.includes(name)));
  const body = {
    ...rest,
    type: "saas",
    saas_app: { ...saas, redirect_uris: [...(saas_app.redirect_uris ?? []), address] },
    policies: policies.map(({ id }, index) => ({ id, precedence: index + 1 })),
  };
  await client.ask(need, (sdk) => sdk.put(path, { body }), DONE);
}

/** Removes an application whose secret nobody has. */
export async function removeApp({ client, account }: AccessPlace, app: string): Promise<void> {
  const need = { permission: "access", what: "remove the Access application whose secret is lost" } as const;
  await unlessMissing(() => client.ask(need, (sdk) => sdk.delete(`${appsPath(account)}/${app}`), DONE));
}
