// Signing in with an identity provider: its settings in `wrangler.toml`, the client's secret, and the application if
// Access is the provider.
import type { EmailAddress } from "../../../src/domain/person.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { failed } from "../../terminal/failure.ts";
import type { CloudflareClient } from "../client/client.ts";
import { redirectAddress } from "../client/sign-in-paths.ts";
import { readSecretNames, removeSecret, storeSecret } from "../client/worker-secret.ts";
import type { LocalSignIn } from "../client/wrangler-toml.ts";
import { known, type Reading, reading } from "../doctor/check.ts";
import { type AccessApp, readAccessApps } from "../doctor/checks/access.ts";
import { accessClientOf } from "../doctor/checks/sign-in.ts";
import {
  addPeople,
  addRedirectAddress,
  makeSignInApp,
  readAuthDomain,
  removeApp,
  SIGN_IN_APP,
} from "./sign-in-app.ts";
import { type Plan, type Step, settled } from "./step.ts";
import { withSignIn, withSignInApp } from "./toml-edit.ts";

/** What is to be done about signing in; what `wrangler.toml` says besides stays. */
export interface SignInWish {
  provider: { kind: "access" } | { kind: "issuer"; issuer: string; clientId: string };
  /** Apps that take a sign-in. */
  apps: readonly string[];
  /** Users who become owners when they first sign in with this address. */
  owners: ReadonlyMap<UserId, EmailAddress>;
  /** Whom Access is to let in beside the owners. */
  people: readonly EmailAddress[];
  /** The client's secret at the provider; `undefined`: none was given. */
  secret: string | undefined;
}

export interface SignInPlace {
  client: CloudflareClient;
  account: string;
  worker: string;
  adminHost: string | undefined;
  /** `house.cloudflareaccess.com`; `undefined` where Access is not the provider. */
  team: string | undefined;
}

interface SignInPlan {
  /** Before the file is written, which needs the application's id. */
  first: Step[];
  edit(text: string): string;
  afterDeploy: Step[];
  byHand: Plan["byHand"];
}

const SECRET = "SIGN_IN_SECRET";
/** In a plan, for the id of an application that is not made yet. */
const NOT_MADE = "not-made-yet";

/** The team's domain, which stands in the issuer; `undefined` if Access is not the provider. */
export async function readTeam(
  place: Pick<SignInPlace, "client" | "account">,
  { provider }: SignInWish,
  local: LocalSignIn | undefined,
): Promise<Reading<string> | undefined> {
  if (provider.kind !== "access") return undefined;
  if (local !== undefined && accessClientOf(local.issuer) !== undefined)
    return known(new URL(local.issuer).host);
  return reading(() => readAuthDomain(place));
}

/** What is to be done, beside what is there: the settings in `wrangler.toml`, and the account's Access applications. */
export async function planSignIn(
  place: SignInPlace,
  wish: SignInWish | undefined,
  local: LocalSignIn | undefined,
  apps: readonly AccessApp[],
): Promise<SignInPlan> {
  if (wish === undefined) return { first: [], edit: (text) => text, afterDeploy: [], byHand: [] };
  const { adminHost } = place;
  if (adminHost === undefined) {
    throw failed(
      "people sign in on the admin host, and there is none",
      "name one with --admin-host, such as latchkey.example.com",
    );
  }
  const isSet = (await readSecretNames(place)).includes(SECRET);
  return wish.provider.kind === "access"
    ? planAccess({ ...place, adminHost }, wish, local, apps, isSet)
    : planIssuer(place, wish, wish.provider, local, isSet);
}

function planIssuer(
  place: SignInPlace,
  wish: SignInWish,
  { issuer, clientId }: { issuer: string; clientId: string },
  local: LocalSignIn | undefined,
  isSet: boolean,
): SignInPlan {
  const isSame = local?.issuer === issuer && local.clientId === clientId;
  // Another client's secret must not be sent to this issuer. Without settings so far, it may be this client's already.
  const isStale = isSet && !isSame && (local !== undefined || wish.secret !== undefined);
  const settings = {
    issuer,
    clientId,
    // What was said about another provider does not hold for this one.
    ...(local?.issuer === issuer ? {} : { label: new URL(issuer).hostname }),
    ...(local?.verifiesEmails && local.issuer !== issuer ? { verifiesEmails: false } : {}),
  };
  return {
    first: isStale ? [removalStep(place)] : [],
    edit: (text) => withWish(text, settings, wish, local),
    afterDeploy: [storeStep(place, isSet && !isStale, () => wish.secret)],
    byHand: [],
  };
}

function planAccess(
  place: SignInPlace & { adminHost: string },
  wish: SignInWish,
  local: LocalSignIn | undefined,
  apps: readonly AccessApp[],
  isSet: boolean,
): SignInPlan {
  const address = redirectAddress(place.adminHost);
  const emails = [
    ...new Set([...Object.values(local?.owners ?? {}), ...wish.owners.values(), ...wish.people]),
  ];
  const [found] = ownApps(apps, address, local?.clientId);
  // If the settings name another client, the secret is that one's.
  const hasSecret =
    isSet && found !== undefined && (local === undefined || local.clientId === found.client?.id);
  const isLost = found !== undefined && !hasSecret && wish.secret === undefined;
  const byHand = isLost && !isOurs(found) ? [lostByHand(found)] : [];
  const isMade = found === undefined || (isLost && byHand.length === 0);
  if (isMade && emails.length + (found?.emails.length ?? 0) === 0) {
    throw failed(
      "Access has no application that signs people in, and nobody is named whom a new one could let in",
      "name the owner: latchkey setup --sign-in access --owner alice=alice@example.com",
    );
  }
  let made: { clientId: string; secret: string } | undefined;
  const make = async () => {
    // Should the run end before the new secret is stored, none says: make it again.
    if (isSet) await removeSecret(place, SECRET);
    const old = ownApps(await readAccessApps(place), address, local?.clientId).filter(isOurs);
    made = await makeSignInApp(place, address, [
      ...new Set([...emails, ...old.flatMap((app) => app.emails)]),
    ]);
    // Not before: whom they let in is only written there.
    for (const { id } of old) await removeApp(place, id);
  };
  const application = (): Step => {
    const id = "sign-in application";
    if (found === undefined) {
      const change = `make it, for ${emails.join(", ")}`;
      return { id, found: `Access has no application ${SIGN_IN_APP}`, change, apply: make };
    }
    if (isMade) {
      const change =
        "make it again, for the same addresses: Cloudflare shows its secret only once. Browsers have to sign in again";
      return {
        id,
        found: `the Access application '${found.name}' is there, its secret is not`,
        change,
        apply: make,
      };
    }
    return adjustStep(place, found, address, emails);
  };
  return {
    first: [application()],
    edit(text) {
      const clientId = made?.clientId ?? (isMade ? undefined : found.client?.id) ?? NOT_MADE;
      const issuer = `https://${place.team}/cdn-cgi/access/sso/oidc/${clientId}`;
      const isAccess = local !== undefined && accessClientOf(local.issuer) !== undefined;
      const settings = {
        issuer,
        clientId,
        ...(isAccess ? {} : { label: "Cloudflare Access" }),
        verifiesEmails: true,
      };
      return withWish(text, settings, wish, local);
    },
    afterDeploy: byHand.length > 0 ? [] : [storeStep(place, hasSecret, () => made?.secret ?? wish.secret)],
    byHand,
  };
}

/** The one of the client that the settings name, and those with our name and redirect address. */
function ownApps(apps: readonly AccessApp[], address: string, clientId: string | undefined): AccessApp[] {
  const isNamed = ({ client }: AccessApp) => client !== null && client.id === clientId;
  return [
    ...apps.filter(isNamed),
    ...apps.filter((app) => !isNamed(app) && isOurs(app) && app.client?.redirectUris.includes(address)),
  ];
}

/** Setup has made it. */
const isOurs = ({ name }: AccessApp) => name === SIGN_IN_APP;

/** Adds what is missing, and takes nothing away: whom the owner let in elsewhere stays. */
function adjustStep(place: SignInPlace, app: AccessApp, address: string, emails: readonly string[]): Step {
  const id = "sign-in application";
  const missing = (now: AccessApp) => emails.filter((email) => !now.emails.includes(email));
  const lacks = [
    ...(app.client?.redirectUris.includes(address) ? [] : [`the redirect address ${address}`]),
    ...missing(app),
  ];
  if (lacks.length === 0) return settled(id, `the Access application '${app.name}' signs people in`);
  return {
    id,
    found: `the Access application '${app.name}' is there`,
    change: `add to it: ${lacks.join(", ")}`,
    apply: async () => {
      const now = (await readAccessApps(place)).find((each) => each.id === app.id);
      if (now === undefined)
        throw failed(`the Access application '${app.name}' is gone`, "run latchkey setup again");
      if (!now.client?.redirectUris.includes(address)) await addRedirectAddress(place, now.id, address);
      if (missing(now).length > 0) await addPeople(place, now.id, missing(now));
    },
  };
}

const removalStep = (place: SignInPlace): Step => ({
  id: "sign-in old secret",
  found: `${SECRET} is another client's`,
  change: "remove it from the Worker",
  apply: () => removeSecret(place, SECRET),
});

/** `secret` is asked for when the step is done: an application that was made by then has brought one. */
function storeStep(place: SignInPlace, isKept: boolean, secret: () => string | undefined): Step {
  const id = "sign-in secret";
  if (isKept) return settled(id, `${SECRET} is set, and kept`);
  const store = async () => {
    const text = secret();
    if (text !== undefined) await storeSecret(place, SECRET, text);
  };
  if (secret() === undefined && place.team === undefined) {
    return settled(id, `no ${SECRET} was given: the client must be a public one, with PKCE only`);
  }
  return {
    id,
    found: `the Worker has no ${SECRET}`,
    change: "store the client's secret as the Worker's",
    apply: store,
  };
}

/** Somebody's own application is not deleted. */
function lostByHand({ name }: AccessApp): Plan["byHand"][number] {
  return {
    reason: `the Worker has no ${SECRET}, and Cloudflare does not show that of the Access application '${name}' again`,
    remedy: `run setup with the secret in the variable ${SECRET}, or delete the application: setup then makes one`,
  };
}

function withWish(
  text: string,
  settings: Parameters<typeof withSignIn>[1],
  { apps, owners }: SignInWish,
  local: LocalSignIn | undefined,
): string {
  const all = { ...local?.owners, ...Object.fromEntries(owners) };
  const edited = withSignIn(text, Object.keys(all).length === 0 ? settings : { ...settings, owners: all });
  return apps.reduce(withSignInApp, edited);
}
