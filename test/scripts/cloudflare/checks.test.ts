import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import type { Route } from "../../../scripts/cloudflare/client/routes.ts";
import type { LocalSettings } from "../../../scripts/cloudflare/client/wrangler-toml.ts";
import {
  type CheckStatus,
  type DoctorState,
  known,
  unreadable,
} from "../../../scripts/cloudflare/doctor/check.ts";
import type { AccessApp } from "../../../scripts/cloudflare/doctor/checks/access.ts";
import { findings } from "../../../scripts/cloudflare/doctor/checks/doctor.ts";
import type { IngressRule } from "../../../scripts/cloudflare/doctor/rules/tunnel-reach.ts";
import { SignInSchema } from "../../../src/contract/sign-in-settings.ts";
import {
  type Account,
  device,
  gated,
  goodAccount,
  goodState,
  goodZone,
  ingress,
  NOW,
  record,
  rule,
  stateOf,
  TUNNEL,
  tunnel,
  type Zone,
} from "./states.ts";

// Every check of the doctor, failing and passing: each row changes one thing in a good state.

const route = (pattern: string, script: string | undefined = "latchkey", failsOpen?: boolean): Route => ({
  id: pattern,
  pattern,
  script,
  failsOpen: failsOpen ?? false,
});
const BOTH = [route("vault.example.com/*"), route("photos.example.com/*")];
const routes = (...more: Route[]): Partial<Zone> => ({ routes: known([...BOTH, ...more]) });
const PAGES_HOST = "latchkey.example.com";
const pages: Partial<Zone> = { adminHost: PAGES_HOST };
const onlyVault = { hosts: [gated("vault.example.com")] };
const access = (...apps: Partial<AccessApp>[]): Partial<Account> => ({
  accessApps: known(
    apps.map((app) => ({
      ...{ id: "a", name: "House", places: [], workers: [], letsEveryonePass: false },
      ...{ client: null, emails: [] },
      ...{ letsSomeonePass: app.letsEveryonePass ?? false, ...app },
    })),
  ),
});
const registry = (...devices: ReturnType<typeof device>[]): Partial<Account> => ({
  registry: known(devices),
});
const DEEP = "vault.home.example.com";
/** A host two levels below the zone, with a certificate of this kind besides Universal SSL's. */
const deep = (status?: string, ...names: string[]): Partial<Zone> => ({
  hosts: [gated(DEEP)],
  edgeCertificates: known([
    { type: "universal", status: "active", hosts: ["example.com", "*.example.com"] },
    ...(status === undefined ? [] : [{ type: "advanced", status, hosts: names }]),
  ]),
});
const VAULT_SERVICE = "http://localhost:8080";
const home = (...more: IngressRule[]): Partial<Account> => ({ tunnels: known([tunnel(...more)]) });
const records = (...more: ReturnType<typeof record>[]): Partial<Zone> => ({
  dns: known([record("vault.example.com"), record("photos.example.com"), ...more]),
});
const OTHER_TUNNEL = TUNNEL.replace("c", "d");
const other = (...rules: IngressRule[]): Partial<Account> => ({
  tunnels: known([tunnel(), { id: OTHER_TUNNEL, name: "shed", ingress: known(rules) }]),
});
const LOCAL = unreadable(
  "the tunnel shed takes its rules from a file on its own machine",
  "look in its config.yml",
);
const inDays = (days: number) => new Date(NOW + days * 86_400_000).toISOString();

const TEAM_ISSUER = "https://house.cloudflareaccess.com/cdn-cgi/access/sso/oidc/client-1";
const provider = (issuer: string) => v.parse(SignInSchema, { issuer, clientId: "client-1" });
const clientApp = (redirect: string): Partial<AccessApp> => ({
  client: { id: "client-1", redirectUris: [redirect] },
});
/** People sign in, with these settings instead. */
const signsIn = (more: Partial<LocalSettings> = {}): Partial<Account> => ({
  local: {
    ...goodAccount().local,
    adminHost: PAGES_HOST,
    signIn: provider("https://id.example.net"),
    signInApps: ["vault.example.com"],
    ...more,
  },
});

type Row = [id: string, status: CheckStatus, what: string, zone: Partial<Zone>, more?: Partial<Account>];

// biome-ignore format: a table is read by its columns.
const TABLE: Row[] = [
  ["wrangler-toml", "failed", "the file opens the gate", {}, { local: { ...goodAccount().local, dangers: ["workers_dev is not false"] } }],
  ["zone", "unknown", "an app in no zone of the token", {}, { homeless: ["vault.example.net"] }],

  ["dns", "failed", "a record that is not proxied", { dns: known([record("vault.example.com", "192.0.2.1", { type: "A", proxied: false }), record("photos.example.com", "192.0.2.1", { type: "A", proxied: true })]) }],
  ["dns", "failed", "no record", { dns: known([record("vault.example.com", "192.0.2.1", { type: "A", proxied: true })]) }],
  ["dns", "failed", "an open wildcard", { dns: known([record("*.example.com", "192.0.2.1", { type: "A", proxied: false })]) }],

  ["dns", "failed", "no record of the admin host", { ...pages, dns: known([record("vault.example.com", "192.0.2.1", { type: "A", proxied: true }), record("photos.example.com", "192.0.2.1", { type: "A", proxied: true })]) }],
  ["mtls", "ok", "the admin host asks for none", pages],
  ["route", "failed", "no route for the admin host", pages],
  ["route", "ok", "one for the admin host, too", { ...pages, ...routes(route(`${PAGES_HOST}/*`)) }],
  ["route-fails-closed", "failed", "the pages' route fails open", { ...pages, ...routes(route(`${PAGES_HOST}/*`, "latchkey", true)) }],
  ["access", "failed", "an application on the admin host", pages, access({ places: [PAGES_HOST] })],
  ["admin-host", "ok", "a host of its own", pages, { local: { ...goodAccount().local, adminHost: PAGES_HOST } }],
  ["admin-host", "failed", "a host that is an app", {}, { local: { ...goodAccount().local, adminHost: "vault.example.com" } }],
  ["admin-host", "failed", "a host of this machine", {}, { local: { ...goodAccount().local, localAdminHost: "latchkey.localhost" } }],
  ["admin-host", "warning", "browsers are asked for a certificate there", { ...pages, associations: known(["vault.example.com", "photos.example.com", PAGES_HOST]) }, { local: { ...goodAccount().local, adminHost: PAGES_HOST } }],
  ["admin-host", "unknown", "in no zone of the token", {}, { local: { ...goodAccount().local, adminHost: "latchkey.example.net" } }],

  ["edge-certificate", "failed", "a host two levels deep, with Universal SSL only", deep()],
  ["edge-certificate", "ok", "a certificate of its own", deep("active", DEEP)],
  ["edge-certificate", "ok", "a wildcard of its level", deep("active", "*.home.example.com")],
  ["edge-certificate", "failed", "a wildcard of another level", deep("active", "*.vault.home.example.com", "home.example.com")],
  ["edge-certificate", "warning", "one that waits for its validation", deep("pending_validation", DEEP)],
  ["edge-certificate", "warning", "a state that is not known here", deep("dreaming", DEEP)],
  ["edge-certificate", "failed", "one that has expired", deep("expired", DEEP)],
  ["edge-certificate", "failed", "no certificate at all", { edgeCertificates: known([]) }],
  ["edge-certificate", "failed", "an admin host two levels deep", { adminHost: "keys.home.example.com" }],

  ["mtls", "failed", "a host that asks for no certificate", { associations: known(["vault.example.com"]) }],
  ["mtls", "ok", "the host in capitals", { associations: known(["Vault.Example.com", "photos.example.com"]) }],

  ["route", "failed", "no route", { routes: known([]) }],
  ["route", "failed", "one host without", { routes: known([route("vault.example.com/*")]) }],
  ["route", "failed", "https alone", { ...onlyVault, routes: known([route("https://vault.example.com/*")]) }],
  ["route", "failed", "a part of the paths", { ...onlyVault, routes: known([route("vault.example.com/api/*")]) }],
  ["route", "failed", "another Worker's", { ...onlyVault, routes: known([route("vault.example.com/*", "blog")]) }],
  ["route", "ok", "a wildcard", { routes: known([route("*.example.com/*")]) }],
  ["route", "ok", "a wildcard with the apex", { routes: known([route("*example.com/*")]) }],
  ["route", "ok", "a star after the host", { ...onlyVault, routes: known([route("vault.example.com*")]) }],
  ["route", "failed", "a wildcard of another name", { routes: known([route("*.example.net/*")]) }],

  ["route-bypass", "failed", "a path without a Worker", routes({ ...route("vault.example.com/api/*"), script: undefined })],
  ["route-bypass", "failed", "a path with another Worker", routes(route("vault.example.com/api/*", "blog"))],
  ["route-bypass", "failed", "a scheme makes it more specific", routes({ ...route("http://vault.example.com/*"), script: undefined })],
  ["route-bypass", "failed", "the host itself without a Worker", { ...onlyVault, routes: known([route("*.example.com/*"), { ...route("vault.example.com/*"), script: undefined }]) }],
  ["route-bypass", "failed", "the host with a star, which comes before host/*", routes({ ...route("vault.example.com*"), script: undefined })],
  ["route-bypass", "failed", "the same with another Worker and a scheme", routes(route("https://vault.example.com*", "blog"))],
  ["route-bypass", "warning", "a wildcard host with a star", routes({ ...route("*.example.com*"), script: undefined })],
  ["route-bypass", "ok", "another host with a star", routes({ ...route("blog.example.com*"), script: undefined })],
  ["route-bypass", "warning", "a wildcard with a path", routes({ ...route("*.example.com/api/*"), script: undefined })],
  ["route-bypass", "ok", "a path with the same Worker", routes(route("vault.example.com/api/*"))],
  ["route-bypass", "warning", "a wildcard beside the gate's own", { ...onlyVault, routes: known([route("*.example.com/*"), { ...route("*vault.example.com/*"), script: undefined }]) }],
  ["route-bypass", "warning", "a wildcard beside a star after the host", { ...onlyVault, routes: known([route("vault.example.com*"), { ...route("*.example.com/*"), script: undefined }]) }],
  ["route-bypass", "ok", "a wildcard behind it", routes({ ...route("*.example.com/*"), script: undefined })],

  ["route-fails-closed", "failed", "it fails open", { routes: known([route("vault.example.com/*"), route("photos.example.com/*", "latchkey", true)]) }],
  ["route-fails-closed", "unknown", "Cloudflare does not say", { routes: known([{ ...route("vault.example.com/*"), failsOpen: undefined }]) }],
  ["route-fails-closed", "unknown", "no route", { routes: known([]) }],
  ["route-fails-closed", "failed", "a part of it fails open", routes(route("vault.example.com/api/*", "latchkey", true))],

  ["route-fails-closed", "failed", "a star after the host fails open", routes(route("vault.example.com*", "latchkey", true))],

  ["custom-domain", "failed", "the host is a Custom Domain", {}, { domains: known([{ hostname: "vault.example.com", service: "latchkey" }]) }],

  ["waf", "failed", "a rule on the host", { rules: known([rule('http.host eq "vault.example.com" and ip.src.country ne "CH"')]) }],
  ["waf", "failed", "the rule that Latchkey takes the place of", { rules: known([rule("not cf.tls_client_auth.cert_verified")]) }],
  ["waf", "failed", "a challenge for a list of hosts", { rules: known([rule('(http.host in {"a.example.com" "vault.example.com"})', { action: "managed_challenge" })]) }],
  ["waf", "failed", "a rate limit that answers 403", { rules: known([rule('http.host eq "vault.example.com"', { phase: "http_ratelimit", status: 403 })]) }],
  ["waf", "ok", "a rate limit that answers 429", { rules: known([rule('http.host eq "vault.example.com"', { phase: "http_ratelimit" })]) }],
  ["waf", "ok", "a rule that is off", { rules: known([rule("true", { enabled: false })]) }],
  ["waf", "ok", "a rule that logs", { rules: known([rule("true", { action: "log" })]) }],
  ["waf", "warning", "a rule that cannot be judged", { rules: known([rule("ip.geoip.asnum in {1 2}")]) }],
  ["waf", "warning", "a managed ruleset", { rules: known([rule("true", { phase: "http_request_firewall_managed", action: "execute" })]) }],
  ["waf", "ok", "the host is spared by a skip", { ...onlyVault, rules: known([rule('http.host eq "vault.example.com"', { action: "skip", skips: ["current"] }), rule("true")]) }],
  ["waf", "failed", "a skip that comes too late", { ...onlyVault, rules: known([rule("true"), rule('http.host eq "vault.example.com"', { action: "skip", skips: ["current"] })]) }],

  ["ip-access-rules", "warning", "a country is blocked", { accessRules: known([{ id: "1", mode: "block", configuration: { target: "country", value: "CH" } }]) }],
  ["ip-access-rules", "ok", "an address is let in", { accessRules: known([{ id: "1", mode: "whitelist", configuration: { target: "ip", value: "192.0.2.1" } }]) }],
  ["bots", "failed", "Bot Fight Mode", { bots: known({ fightMode: true, superFightMode: [] }) }],
  ["bots", "failed", "Super Bot Fight Mode", { bots: known({ fightMode: false, superFightMode: ["sbfm_likely_automated"] }) }],
  ["security-level", "failed", "under attack", { securityLevel: known("under_attack") }],
  ["browser-check", "warning", "on", { browserCheck: known("on") }],
  ["grpc", "warning", "on", { grpc: known("on") }],
  ["grpc", "unknown", "a word that is not known here", { grpc: known("auto") }],

  ["access", "failed", "an application on the host", {}, access({ places: ["vault.example.com"] })],
  ["access", "failed", "on a wildcard", {}, access({ places: ["*.example.com"] })],
  ["access", "failed", "on a path", {}, access({ places: ["vault.example.com/admin"] })],
  ["access", "failed", "on all Workers", {}, access({ workers: ["*"] })],
  ["access", "failed", "on this Worker", {}, access({ workers: ["latchkey"] })],
  ["access", "ok", "on another Worker", {}, access({ workers: ["blog"] })],
  ["access", "ok", "on another host", {}, access({ places: ["blog.example.com"] })],
  ["access", "ok", "on our own sign-in path", {}, access({ places: ["vault.example.com/.latchkey/sign-in"] })],
  ["access", "ok", "that everybody may bypass", {}, access({ places: ["*.example.com"], letsEveryonePass: true })],

  ["tunnel-hostnames", "failed", "another name of the same service", {}, home(ingress("direct.example.com", VAULT_SERVICE))],
  ["tunnel-hostnames", "failed", "the same service, written another way", {}, home(ingress("direct.example.com", "http://127.0.0.1:8080/"))],
  ["tunnel-hostnames", "failed", "a part of its paths", {}, home(ingress("direct.example.com", VAULT_SERVICE, { path: "^/api" }))],
  ["tunnel-hostnames", "failed", "the rule for all other names", {}, home(ingress(undefined, VAULT_SERVICE))],
  ["tunnel-hostnames", "failed", "a wildcard rule", {}, home(ingress("*.example.com", VAULT_SERVICE))],
  ["tunnel-hostnames", "failed", "a record of a name that a wildcard rule takes", records(record("x.y.example.com")), home(ingress("*.example.com", VAULT_SERVICE))],
  ["tunnel-hostnames", "failed", "a name that leads to another name of the tunnel", records(record("x.example.com", "vault.example.com")), home(ingress("x.example.com", VAULT_SERVICE))],
  ["tunnel-hostnames", "failed", "the app's own Host header", {}, home(ingress("x.example.com", VAULT_SERVICE, { hostHeader: "vault.example.com" }))],
  ["tunnel-hostnames", "failed", "a gated name of which a path is not", routes(route("x.example.com/*"), route("x.example.com/api/*", "blog")), home(ingress("x.example.com", VAULT_SERVICE))],
  ["tunnel-hostnames", "failed", "a wildcard route that another one comes before", routes(route("*.example.com/*"), { ...route("x.example.com/*"), script: undefined }), home(ingress("x.example.com", VAULT_SERVICE))],
  ["tunnel-hostnames", "warning", "a wildcard route beside the gate's own", routes(route("*.example.com/*"), { ...route("*direct.example.com/*"), script: undefined }), home(ingress("direct.example.com", VAULT_SERVICE))],
  ["tunnel-hostnames", "warning", "a gated wildcard, of which one name has another route", routes(route("*.example.com/*"), { ...route("x.example.com/*"), script: undefined }), home(ingress("*.example.com", VAULT_SERVICE))],
  ["tunnel-hostnames", "failed", "the same machine by its unspecified address", {}, home(ingress("direct.example.com", "http://0.0.0.0:8080"))],
  ["tunnel-hostnames", "failed", "the same by IPv6", {}, home(ingress("direct.example.com", "http://[::]:8080"))],
  ["tunnel-hostnames", "warning", "another service, asked with an app's Host header", {}, home(ingress("direct.example.com", "https://caddy:443", { hostHeader: "vault.example.com" }))],
  ["tunnel-hostnames", "ok", "the same, with a gate", routes(route("direct.example.com/*")), home(ingress("direct.example.com", "https://caddy:443", { hostHeader: "vault.example.com" }))],
  ["tunnel-hostnames", "warning", "a catch-all rule for an app's service", records(), home(ingress(undefined, VAULT_SERVICE))],
  ["tunnel-hostnames", "warning", "a catch-all rule with an app's Host header", records(), home(ingress(undefined, "https://caddy:443", { hostHeader: "vault.example.com" }))],
  ["tunnel-hostnames", "ok", "a catch-all rule for another service", records(), home(ingress(undefined, "http://localhost:4000"))],
  ["tunnel-hostnames", "warning", "a reverse proxy in front of several apps", records(record("blog.example.com")), { tunnels: known([{ id: TUNNEL, name: "home", ingress: known([ingress("*.example.com", "http://caddy:80")]) }]) }],
  ["tunnel-hostnames", "warning", "another Host header", {}, home(ingress("x.example.com", VAULT_SERVICE, { hostHeader: "blog.local" }))],
  ["tunnel-hostnames", "warning", "the same service in another tunnel", records(record("x.example.com", `${OTHER_TUNNEL}.cfargotunnel.com`)), other(ingress("x.example.com", VAULT_SERVICE))],
  ["tunnel-hostnames", "warning", "a name of a zone that was not read", {}, home(ingress("vault.example.net", VAULT_SERVICE))],
  ["tunnel-hostnames", "ok", "the same name has a gate", routes(route("direct.example.com/*")), home(ingress("direct.example.com", VAULT_SERVICE))],
  ["tunnel-hostnames", "failed", "a gated name whose record is not proxied", { ...routes(route("direct.example.com/*")), ...records(record("direct.example.com", undefined, { proxied: false })) }, home(ingress("direct.example.com", VAULT_SERVICE))],
  ["tunnel-hostnames", "ok", "a route that gates all names", routes(route("*.example.com/*")), home(ingress("*.example.com", VAULT_SERVICE))],
  ["tunnel-hostnames", "ok", "a name that leads elsewhere", records(record("direct.example.com", "192.0.2.7", { type: "A" })), home(ingress("direct.example.com", VAULT_SERVICE))],
  ["tunnel-hostnames", "ok", "a name without a record", records(), home(ingress("direct.example.com", VAULT_SERVICE), ingress("*.example.com", VAULT_SERVICE))],
  ["tunnel-hostnames", "ok", "an earlier rule takes the name", records(record("blog.example.com")), home(ingress("blog.example.com", "http://localhost:4000"), ingress("*.example.com", VAULT_SERVICE))],
  ["tunnel-hostnames", "ok", "a name behind Access", {}, { ...home(ingress("direct.example.com", VAULT_SERVICE)), ...access({ places: ["direct.example.com"] }) }],
  ["tunnel-hostnames", "ok", "a name behind Access, whose wildcard someone passes", {}, { ...home(ingress("direct.example.com", VAULT_SERVICE)), ...access({ places: ["direct.example.com"] }, { places: ["*.example.com"], letsSomeonePass: true }) }],
  ["tunnel-hostnames", "failed", "a name that everyone passes", {}, { ...home(ingress("direct.example.com", VAULT_SERVICE)), ...access({ places: ["direct.example.com"], letsEveryonePass: true }) }],
  ["tunnel-hostnames", "warning", "a name that someone passes", {}, { ...home(ingress("direct.example.com", VAULT_SERVICE)), ...access({ places: ["direct.example.com"], letsSomeonePass: true }) }],
  ["tunnel-hostnames", "warning", "a name behind Access, but for a path", {}, { ...home(ingress("direct.example.com", VAULT_SERVICE)), ...access({ places: ["direct.example.com"] }, { places: ["direct.example.com/api/*"], letsEveryonePass: true }) }],
  ["tunnel-hostnames", "warning", "the same with a sign-in path's name", {}, { ...home(ingress("direct.example.com", VAULT_SERVICE)), ...access({ places: ["direct.example.com"] }, { places: ["direct.example.com/.latchkey/x"], letsEveryonePass: true }) }],
  ["tunnel-hostnames", "warning", "a wildcard behind Access, but for a name", {}, { ...home(ingress("*.example.com", VAULT_SERVICE)), ...access({ places: ["*.example.com"] }, { places: ["x.example.com"], letsEveryonePass: true }) }],
  ["tunnel-hostnames", "failed", "a name of which Access guards a path", {}, { ...home(ingress("direct.example.com", VAULT_SERVICE)), ...access({ places: ["direct.example.com/admin"] }) }],
  ["tunnel-hostnames", "unknown", "an app without a tunnel", { dns: known([record("vault.example.com", "192.0.2.7", { type: "A" }), record("photos.example.com")]) }],
  ["tunnel-hostnames", "unknown", "an app without a record", { dns: known([record("vault.example.com")]) }],
  ["tunnel-hostnames", "unknown", "a circle of names", { dns: known([record("vault.example.com", "a.example.com"), record("a.example.com", "vault.example.com"), record("photos.example.com")]) }],
  ["tunnel-hostnames", "unknown", "a tunnel of another account", {}, { tunnels: known([]) }],
  ["tunnel-hostnames", "unknown", "no rule for the app", {}, { tunnels: known([{ id: TUNNEL, name: "home", ingress: known([ingress(undefined, "http_status:404")]) }]) }],
  ["tunnel-hostnames", "unknown", "a tunnel that is managed elsewhere", {}, { tunnels: known([{ id: TUNNEL, name: "shed", ingress: LOCAL }]) }],
  ["tunnel-hostnames", "unknown", "a name of another such tunnel", records(record("x.example.com", `${OTHER_TUNNEL}.cfargotunnel.com`)), { tunnels: known([tunnel(), { id: OTHER_TUNNEL, name: "shed", ingress: LOCAL }]) }],
  ["tunnel-hostnames", "failed", "one name is open, of the others nothing is known", { hosts: [gated("vault.example.com"), gated("x.y.example.org")] }, home(ingress("direct.example.com", VAULT_SERVICE))],

  ["access-own-paths", "failed", "the pages of invitations", pages, access({ places: [`${PAGES_HOST}/.latchkey/welcome`] })],
  ["access-own-paths", "failed", "their style", pages, access({ places: [`https://${PAGES_HOST}/.latchkey/style.css`] })],
  ["access-own-paths", "failed", "all of our own paths", pages, access({ places: [`${PAGES_HOST}/.latchkey/*`] })],
  ["access-own-paths", "failed", "a folder and what is in it", pages, access({ places: ["*.example.com/.latchkey"] })],
  ["access-own-paths", "ok", "the same, for a path with a bypass of its own", pages, access({ places: [`${PAGES_HOST}/.latchkey/welcome*`] }, { places: [`${PAGES_HOST}/.latchkey/welcome.js`, `${PAGES_HOST}/.latchkey/welcome`, `${PAGES_HOST}/.latchkey/welcome*`], letsEveryonePass: true })],
  ["access-own-paths", "failed", "a bypass for one of them only", pages, access({ places: [`${PAGES_HOST}/.latchkey`] }, { places: [`${PAGES_HOST}/.latchkey/welcome`], letsEveryonePass: true })],
  ["access-own-paths", "failed", "a bypass of the whole host only", pages, access({ places: [`${PAGES_HOST}/.latchkey`] }, { places: [PAGES_HOST], letsEveryonePass: true })],
  ["access-own-paths", "ok", "a page that has a session", pages, access({ places: [`${PAGES_HOST}/.latchkey/devices`] })],
  ["access-own-paths", "ok", "the callback, where nobody signs in", pages, access({ places: [`${PAGES_HOST}/.latchkey/callback`] })],
  ["access-own-paths", "failed", "the callback", pages, { ...signsIn(), ...access({ places: [`${PAGES_HOST}/.latchkey/callback`] }) }],
  ["access-own-paths", "failed", "the back-channel logout", pages, { ...signsIn(), ...access({ places: [`${PAGES_HOST}/.latchkey/backchannel-logout`] }) }],
  ["access-own-paths", "failed", "the entry of an app", { hosts: [gated("vault.example.com", { signIn: true })] }, access({ places: ["vault.example.com/.latchkey/enter"] })],
  ["access-own-paths", "ok", "the entry of an app that takes no sign-in", {}, access({ places: ["vault.example.com/.latchkey/enter"] })],

  ["sign-in", "ok", "an app that takes it", pages, signsIn()],
  ["sign-in", "warning", "no app that takes it", pages, signsIn({ signInApps: [] })],
  ["sign-in", "failed", "an app, and no provider", pages, signsIn({ signIn: undefined })],
  ["sign-in", "failed", "every host", pages, signsIn({ signInApps: ["*"] })],
  ["sign-in", "failed", "no admin host", {}, signsIn({ adminHost: undefined })],
  ["sign-in", "failed", "the issuer on the admin host", pages, signsIn({ signIn: provider(`https://${PAGES_HOST}`) })],
  ["sign-in", "failed", "the issuer behind the gate", pages, signsIn({ signIn: provider("https://vault.example.com/realms/home") })],
  ["sign-in", "failed", "the same with some public paths", pages, signsIn({ signIn: provider("https://id.example.com"), hosts: [gated("id.example.com", { public: ["/login/*"] })] })],
  ["sign-in", "warning", "the same with those of its discovery", pages, signsIn({ signIn: provider("https://id.example.com/"), hosts: [gated("id.example.com", { public: ["/.well-known/*"] })] })],
  ["sign-in-access", "ok", "its application", pages, { ...signsIn({ signIn: provider(TEAM_ISSUER) }), ...access(clientApp(`https://${PAGES_HOST}/.latchkey/callback`)) }],
  ["sign-in-access", "failed", "no application", pages, signsIn({ signIn: provider(TEAM_ISSUER) })],
  ["sign-in-access", "failed", "another redirect address", pages, { ...signsIn({ signIn: provider(TEAM_ISSUER) }), ...access(clientApp("https://other.example.com/.latchkey/callback")) }],
  ["sign-in-access", "failed", "an issuer of another client", pages, { ...signsIn({ signIn: provider(`${TEAM_ISSUER}2`) }), ...access(clientApp(`https://${PAGES_HOST}/.latchkey/callback`)) }],

  ["workers-dev", "failed", "workers.dev is on", {}, { addresses: known({ enabled: true, previews_enabled: false }) }],
  ["workers-dev", "failed", "previews are on", {}, { addresses: known({ enabled: false, previews_enabled: true }) }],
  ["workers-dev", "failed", "nothing is deployed", {}, { addresses: known(null) }],
  ["workers-cache", "failed", "on", {}, { settings: known({ compatibility_flags: [], cache_options: { enabled: true } }) }],
  ["global-fetch", "failed", "set", {}, { settings: known({ compatibility_flags: ["global_fetch_strictly_public"], cache_options: undefined }) }],
  ["secret", "failed", "not set", {}, { secrets: known(["OTHER"]) }],

  ["api", "unknown", "no answer", {}, { registry: unreadable("nothing listens", "start it") }],
  ["registry", "failed", "empty", {}, registry()],
  ["registry", "failed", "nobody active", {}, registry(device("a/b", "suspended", "a"))],
  ["certificates-ending", "warning", "in ten days", {}, registry(device("a/b", "active", "a", inDays(10)))],
  ["certificates-ending", "failed", "ended", {}, registry(device("a/b", "active", "a", inDays(-1)))],
  ["certificates-ending", "ok", "ended, of a revoked device", {}, registry(device("a/b", "revoked", "a", inDays(-1)))],
  ["certificates-ending", "ok", "in a year", {}, registry(device("a/b", "active", "a", inDays(365)))],
  ["revoked-there-active-here", "failed", "revoked at Cloudflare", {}, registry(device("a/b", "active", "b"))],
  ["revoked-there-active-here", "ok", "of another zone", {}, registry(device("a/b", "active", "d"))],
  ["revoked-here-active-there", "warning", "active at Cloudflare", {}, registry(device("a/b", "revoked", "a"))],
  ["revoked-here-active-there", "warning", "retired, and active at Cloudflare", {}, registry(device("a/b", "active", "c", undefined, ["a"]))],
  ["revoked-here-active-there", "ok", "retired, and revoked at Cloudflare", {}, registry(device("a/b", "active", "c", undefined, ["b"]))],
  ["revoked-here-active-there", "ok", "retired, of a device that is lost", {}, registry(device("a/b", "lost", "c", undefined, ["a"]))],
  ["blocked", "warning", "a Worker that knows no such list", {}, { blocked: known(null) }],
  ["blocked", "warning", "a device that the registry has revoked", {}, { ...registry(device("a/b", "revoked", "b"), device("a/c", "active", "c")), blocked: known(["b".repeat(64), "c".repeat(64)]) }],
  ["blocked", "ok", "an active device, and a certificate of nobody's", {}, { ...registry(device("a/b", "active", "b")), blocked: known(["b".repeat(64), "d".repeat(64)]) }],
  ["blocked", "ok", "names that cannot be had", {}, { registry: unreadable("nothing listens", "start it"), blocked: known(["b".repeat(64)]) }],
  ["usage", "warning", "much", {}, { usage: known({ workerRequests: 80_000, objectRequests: 0 }) }],
  ["usage", "failed", "nearly all", {}, { usage: known({ workerRequests: 0, objectRequests: 99_000 }) }],
];

function statusOf(id: string, state: DoctorState): CheckStatus | undefined {
  return findings(state).find((check) => check.id === id)?.status;
}

describe("the doctor's checks", () => {
  it("pass on a zone in which nothing is wrong", () => {
    expect(findings(goodState()).filter(({ status }) => status !== "ok")).toEqual([]);
  });

  it.each(TABLE)("%s: %s with %s", (id, status, _, zone, more) => {
    expect(statusOf(id, goodState(zone, more))).toBe(status);
  });

  it("do not pass where the gate's own route is one of three wildcards", () => {
    const other = (pattern: string) => ({ ...route(pattern), script: undefined });
    const wildcards = known([
      route("*.example.com/*"),
      other("*vault.example.com/*"),
      other("*direct.example.com/*"),
    ]);
    const state = goodState(
      { ...onlyVault, routes: wildcards },
      home(ingress("direct.example.com", VAULT_SERVICE)),
    );
    expect(["route", "route-bypass", "tunnel-hostnames"].map((id) => statusOf(id, state))).toEqual([
      "ok",
      "warning",
      "warning",
    ]);
  });

  it("are each in the table with what makes them fail", () => {
    const bad = new Set(TABLE.filter(([, status]) => status !== "ok").map(([id]) => id));
    expect(
      findings(goodState())
        .map(({ id }) => id)
        .filter((id) => !bad.has(id)),
    ).toEqual([]);
  });

  it("are each in the list in docs/cloudflare.md", () => {
    const docs = readFileSync(join(import.meta.dirname, "../../../docs/cloudflare.md"), "utf8");
    const ids = findings(goodState()).map(({ id }) => id);
    expect(ids.filter((id) => !docs.includes(`\`${id}\``))).toEqual([]);
  });

  it("name reason and remedy whenever they do not pass", () => {
    for (const [, , , zone, more] of TABLE) {
      for (const check of findings(goodState(zone, more))) {
        expect(check.reason).toMatch(/^\S.*[^.\s]$/);
        expect(check.remedy === null).toBe(check.status === "ok");
      }
    }
  });

  it("quote a device's name in the commands that they give", () => {
    const name = "a/x; touch owned #";
    for (const account of [
      registry(device(name, "active", "a", inDays(-1))),
      registry(device(name, "active", "a", inDays(10))),
      registry(device(name, "active", "b")),
      registry(device(name, "revoked", "a")),
      registry(device(name, "active", "c", undefined, ["a"])),
      { ...registry(device(name, "revoked", "b")), blocked: known(["b".repeat(64)]) },
    ]) {
      const remedies = findings(goodState({}, account)).flatMap(({ remedy }) => remedy ?? []);
      const named = remedies.filter((remedy) => remedy.includes(name));
      expect(named.length).toBeGreaterThan(0);
      for (const remedy of named) expect(remedy).toContain(`'${name}'`);
    }
  });

  it("are never a pass for what could not be read", () => {
    const gone = unreadable("the token lacks the permission X", "grant it");
    const unread = <T extends object>(readings: T): T =>
      Object.fromEntries(
        Object.entries(readings).map(([key, value]) => [key, isReading(value) ? gone : value]),
      ) as T;
    const state = stateOf(unread(goodZone()), { ...unread(goodAccount()), nothing: known(undefined) });
    const passed = findings(state).filter(({ status }) => status !== "unknown");
    expect(passed.map(({ id }) => id)).toEqual(["wrangler-toml", "zone", "admin-host", "sign-in"]);
  });
});

function isReading(value: unknown): boolean {
  return typeof value === "object" && value !== null && "known" in value;
}
