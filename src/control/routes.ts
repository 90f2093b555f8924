import { Router } from "itty-router";
import { STATUS_ACTS, type StatusAct } from "../registry/device.ts";
import { API_PATH } from "./contract.ts";
import * as on from "./handlers.ts";
import { ApiError } from "./problem.ts";

/** The API, a line a route. */
const router = Router({ base: API_PATH })
  .get("/users", on.listUsers)
  .put("/users/:user", on.putUser)
  .delete("/users/:user", on.deleteUser)
  .get("/users/:user/devices", on.listDevices)
  .post("/users/:user/devices", on.enrolDevice)
  .get("/users/:user/devices/:device", on.showDevice)
  .patch("/users/:user/devices/:device", on.editDevice)
  .delete("/users/:user/devices/:device", on.forgetDevice)
  .get("/users/:user/audit", on.userAudit)
  .get("/audit", on.directoryAudit)
  .get("/pending", on.listPending)
  .delete("/pending/:fingerprint", on.dismissPending)
  .post("/pending/:fingerprint/approve", on.approvePending);

for (const act of Object.keys(STATUS_ACTS) as StatusAct[]) {
  router.post(`/users/:user/devices/:device/${act}`, act === "lost" ? on.reportLost : on.changeStatus(act));
}

/**
 * Answers a request of the API whose sender is known. A HEAD is a GET without the body.
 * Throws `ApiError`: `method-not-allowed` with the methods that are, or `not-found`.
 */
export async function route(request: Request, context: on.Context): Promise<Response> {
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
