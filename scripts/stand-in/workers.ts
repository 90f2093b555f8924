import { ApiError, type Call, type Endpoint, endpoint, fieldsOf, textOf, zoneOf } from "./call.ts";
import { newId, type Route, type Script } from "./state.ts";

const ROUTES = "/zones/:zone/workers/routes";
const ROUTES_WRITE = "Workers Routes Write";
const WORKERS = "/accounts/:account/workers";
const READ = "Workers Scripts Read";
const WRITE = "Workers Scripts Write";

/** Workers: their routes, secrets, addresses and settings. Uploads are accepted unchecked, and not run. */
export const WORKER_ENDPOINTS: readonly Endpoint[] = [
  endpoint("GET", ROUTES, "Workers Routes Read", (call) => ({ result: zoneOf(call).routes })),
  endpoint("POST", ROUTES, ROUTES_WRITE, (call) => {
    const route = { id: newId(), ...routeFrom(call) };
    zoneOf(call).routes.push(route);
    return { result: route };
  }),
  endpoint("PUT", `${ROUTES}/:route`, ROUTES_WRITE, (call) => {
    const route = routeOf(call);
    const replacement = routeFrom(call, route.id);
    delete route.script;
    return { result: Object.assign(route, replacement) };
  }),
  endpoint("DELETE", `${ROUTES}/:route`, ROUTES_WRITE, (call) => {
    const zone = zoneOf(call);
    const { id } = routeOf(call);
    zone.routes = zone.routes.filter((route) => route.id !== id);
    return { result: { id } };
  }),
  endpoint("GET", `${WORKERS}/scripts`, READ, ({ state }) => ({
    result: [...state.scripts.values()].map(({ id, modified_on }) => ({ id, modified_on })),
  })),
  endpoint("PUT", `${WORKERS}/scripts/:script`, WRITE, ({ state, params, body }) => {
    const { script: id = "" } = params;
    const modified_on = new Date().toISOString();
    const script: Script = state.scripts.get(id) ?? {
      id,
      secrets: new Map(),
      // What a Worker without a word about it gets.
      subdomain: { enabled: false, previews_enabled: false },
      settings: { bindings: [], compatibility_flags: [] },
      modified_on,
    };
    const { annotations } = metadataOf(body);
    const version = annotations === undefined ? [] : [{ id: crypto.randomUUID(), annotations }];
    state.scripts.set(id, { ...script, modified_on, versions: [...version, ...(script.versions ?? [])] });
    return { result: { id, modified_on, startup_time_ms: 12 } };
  }),
  endpoint("DELETE", `${WORKERS}/scripts/:script`, WRITE, (call) => {
    const { id } = scriptOf(call);
    call.state.scripts.delete(id);
    // With `force`, what leads to it goes along.
    for (const zone of call.state.zones) zone.routes = zone.routes.filter(({ script }) => script !== id);
    return { result: null };
  }),
  // What `wrangler deploy` calls: the Worker's routes are replaced. Believed: those that stay keep their failure mode.
  endpoint("PUT", `${WORKERS}/scripts/:script/routes`, ROUTES_WRITE, (call) => {
    const { id: script } = scriptOf(call);
    if (!Array.isArray(call.body)) throw new ApiError(400, 1000, "The request body is not a list of routes");
    const patterns = call.body.map(({ pattern }) => textOf(pattern, "pattern"));
    for (const zone of call.state.zones) {
      zone.routes = zone.routes.filter(
        (route) => route.script !== script || patterns.includes(route.pattern),
      );
    }
    return {
      result: call.state.zones.flatMap(({ routes }) => routes.filter((each) => each.script === script)),
    };
  }),
  endpoint("GET", `${WORKERS}/scripts/:script/settings`, READ, (call) => ({
    result: scriptOf(call).settings,
  })),
  endpoint("GET", `${WORKERS}/scripts/:script/versions`, READ, (call) => ({
    result: { items: scriptOf(call).versions ?? [] },
  })),
  endpoint("GET", `${WORKERS}/scripts/:script/deployments`, READ, (call) => {
    const { versions: [newest] = [], modified_on: created_on } = scriptOf(call);
    const versions = newest === undefined ? [] : [{ version_id: newest.id, percentage: 100 }];
    const deployment = {
      id: crypto.randomUUID(),
      source: "api",
      strategy: "percentage",
      created_on,
      versions,
    };
    return { result: { deployments: [deployment] } };
  }),
  endpoint("GET", `${WORKERS}/scripts/:script/subdomain`, READ, (call) => ({
    result: scriptOf(call).subdomain,
  })),
  endpoint("GET", `${WORKERS}/scripts/:script/secrets`, READ, (call) => ({
    result: [...scriptOf(call).secrets.keys()].map((name) => ({ name, type: "secret_text" })),
  })),
  endpoint("PUT", `${WORKERS}/scripts/:script/secrets`, WRITE, (call) => {
    const { name, text } = fieldsOf(call);
    const script = scriptOf(call);
    script.secrets.set(textOf(name, "name"), textOf(text, "text"));
    // A secret makes a version of its own, without the tag of the code's.
    script.versions?.unshift({ id: crypto.randomUUID(), annotations: { "workers/triggered_by": "secret" } });
    return { result: { name, type: "secret_text" } };
  }),
  endpoint("DELETE", `${WORKERS}/scripts/:script/secrets/:secret`, WRITE, (call) => {
    if (!scriptOf(call).secrets.delete(call.params.secret ?? "")) {
      throw new ApiError(404, 10056, "Secret not found");
    }
    return { result: null };
  }),
  endpoint("GET", `${WORKERS}/domains`, READ, ({ state }) => ({ result: state.workersDomains })),
];

function routeOf(call: Call): Route {
  const route = zoneOf(call).routes.find(({ id }) => id === call.params.route);
  if (route === undefined) throw new ApiError(404, 10021, "The route was not found");
  return route;
}

/** A route without a script is one on which no Worker runs. */
function routeFrom(call: Call, own?: string): Omit<Route, "id"> {
  const zone = zoneOf(call);
  const { pattern, script, request_limit_fail_open: failOpen } = fieldsOf(call);
  const written = textOf(pattern, "pattern");
  const host = written.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  if (host !== zone.name && !host.endsWith(`.${zone.name}`) && host !== `*${zone.name}`) {
    throw new ApiError(400, 10022, "The pattern's host is not in this zone");
  }
  if (zone.routes.some(({ id, pattern: other }) => other === written && id !== own)) {
    throw new ApiError(409, 10020, "A route with the same pattern already exists.");
  }
  if (typeof script === "string" && script !== "" && !call.state.scripts.has(script)) {
    throw new ApiError(
      400,
      10019,
      "Cannot configure a route for a Worker which does not exist. Please ensure this Worker exists and try again.",
    );
  }
  return {
    pattern: written,
    ...(typeof script === "string" && script !== "" ? { script } : {}),
    // Without a word about it, as Cloudflare's changelog of 2025-04-15 shows it: closed.
    request_limit_fail_open: failOpen === true,
  };
}

/** The part `metadata` of an upload, as far as it is read here. */
function metadataOf(body: unknown): { annotations?: Record<string, string> } {
  const part = /name="metadata"[^{]*?\r\n\r\n(\{.*?\})\r\n--/s.exec(typeof body === "string" ? body : "");
  return part?.[1] === undefined ? {} : JSON.parse(part[1]);
}

function scriptOf(call: Call): Script {
  const script = call.state.scripts.get(call.params.script ?? "");
  if (script === undefined) throw new ApiError(404, 10007, "This Worker does not exist on your account.");
  return script;
}
