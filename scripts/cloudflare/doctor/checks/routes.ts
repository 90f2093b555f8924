import {
  coversHttpsOnly,
  coversWholly,
  precedenceOver,
  type Route,
  readRoutes,
  touches,
  wholeHostPattern,
} from "../../client/routes.ts";
import { failedCheck, gatedNames, listed, passed, unread, warned, zoneCheck } from "../check.ts";

const ROUTES_PAGE = "Workers Routes in the zone's dashboard";

/** Each host whole, with http: what no route covers goes to the app unchecked. */
export const route = zoneCheck({
  id: "route",
  permission: "routes-read",
  read: readRoutes,
  judge(routes, zone) {
    const { worker } = zone;
    const own = routes.filter(({ script }) => script === worker);
    const open = gatedNames(zone).filter((host) => !own.some(({ pattern }) => coversWholly(pattern, host)));
    if (open.length === 0) return passed(`a route to ${worker} covers each host whole, http included`);
    const reasons = open.map((host) => {
      if (own.some(({ pattern }) => coversHttpsOnly(pattern, host))) {
        return `http://${host} bypasses the gate: its route is for https only`;
      }
      return own.some(({ pattern }) => touches(pattern, host))
        ? `the gate covers ${host} in part only`
        : `no route leads ${host} to the gate: the app is open`;
    });
    return failedCheck(
      listed(reasons),
      `make the route ${wholeHostPattern(open[0] ?? "HOST")} (no scheme) to ${worker} under ${ROUTES_PAGE}, or run latchkey setup`,
    );
  },
});

/** A more specific route, without a Worker or with another one, takes requests away from the gate. */
export const bypass = zoneCheck({
  id: "route-bypass",
  permission: "routes-read",
  setupShows: true,
  read: readRoutes,
  judge(routes, zone) {
    const { worker } = zone;
    const foreign = routes.filter(({ script }) => script !== worker);
    const own = routes.filter(({ script }) => script === worker).map(({ pattern }) => pattern);
    const on = (wanted: ReturnType<typeof precedenceOver>) =>
      foreign.filter(({ pattern }) =>
        gatedNames(zone).some(
          (host) => touches(pattern, host) && precedenceOver(own, pattern, host) === wanted,
        ),
      );
    const bypassing = on("takes-some-first");
    if (bypassing.length > 0) {
      return failedCheck(
        listed(bypassing.map(describe)),
        `remove these routes, or lead them to ${worker}, under ${ROUTES_PAGE}`,
      );
    }
    const unclear = on("unclear");
    return unclear.length > 0
      ? warned(
          `${listed(unclear.map(describe))}: whether it comes before the gate's route is not documented`,
          `remove it or lead it to ${worker}, under ${ROUTES_PAGE}; only the route host/* comes before a wildcard`,
        )
      : passed("no other route takes requests of the hosts");
  },
});

function describe({ pattern, script }: Route): string {
  return script === undefined ? `${pattern} runs no Worker` : `${pattern} runs the Worker ${script}`;
}

/** Over the day's 100,000 requests, a route that fails open lets everyone through. */
export const failsClosed = zoneCheck({
  id: "route-fails-closed",
  permission: "routes-read",
  read: readRoutes,
  judge(routes, zone) {
    const own = routes.filter(
      ({ script, pattern }) =>
        script === zone.worker && gatedNames(zone).some((host) => touches(pattern, host)),
    );
    const open = own.filter(({ failsOpen }) => failsOpen === true);
    const remedy = `set "Request limit failure mode: Fail closed" under ${ROUTES_PAGE}, or run latchkey setup`;
    if (open.length > 0) {
      return failedCheck(
        `${listed(open.map(({ pattern }) => pattern))} fails open: over the day's limit, the gate is gone`,
        remedy,
      );
    }
    const silent = own.filter(({ failsOpen }) => failsOpen === undefined);
    if (silent.length > 0) {
      return unread(
        `Cloudflare does not say how ${listed(silent.map(({ pattern }) => pattern))} fails`,
        remedy,
      );
    }
    return own.length === 0
      ? unread("there is no route that could fail closed", remedy)
      : passed("over the day's limit, everyone is refused");
  },
});
