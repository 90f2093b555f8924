import { ApiError, type Call, type Endpoint, endpoint, fieldsOf, pageOf, textOf } from "./call.ts";
import { type AccessApp, type AccessPolicy, newId } from "./state.ts";

const APPS = "/accounts/:account/access/apps";
const WRITE = "Access: Apps and Policies Write";

/** Access applications and their policies. */
export const ACCESS_ENDPOINTS: readonly Endpoint[] = [
  endpoint("GET", APPS, "Access: Apps and Policies Read", (call) => pageOf(appsOf(call), call.query, 100)),
  endpoint("POST", APPS, WRITE, (call) => {
    const app = appFrom(call, newId());
    appsOf(call).push(app);
    return { status: 201, result: app };
  }),
  endpoint("POST", `${APPS}/:app/policies`, WRITE, (call) => {
    const app = appsOf(call).find(({ id }) => id === call.params.app);
    if (app === undefined) throw new ApiError(404, 11021, "access.api.error.unknown_application");
    const policy = policyFrom(fieldsOf(call), app.policies.length + 1);
    app.policies.push(policy);
    return { status: 201, result: policy };
  }),
];

function appsOf({ state }: Call): AccessApp[] {
  // An account that has never opened Zero Trust.
  if (!state.accessEnabled) throw new ApiError(403, 9999, "access.api.error.not_enabled");
  return state.accessApps;
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
