// No I/O. No clock.

import {
  coversHttpsOnly,
  coversWholly,
  precedenceOver,
  touches,
  wholeHostPattern,
} from "../../client/route-pattern.ts";
import { type Check, checkFact, failedCheck, listed, passed, unread, warned } from "../check.ts";
import { gatedNames, type RouteFact, type ZoneFacts } from "../facts.ts";

const ROUTES_PAGE = "Workers Routes in the zone's dashboard";

/** Every host whole, http too: what no route covers goes to the app unasked. */
export function checkRoutes(zone: ZoneFacts, worker: string): Check {
  const id = "route";
  return checkFact(id, zone.routes, (routes) => {
    const own = routes.filter(({ script }) => script === worker);
    const open = gatedNames(zone).filter((host) => !own.some(({ pattern }) => coversWholly(pattern, host)));
    if (open.length === 0) {
      return passed(id, `a route to ${worker} covers each host whole, http too`);
    }
    const reasons = open.map((host) => {
      if (own.some(({ pattern }) => coversHttpsOnly(pattern, host))) {
        return `http://${host} goes round the gate: its route is for https alone`;
      }
      return own.some(({ pattern }) => touches(pattern, host))
        ? `the gate covers ${host} in part only`
        : `no route leads ${host} to the gate: the app is open`;
    });
    return failedCheck(
      id,
      listed(reasons),
      `make the route ${wholeHostPattern(open[0] ?? "HOST")} (no scheme) to ${worker} under ${ROUTES_PAGE}, or run latchkey setup`,
    );
  });
}

/** A more specific route, without a Worker or with another one, takes requests away from the gate. */
export function checkBypass(zone: ZoneFacts, worker: string): Check {
  const id = "route-bypass";
  return checkFact(id, zone.routes, (routes) => {
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
        id,
        listed(bypassing.map(told)),
        `remove these routes, or lead them to ${worker}, under ${ROUTES_PAGE}`,
      );
    }
    const unclear = on("unclear");
    return unclear.length > 0
      ? warned(
          id,
          `${listed(unclear.map(told))}: it is not documented whether it comes before the gate's route`,
          `remove it or lead it to ${worker}, under ${ROUTES_PAGE}; only the route host/* comes before a wildcard`,
        )
      : passed(id, "no other route takes requests of the hosts");
  });
}

function told({ pattern, script }: RouteFact): string {
  return script === undefined ? `${pattern} runs no Worker` : `${pattern} runs the Worker ${script}`;
}

/** Over the day's 100,000 requests, a route that fails open lets everybody through. */
export function checkFailsClosed(zone: ZoneFacts, worker: string): Check {
  const id = "route-fails-closed";
  return checkFact(id, zone.routes, (routes) => {
    const own = routes.filter(
      ({ script, pattern }) => script === worker && gatedNames(zone).some((host) => touches(pattern, host)),
    );
    const open = own.filter(({ failsOpen }) => failsOpen === true);
    const remedy = `set "Request limit failure mode: Fail closed" under ${ROUTES_PAGE}, or run latchkey setup`;
    if (open.length > 0) {
      return failedCheck(
        id,
        `${listed(open.map(({ pattern }) => pattern))} fails open: over the day's limit, the gate is gone`,
        remedy,
      );
    }
    const silent = own.filter(({ failsOpen }) => failsOpen === undefined);
    if (silent.length > 0) {
      return unread(
        id,
        `Cloudflare does not tell how ${listed(silent.map(({ pattern }) => pattern))} fails`,
        remedy,
      );
    }
    return own.length === 0
      ? unread(id, "there is no route that could fail closed", remedy)
      : passed(id, "over the day's limit, everybody is refused");
  });
}
