// Signing in with an identity provider: whether the settings fit together, and whether Access knows our address.
// What the provider itself answers is looked at from outside.
import { isPublicPath } from "../../../../src/domain/request/path-rules.ts";
import { redirectAddress } from "../../client/sign-in-paths.ts";
import type { LocalSettings } from "../../client/wrangler-toml.ts";
import { accountCheck, failedCheck, listed, nothing, passed, type Verdict, warned } from "../check.ts";
import { readAccessApps } from "./access.ts";

const DEPLOY = "then run npx wrangler deploy, or latchkey setup";

export const signIn = accountCheck({
  id: "sign-in",
  permission: null,
  read: nothing,
  judge: (_, { local }) => misfit(local) ?? behindGate(local) ?? fits(local),
});

/** With these, the Worker refuses everything. */
function misfit({ signIn, signInApps, adminHost, localAdminHost }: LocalSettings): Verdict | undefined {
  if (signInApps.includes("*")) {
    return failedCheck(
      'APPS."*" has signIn = true, which works for named hosts only: the Worker refuses everything',
      `set signIn for each host by its name, ${DEPLOY}`,
    );
  }
  if (signIn === undefined && signInApps.length > 0) {
    return failedCheck(
      `${listed(signInApps)} ${signInApps.length === 1 ? "has" : "have"} signIn = true, but there is no SIGN_IN: the Worker refuses everything`,
      `add [vars.SIGN_IN] (docs/sign-in.md) or remove signIn, ${DEPLOY}`,
    );
  }
  if (signIn !== undefined && (adminHost ?? localAdminHost) === undefined) {
    return failedCheck(
      "SIGN_IN needs an ADMIN_HOST, where people sign in: the Worker refuses everything",
      "name one with latchkey setup --admin-host latchkey.example.com",
    );
  }
  return undefined;
}

/** Behind the gate, nobody without a session could get one, and the Worker could not read the provider's keys. */
function behindGate({ signIn, hosts, adminHost }: LocalSettings): Verdict | undefined {
  if (signIn === undefined) return undefined;
  const { hostname } = new URL(signIn.issuer);
  const remedy = "give the provider a host that needs no credential: one that is not in APPS";
  if (hostname === adminHost) {
    return failedCheck(`the issuer's host ${hostname} is the ADMIN_HOST: nobody can sign in`, remedy);
  }
  const gated = hosts.find(({ host }) => host === hostname);
  if (gated === undefined) return undefined;
  const { pathname } = new URL(signIn.issuer);
  const discovery = `${pathname.replace(/\/$/, "")}/.well-known/openid-configuration`;
  return isPublicPath(gated.app.publicPaths, `https://${hostname}${discovery}`, discovery)
    ? warned(
        `the issuer's host ${hostname} is behind the gate, except for its public paths`,
        "try a sign-in with a browser that has no certificate; if a page is refused, add it to public",
      )
    : failedCheck(
        `the issuer's host ${hostname} is behind the gate: only people who have a credential already could sign in`,
        remedy,
      );
}

function fits({ signIn, signInApps }: LocalSettings): Verdict {
  if (signIn === undefined) return passed("nobody signs in with an identity provider");
  if (signInApps.length === 0) {
    return warned(
      "SIGN_IN is set, but no app has signIn = true: people can sign in to the pages only",
      "add signIn = true to an app's settings (docs/sign-in.md), unless that is what you want",
    );
  }
  return passed(`people sign in at ${new URL(signIn.issuer).hostname} for ${listed(signInApps)}`);
}

/** Access as the identity provider: its clients' ids are at the end of their issuers. */
export function accessClientOf(issuer: string): string | undefined {
  return /^https:\/\/[^/]+\.cloudflareaccess\.com\/cdn-cgi\/access\/sso\/oidc\/([^/]+)$/.exec(issuer)?.[1];
}

export const signInAccess = accountCheck({
  id: "sign-in-access",
  permission: "access-read",
  read: readAccessApps,
  judge(apps, { local: { signIn, adminHost } }) {
    const id = signIn === undefined ? undefined : accessClientOf(signIn.issuer);
    if (signIn === undefined || id === undefined || adminHost === undefined) {
      return passed("Access is not what signs people in");
    }
    if (id !== signIn.clientId) {
      return failedCheck(
        "SIGN_IN.clientId is not the client at the end of SIGN_IN.issuer: Access refuses the sign-in",
        "copy both from the application under Zero Trust > Access > Applications",
      );
    }
    const app = apps.find(({ client }) => client?.id === id);
    if (app === undefined) {
      return failedCheck(
        "Access has no application with the client id in SIGN_IN: nobody can sign in",
        "run latchkey setup, which makes one",
      );
    }
    const address = redirectAddress(adminHost);
    return app.client?.redirectUris.includes(address)
      ? passed(`the Access application '${app.name}' sends people to ${address}`)
      : failedCheck(
          `the Access application '${app.name}' has no redirect address ${address}: nobody can sign in`,
          "add it under Zero Trust > Access > Applications, or run latchkey setup",
        );
  },
});
