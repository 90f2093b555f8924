// The identity provider says that somebody signed out there (OpenID Connect Back-Channel Logout 1.0).
import { Budget } from "../../domain/general/budget.ts";
import { networkOf } from "../../domain/request/network.ts";
import type { DoorServices, Services } from "../../services.ts";
import type { Visit } from "../../visit.ts";
import { field } from "../html/forms.ts";

/** How many logout tokens each network may send at first, and how often one more, in milliseconds. */
const LOGOUTS_MAX = 20;
const LOGOUT_EVERY_MS = 5_000;
const ADDRESSES_MAX = 1_000;
const logouts = new Budget<string>(LOGOUTS_MAX, LOGOUT_EVERY_MS, ADDRESSES_MAX);

/**
 * Signs out the browsers of that person, or of that one session there. It may be repeated. The answers are those
 * of section 2.8.
 */
export async function endFromProvider(
  { people, log }: Services,
  { provider, settings, browsers }: DoorServices,
  visit: Visit,
  form: URLSearchParams,
  now: number,
): Promise<Response> {
  if (!logouts.take(networkOf(visit.ip), now)) return answer(429, "slow_down");
  const ended = await provider.readLogout(field(form, "logout_token"));
  if (!ended.ok) {
    log({ event: "sign-out-failed", ...ended.error });
    return ended.error.code === "issuer-unavailable"
      ? answer(503, "temporarily_unavailable")
      : answer(400, "invalid_request");
  }
  const { subject, session } = ended.value;
  // A session alone does not say whose it is.
  if (subject === null) return answer(400, "invalid_request");
  const by = visit.by("provider", now);
  const user = await people.endSessions(by, settings.issuer, subject);
  if (user !== null) await browsers.end(by, user, { issuer: settings.issuer, subject, session });
  return new Response(null, { status: 200, headers: { "Cache-Control": "no-store" } });
}

function answer(status: number, error: string): Response {
  return Response.json({ error }, { status, headers: { "Cache-Control": "no-store" } });
}
