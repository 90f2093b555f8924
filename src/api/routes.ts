// Binds each operation of the contract to its handler, and routes requests to them.
import type { IRequest } from "itty-router";
import { IttyRouter } from "itty-router/IttyRouter";
import type { Description } from "../contract/answers.ts";
import { ApiError } from "../contract/api-error.ts";
import type { Method, Operation } from "../contract/operation.ts";
import { OPERATIONS, type OperationId } from "../contract/operations.ts";
import { API_PATH } from "../contract/paths.ts";
import { denial } from "../contract/permissions.ts";
import { type Context, type Handler, json, subjectOf } from "./handler.ts";
import * as backup from "./handlers/backup.ts";
import * as credentials from "./handlers/credentials.ts";
import * as deviceTokens from "./handlers/device-tokens.ts";
import * as devices from "./handlers/devices.ts";
import * as people from "./handlers/people.ts";
import * as users from "./handlers/users.ts";
import { describeApi } from "./openapi.ts";
import { registryProblem } from "./problem.ts";

/** Made once per isolate, on the first request. */
let description: Description | undefined;
const showDescription: Handler = async () => {
  description ??= describeApi();
  return json<Description>(description);
};

/** Each of these files exports its handlers, named as their operations, and nothing else. */
const handlers = {
  showDescription,
  ...users,
  ...people,
  ...devices,
  ...deviceTokens,
  ...credentials,
  ...backup,
};
// Neither an operation without a handler nor a handler without an operation compiles.
const HANDLERS: Record<OperationId, Handler> = handlers;
const IDS = Object.keys(handlers) as (keyof typeof handlers)[];

const router = IttyRouter({ base: API_PATH });
for (const id of IDS) {
  const operation: Operation = OPERATIONS[id];
  const handle = HANDLERS[id];
  const register = router[operation.method.toLowerCase() as Lowercase<Method>] as (
    path: string,
    handle: (request: IRequest, context: Context) => Promise<Response>,
  ) => unknown;
  register(operation.path, async (request, context) => {
    enforce(operation, request, context);
    return handle(request, context);
  });
}

/**
 * Refuses what the credentials do not permit: `forbidden`, or `unknown-user` where another user's things are
 * asked for, so that nobody learns who else there is.
 */
function enforce({ needs, of }: Operation, request: IRequest, { principal }: Context): void {
  const why = denial(principal, needs, subjectOf(of, request));
  if (why === undefined) return;
  if (why === "reach" && of === "user") throw registryProblem({ code: "unknown-user" });
  throw new ApiError("forbidden");
}

/**
 * Answers a request of the API whose sender is known. A HEAD is a GET without the body.
 * Throws `ApiError`: `method-not-allowed` with the methods that are, or `not-found`.
 */
export async function route(request: Request, context: Context): Promise<Response> {
  const isHead = request.method === "HEAD";
  const response: Response | undefined = await router.fetch(
    isHead ? new Request(request, { method: "GET" }) : request,
    context,
  );
  if (response === undefined) throw noRoute(context.url);
  return isHead ? new Response(null, response) : response;
}

function noRoute(url: URL): ApiError {
  const methods = new Set(
    router.routes.filter(([, pattern]) => pattern.test(url.pathname)).map(([method]) => method),
  );
  if (methods.size === 0) return new ApiError("not-found");
  if (methods.has("GET")) methods.add("HEAD");
  const allow = [...methods].sort().join(", ");
  return new ApiError("method-not-allowed", `this path takes ${allow}`, { headers: { Allow: allow } });
}
