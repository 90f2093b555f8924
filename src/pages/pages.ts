// Answers the pages' paths: who may, in which form, and what is shown when something goes wrong.
import { subjectOf } from "../api/handler.ts";
import { toApiError } from "../api/problem.ts";
import { ApiError } from "../contract/api-error.ts";
import { ENROL_PATH, PATHS } from "../contract/paths.ts";
import { permits } from "../contract/permissions.ts";
import type { Principal } from "../domain/credential.ts";
import { clearSession, cookieValue, SESSION_COOKIE, setSession } from "../domain/request/own-cookies.ts";
import type { Services } from "../services.ts";
import type { Visit } from "../visit.ts";
import { SCRIPT, STYLE } from "./html/assets.ts";
import { errorPage } from "./html/error-page.ts";
import { field, readForm } from "./html/forms.ts";
import { asset, type Html, seeOther, show } from "./html/html.ts";
import { notice } from "./html/layout.ts";
import type { PageContext } from "./html/page-context.ts";
import { isForReading, isFromOurPage, isFromOurScript } from "./html/same-origin.ts";
import { knownTimeZone } from "./html/times.ts";
import { Enrolment } from "./on-device/enrol.ts";
import { isReadablePage, type PageMatch, type Route } from "./routes.ts";
import { signInPage } from "./sessions.ts";
import { SIGN_IN_KINDS, SignIn, type SignInKind } from "./sign-in/sign-in.ts";
import { WELCOME_SCRIPT } from "./welcome/script.ts";
import { answerWelcome, showWelcome } from "./welcome/welcome.ts";

const NO_PAGE = "This page doesn’t exist, or you don’t have access to it.";

/** The enrolment page on the `ADMIN_HOST`, where no device is asked for its certificate. */
const ELSEWHERE: Html = notice(
  "Not on this host",
  "Devices are enrolled on an app’s host, which asks for their certificate. Open the link in your invitation exactly as it was sent to you.",
);

/**
 * What browsers remember of the `ADMIN_HOST` (RFC 6797), for a year: its owner may type just the host, and nobody in
 * between must get a token by answering without TLS.
 */
const TLS_ALWAYS = "max-age=31536000";

/** A page's request, when it arrived, and who sent it, once that is known: an error's page shows it. */
interface Asked {
  visit: Visit;
  route: Route;
  /** Milliseconds since the epoch. */
  now: number;
  principal: Principal | undefined;
}

/** One lives as long as its isolate. */
export class Pages {
  readonly #services: Services;
  readonly #enrolment: Enrolment;
  /** `undefined`: nobody signs in with an identity provider. */
  readonly #signIns: SignIn | undefined;

  constructor(services: Services) {
    this.#services = services;
    this.#enrolment = new Enrolment(services);
    const { door } = services;
    this.#signIns = door === null ? undefined : new SignIn(services, door, isReadablePage);
  }

  /** Never throws: a page says what went wrong, with the navigation for whoever is signed in. */
  async handle(visit: Visit, route: Route, now: number): Promise<Response> {
    const isOnApp = this.#services.apps.isApp(visit.hostname);
    const asked: Asked = { visit, route, now, principal: undefined };
    const response = await this.#answer(asked).catch((error: unknown) => {
      const problem = toApiError(error, this.#services.log);
      return errorPage(problem, isOnApp ? ENROL_PATH : PATHS.home, asked.principal);
    });
    // An app decides that for its own host.
    if (!isOnApp) response.headers.set("Strict-Transport-Security", TLS_ALWAYS);
    return response;
  }

  /** The page for an address without one, for whoever is signed in; `undefined` for everybody else. */
  async notFound(visit: Visit): Promise<Response | undefined> {
    if (visit.method !== "GET" || !isForReading(visit.request.headers)) return undefined;
    const principal = await this.#principal(visit).catch(() => undefined);
    if (principal === undefined) return undefined;
    return errorPage(new ApiError("not-found", NO_PAGE), PATHS.home, principal);
  }

  async #answer(asked: Asked): Promise<Response> {
    const { request, url, method } = asked.visit;
    const isPost = method === "POST";
    if (!isPost && method !== "GET" && method !== "HEAD") {
      throw new ApiError("method-not-allowed", "A page is read, or its form is sent.", {
        headers: { Allow: "GET, HEAD, POST" },
      });
    }
    if (url.protocol === "http:") return toTls(url, isPost);
    if (asked.route.kind === "style") return asset(STYLE, "text/css; charset=utf-8");
    if (asked.route.kind === "script") return asset(SCRIPT, "text/javascript; charset=utf-8");
    if (asked.route.kind === "welcome-script") return asset(WELCOME_SCRIPT, "text/javascript; charset=utf-8");
    if (isPost && !this.#isExpected(asked)) {
      throw new ApiError("invalid-query", "This did not come from a page of this site. Nothing was changed.");
    }
    if (!isPost && !isForReading(request.headers)) {
      throw new ApiError("invalid-query", "A page is for a person to read, in a window of its own.");
    }
    const response = await this.#page(asked, isPost ? await readForm(request) : undefined);
    return method === "HEAD" ? new Response(null, response) : response;
  }

  /** Whether a form was sent from where it is shown. */
  #isExpected({ route, visit }: Asked): boolean {
    const { headers } = visit.request;
    if (isForSigningIn(route)) return this.#signIns?.isExpected(route.kind, visit) ?? false;
    return (route.kind === "welcome" ? isFromOurScript : isFromOurPage)(headers, visit.url);
  }

  /** `form`: the one that was sent; `undefined` for a page that is read. */
  async #page(asked: Asked, form: URLSearchParams | undefined): Promise<Response> {
    const { visit, route, now } = asked;
    if (route.kind === "enrol") {
      if (!this.#services.apps.isApp(visit.hostname)) return show(ELSEWHERE, 404);
      return form === undefined ? this.#enrolment.look(visit, now) : this.#enrolment.submit(visit, form, now);
    }
    if (route.kind === "welcome") {
      return form === undefined
        ? showWelcome(visit.userAgent)
        : answerWelcome(this.#services, visit, form, now);
    }
    if (isForSigningIn(route)) {
      if (this.#signIns === undefined) throw new ApiError("not-found", NO_PAGE);
      return this.#signIns.answer(route.kind, visit, form, now);
    }
    if (route.kind === "sign-in" && form !== undefined) return this.#signIn(visit, form, now);
    const { searchParams } = visit.url;
    if (route.kind === "sign-in" && (searchParams.has("app") || searchParams.has("next")) && this.#signIns) {
      return this.#signIns.start(visit);
    }
    if (route.kind === "sign-out" && form !== undefined) return this.#signOut(visit, now);
    if (route.kind === "sign-in" || route.kind === "start") return seeOther(PATHS.home);

    const principal = await this.#principal(visit);
    asked.principal = principal;
    if (principal === undefined) {
      const isExpired = form !== undefined;
      const next = isExpired ? PATHS.home : visit.url.pathname;
      return show(this.#signInPage({ hostname: visit.hostname, next, expired: isExpired }));
    }
    const method = form === undefined ? "GET" : "POST";
    const matches = route.kind === "page" ? route.matches : [];
    const match = matches.find(({ page }) => page.method === method);
    if (match === undefined) {
      throw new ApiError("method-not-allowed", "A page is read, or its form is sent.");
    }
    enforce(match, principal);
    const result = await match.page.handle(this.#contextOf(asked, match, principal, form));
    return result instanceof Response ? result : show(result);
  }

  #contextOf(
    { visit, now }: Asked,
    { params }: PageMatch,
    principal: Principal,
    form = new URLSearchParams(),
  ): PageContext {
    const timeZone = knownTimeZone(visit.timeZone);
    const by = visit.by(principal.actor, now);
    return { ...this.#services, principal, by, url: visit.url, params, form, now, timeZone };
  }

  async #principal({ request, hostname }: Visit): Promise<Principal | undefined> {
    const value = cookieValue(request.headers.get("cookie"), SESSION_COOKIE);
    return value === undefined ? undefined : this.#services.authenticator.ofSession(value, hostname);
  }

  async #signIn(visit: Visit, form: URLSearchParams, now: number): Promise<Response> {
    const { request, hostname } = visit;
    const next = field(form, "next");
    const by = visit.by("anonymous", now);
    const opened = await this.#services.authenticator.signIn({ request, hostname, by }, field(form, "token"));
    if (opened.ok) {
      // Only to a page of ours: not to wherever a form says.
      const target = isReadablePage(next) ? next : PATHS.home;
      return seeOther(target, { "Set-Cookie": setSession(opened.value.cookie) });
    }
    const { error } = opened;
    const card = form.has("card") ? field(form, "token") : undefined;
    if (error.code === "wrong-token") {
      this.#services.log({ event: "wrong-credentials", app: hostname, country: visit.country });
      return show(this.#signInPage({ hostname, next, card, wrong: true }), 422);
    }
    const retryAfter = String(Math.ceil(error.retryAfterMs / 1000));
    return show(this.#signInPage({ hostname, next, card, waitMs: error.retryAfterMs }), 429, {
      "Retry-After": retryAfter,
    });
  }

  #signInPage(state: Omit<Parameters<typeof signInPage>[0], "provider">): Html {
    return signInPage({ ...state, provider: this.#services.door?.settings.label ?? null });
  }

  async #signOut(visit: Visit, now: number): Promise<Response> {
    const { request, hostname } = visit;
    const value = cookieValue(request.headers.get("cookie"), SESSION_COOKIE);
    if (value !== undefined) {
      await this.#services.authenticator.signOut(value, hostname, visit.by("anonymous", now));
    }
    return show(this.#signInPage({ hostname, next: PATHS.home, signedOut: true }), 200, {
      "Set-Cookie": clearSession(),
    });
  }
}

function enforce({ page: { needs, of }, params }: PageMatch, principal: Principal): void {
  if (permits(principal, needs, subjectOf(of, { params }))) return;
  throw new ApiError("not-found", NO_PAGE);
}

type SignInRoute = Extract<Route, { kind: SignInKind }>;

function isForSigningIn(route: Route): route is SignInRoute {
  return (SIGN_IN_KINDS as readonly string[]).includes(route.kind);
}

/** Without TLS, no token is sent and no cookie set. */
function toTls(url: URL, isPost: boolean): Response {
  if (isPost) throw new ApiError("invalid-query", "This page works over https:// only. Nothing was changed.");
  const secure = new URL(url);
  secure.protocol = "https:";
  return new Response(null, {
    status: 301,
    headers: { Location: secure.href, "Cache-Control": "no-store" },
  });
}
