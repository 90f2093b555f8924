import { ApiError, type Call, type Endpoint, endpoint, fieldsOf, pageOf, textOf } from "./call.ts";
import { type AccessApp, type AccessPolicy, newId } from "./state.ts";

const APPS = "/accounts/:account/access/apps";
const READ = "Access: Apps and Policies Read";
const WRITE = "Access: Apps and Policies Write";

/** Access applications and their policies, and the organisation that they belong to. */
export const ACCESS_ENDPOINTS: readonly Endpoint[] = [
  endpoint("GET", APPS, READ, (call) => pageOf(appsOf(call).map(withoutSecret), call.query, 100)),
  endpoint("POST", APPS, WRITE, (call) => {
    const app = fieldsOf(call).type === "saas" ? saasAppFrom(call, newId()) : appFrom(call, newId());
    appsOf(call).push(app);
    return { status: 201, result: app };
  }),
  endpoint("GET", `${APPS}/:app`, READ, (call) => ({ result: withoutSecret(appOf(call)) })),
  // The whole application is replaced; its policies are named by their ids.
  endpoint("PUT", `${APPS}/:app`, WRITE, (call) => {
    const app = appOf(call);
    const { policies = [], saas_app, ...fields } = fieldsOf(call);
    if (!Array.isArray(policies)) throw invalid("policies");
    const kept = policies.map(({ id }) => app.policies.find((policy) => policy.id === id));
    if (kept.includes(undefined)) throw invalid("policies");
    const secret = app.saas_app?.client_secret;
    Object.assign(app, fields, {
      policies: kept,
      saas_app: { ...saasFrom(saas_app), client_secret: secret },
    });
    return { result: withoutSecret(app) };
  }),
  endpoint("DELETE", `${APPS}/:app`, WRITE, (call) => {
    const { id } = appOf(call);
    call.state.accessApps = appsOf(call).filter((app) => app.id !== id);
    return { status: 202, result: { id } };
  }),
  endpoint("POST", `${APPS}/:app/policies`, WRITE, (call) => {
    const app = appOf(call);
    const policy = policyFrom(fieldsOf(call), app.policies.length + 1);
    app.policies.push(policy);
    return { status: 201, result: policy };
  }),
  endpoint(
    "GET",
    "/accounts/:account/access/organizations",
    "Access: Organizations, Identity Providers, and Groups Read",
    (call) => {
      appsOf(call);
      return { result: { name: "Household", auth_domain: call.state.authDomain } };
    },
  ),
];

const invalid = (what: string) => new ApiError(400, 12130, `access.api.error.invalid_request: ${what}`);

function appOf(call: Call): AccessApp {
  const app = appsOf(call).find(({ id }) => id === call.params.app);
  if (app === undefined) throw new ApiError(404, 11021, "access.api.error.unknown_application");
  return app;
}

/** A client's secret is in the answer to its making only. */
function withoutSecret(app: AccessApp): AccessApp {
  if (app.saas_app === undefined) return app;
  const { client_secret: _, ...saas } = app.saas_app;
  return { ...app, saas_app: saas };
}

function saasAppFrom(call: Call, id: string): AccessApp {
  const { policies = [], saas_app, ...fields } = fieldsOf(call);
  if (!Array.isArray(policies)) throw invalid("policies");
  const secrets = { client_id: newId() + newId(), client_secret: newId() + newId() };
  return {
    ...fields,
    name: textOf(fields.name, "name"),
    type: "saas",
    id,
    policies: policies.map((policy, index) => policyFrom(policy, index + 1)),
    saas_app: { ...saasFrom(saas_app), ...secrets },
  };
}

function saasFrom(saas: unknown): Record<string, unknown> {
  if (typeof saas !== "object" || saas === null || !("redirect_uris" in saas)) throw invalid("saas_app");
  if (!Array.isArray(saas.redirect_uris) || saas.redirect_uris.length === 0) throw invalid("redirect_uris");
  return { ...saas };
}

function appsOf({ state }: Call): AccessApp[] {
  // An account that has never opened Zero Trust.
  if (!state.accessEnabled) throw new ApiError(403, 9999, "access.api.error.not_enabled");
  return state.accessApps;
}

function appFrom(call: Call, id: string): AccessApp {
  const { policies = [], destinations, ...fields } = fieldsOf(call);
  if (!Array.isArray(policies)) throw invalid("policies");
  const domain = destinations === undefined ? textOf(fields.domain, "domain") : undefined;
  if (destinations !== undefined && !Array.isArray(destinations)) {
    throw invalid("destinations");
  }
  return {
    name: domain ?? id,
    type: "self_hosted",
    ...fields,
    destinations: destinations ?? [{ type: "public", uri: domain }],
    id,
    policies: policies.map((policy, index) => policyFrom(policy, index + 1)),
  };
}

function policyFrom(fields: Record<string, unknown>, precedence: number): AccessPolicy {
  const { decision } = fields;
  if (decision !== "allow" && decision !== "deny" && decision !== "bypass" && decision !== "non_identity") {
    throw invalid("decision");
  }
  return {
    exclude: [],
    require: [],
    include: [],
    precedence,
    ...fields,
    name: textOf(fields.name, "name"),
    decision,
    id: newId(),
  };
}
