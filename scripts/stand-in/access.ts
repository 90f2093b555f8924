import { ApiError, type Call, checkAccount, type Endpoint, fieldsOf, pageOf, textOf } from "./call.ts";
import { type AccessApp, type AccessPolicy, newId } from "./state.ts";

const READ = "Access: Apps and Policies Read";
const WRITE = "Access: Apps and Policies Write";
const APPS = "/accounts/:account/access/apps";

/** Access applications and their policies. */
export const ACCESS_ENDPOINTS: readonly Endpoint[] = [
  endpoint("GET", APPS, READ, ({ state, query }) => pageOf(state.accessApps, query, 100)),
  endpoint("POST", APPS, WRITE, (call) => {
    const app = appFrom(call, newId());
    call.state.accessApps.push(app);
    return { status: 201, result: app };
  }),
  endpoint("GET", `${APPS}/:app`, READ, (call) => ({ result: appOf(call) })),
  endpoint("PUT", `${APPS}/:app`, WRITE, (call) => {
    const app = appOf(call);
    Object.assign(app, { policies: app.policies }, appFrom(call, app.id));
    return { result: app };
  }),
  endpoint("DELETE", `${APPS}/:app`, WRITE, (call) => {
    const { id } = appOf(call);
    call.state.accessApps = call.state.accessApps.filter((app) => app.id !== id);
    return { status: 202, result: { id } };
  }),
  endpoint("GET", `${APPS}/:app/policies`, READ, (call) => pageOf(appOf(call).policies, call.query, 100)),
  endpoint("POST", `${APPS}/:app/policies`, WRITE, (call) => {
    const app = appOf(call);
    const policy = policyFrom(fieldsOf(call), app.policies.length + 1);
    app.policies.push(policy);
    return { status: 201, result: policy };
  }),
];

function endpoint(
  method: string,
  pattern: string,
  permission: typeof READ | typeof WRITE,
  handle: Endpoint["handle"],
): Endpoint {
  return {
    method,
    pattern,
    permissions: [permission],
    handle(call) {
      checkAccount(call);
      // An account that never opened Zero Trust.
      if (!call.state.accessEnabled) throw new ApiError(403, 9999, "access.api.error.not_enabled");
      return handle(call);
    },
  };
}

function appOf(call: Call): AccessApp {
  const app = call.state.accessApps.find(({ id }) => id === call.params.app);
  if (app === undefined) throw new ApiError(404, 11021, "access.api.error.unknown_application");
  return app;
}

function appFrom(call: Call, id: string): AccessApp {
  const { policies = [], destinations, ...fields } = fieldsOf(call);
  if (!Array.isArray(policies)) throw new ApiError(400, 12130, "access.api.error.invalid_request: policies");
  const domain = destinations === undefined ? textOf(fields.domain, "domain") : undefined;
  if (destinations !== undefined && !Array.isArray(destinations)) {
    throw new ApiError(400, 12130, "access.api.error.invalid_request: destinations");
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
    throw new ApiError(400, 12130, "access.api.error.invalid_request: decision");
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
