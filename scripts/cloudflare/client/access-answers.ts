// What Cloudflare's answers about Access must contain to be understood; see answers.ts.
import * as v from "valibot";
import { fields, optional, resultOf } from "./answers.ts";

const text = optional(v.string());
const conditions = optional(v.array(v.record(v.string(), v.unknown())));

/** Kinds of applications that are on no host of the account's zones. */
const HOSTLESS: ReadonlySet<string> = new Set([
  ...["app_launcher", "biso", "bookmark", "dash_sso", "infrastructure", "saas", "warp"],
  ...["mcp", "mcp_portal", "proxy_endpoint"],
]);

export const ACCESS_APP = v.pipe(
  fields({
    id: v.string(),
    name: text,
    type: text,
    domain: text,
    self_hosted_domains: optional(v.array(v.string())),
    destinations: optional(
      v.array(
        v.pipe(
          fields({ type: text, uri: text, worker_name: text, name: text }),
          v.check(({ type = "public", uri }) => type !== "public" || uri !== undefined, "has no uri"),
        ),
      ),
    ),
    policies: optional(
      v.array(fields({ decision: text, include: conditions, require: conditions, exclude: conditions })),
    ),
    /** Of `type: "saas"`. Those that speak SAML have no redirect addresses. */
    saas_app: optional(fields({ client_id: text, redirect_uris: optional(v.array(v.string())) })),
  }),
  v.check(
    ({ type, domain, self_hosted_domains: hosts, destinations }) =>
      HOSTLESS.has(type ?? "") ||
      domain !== undefined ||
      (hosts ?? []).length > 0 ||
      (destinations ?? []).length > 0,
    "covers no host that is named",
  ),
);

/** An application for sign-ins that was just made: its secret is in this answer only. */
export const MADE_SIGN_IN_APP = resultOf(
  fields({ id: v.string(), saas_app: fields({ client_id: v.string(), client_secret: v.string() }) }),
);

/** Fields of an application that its owner sets, as they are, to be sent back with one changed. */
const OWN_FIELDS = {
  name: v.string(),
  app_launcher_visible: optional(v.unknown()),
  allowed_idps: optional(v.unknown()),
  auto_redirect_to_identity: optional(v.unknown()),
  custom_pages: optional(v.unknown()),
  logo_url: optional(v.unknown()),
  tags: optional(v.unknown()),
};

export const WHOLE_APP = resultOf(
  fields({
    ...OWN_FIELDS,
    policies: v.nullish(v.array(fields({ id: v.string() })), []),
    saas_app: v.looseObject({ redirect_uris: optional(v.array(v.string())) }),
  }),
);

/** `auth_domain` is the team's: `house.cloudflareaccess.com`. */
export const ORGANIZATION = resultOf(optional(fields({ auth_domain: text })));
