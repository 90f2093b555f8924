import type { IRequest } from "itty-router";
import { IttyRouter } from "itty-router/IttyRouter";
import { ApiError } from "../contract/api-error.ts";
import { API_PATH } from "../contract/paths.ts";
import { denial } from "../contract/permissions.ts";
import { type Context, subjectOf } from "./handler.ts";
import type { Operation } from "./operation.ts";
import { OPERATIONS } from "./operations.ts";
import { registryProblem } from "./problem.ts";

const router = IttyRouter({ base: API_PATH });
for (const operation of OPERATIONS) {
  const register = router[operation.method.toLowerCase() as Lowercase<Operation["method"]>] as (
    path: string,
    handle: (request: IRequest, context: Context) => Promise<Response>,
  ) => unknown;
  register(operation.path, async (request, context) => {
    enforce(operation, request, context);
    return operation.handle(request, context);
  });
}

/**
 * Refuses what the sender's credentials do not reach: `forbidden`, or `unknown-user` where another user's
 * things are asked for, so that nobody learns who else there is.
 */
function enforce({ needs, of }: Operation, request: IRequest, { principal }: Context): void {
  const why = denial(principal, needs, subjectOf(of, request));
  if (why === undefined) return;
  if (why === "reach" && of === "user") throw registryProblem({ code: "unknown-user" });
  throw new ApiError("forbidden", "this takes other credentials: see who you are with GET /me");
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
  if (methods.size === 0) return new ApiError("not-found", "there is no such path in the API");
  if (methods.has("GET")) methods.add("HEAD");
  const allow = [...methods].sort().join(", ");
  return new ApiError("method-not-allowed", `this path takes ${allow}`, { headers: { Allow: allow } });
}
