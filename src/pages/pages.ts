import type { IRequest } from "itty-router";
import { IttyRouter } from "itty-router/IttyRouter";
import { subjectOf } from "../api/handler.ts";
import { toApiError } from "../api/problem.ts";
import { ApiError } from "../contract/api-error.ts";
import { ENROL_PATH, PATHS } from "../contract/paths.ts";
import { type Need, permits } from "../contract/permissions.ts";
import type { Principal } from "../domain/credential.ts";
import { activity, activityCsv } from "./activity.ts";
import type { PageContext, PageHandler, PageRequest, PageServices } from "./context.ts";
import { clearSession, sessionValues, setSession } from "./cookie.ts";
import { device, devices, devicesOfUser, editDevice } from "./devices.ts";
import { Enrolment } from "./enrol.ts";
import { errorPage } from "./error-page.ts";
import { field, readForm } from "./html/forms.ts";
import type { Html } from "./html/html.ts";
import { notice } from "./html/layout.ts";
import { asset, seeOther, show } from "./html/respond.ts";
import { SCRIPT } from "./html/script.ts";
import { STYLE } from "./html/style.ts";
import { knownTimeZone } from "./html/times.ts";
import { addUser, invite, inviteForm, withdraw } from "./invite.ts";
import { isForReading, isFromOurPage } from "./same-origin.ts";
import { endAllSessions, endSession, sessions } from "./sessions.ts";
import { signInPage } from "./sign-in.ts";
import { confirmAct, doAct } from "./status-act.ts";
import { approve, dismiss, waiting } from "./waiting.ts";

/** Who may see a page or press its button, and whose things it is about: as in `OPERATIONS`. */
interface Page {
  method: "GET" | "POST";
  path: string;
  needs: Need;
  of: "user" | "everybody" | "own";
  handle: PageHandler;
}

function row(route: string, needs: Need, of: Page["of"], handle: PageHandler): Page {
  const [method, path] = route.split(" ") as [Page["method"], string];
  return { method, path, needs, of, handle };
}

/** The pages of whoever is signed in: the table that is routed and enforced. */
export const PAGES: readonly Page[] = [
  row(`GET ${PATHS.home}`, "any", "own", async () => seeOther(PATHS.devices)),
  row(`GET ${PATHS.devices}`, "read", "own", devices),
  row(`GET ${PATHS.devices}/:user`, "read", "user", devicesOfUser),
  row(`GET ${PATHS.devices}/:user/:device`, "read", "user", device),
  row(`POST ${PATHS.devices}/:user/:device`, "devices", "user", editDevice),
  row(`GET ${PATHS.devices}/:user/:device/:act`, "devices", "user", confirmAct),
  row(`POST ${PATHS.devices}/:user/:device/:act`, "devices", "user", doAct),
  row(`GET ${PATHS.waiting}`, "read", "everybody", waiting),
  row(`POST ${PATHS.waiting}/:fingerprint/approve`, "root", "everybody", approve),
  row(`POST ${PATHS.waiting}/:fingerprint/dismiss`, "root", "everybody", dismiss),
  row(`GET ${PATHS.activity}`, "read", "own", activity),
  row(`GET ${PATHS.activityCsv}`, "read", "own", activityCsv),
  row(`GET ${PATHS.invite}`, "root", "everybody", inviteForm),
  row(`POST ${PATHS.invite}`, "root", "everybody", invite),
  row(`POST ${PATHS.invite}/:user/:invitation/withdraw`, "root", "everybody", withdraw),
  row(`POST ${PATHS.users}`, "root", "everybody", addUser),
  row(`GET ${PATHS.sessions}`, "read", "own", sessions),
  row(`POST ${PATHS.sessions}/end`, "devices", "own", endAllSessions),
  row(`POST ${PATHS.sessions}/:session/end`, "devices", "own", endSession),
];

const router = IttyRouter();
for (const page of PAGES) {
  const register = router[page.method.toLowerCase() as "get" | "post"] as (
    path: string,
    handle: (request: IRequest, context: PageContext) => Promise<Response>,
  ) => unknown;
  register(page.path, async (request, context) => {
    enforce(page, request, context.principal);
    const result = await page.handle(request, context);
    return result instanceof Response ? result : show(result);
  });
}

const NO_PAGE = "This page doesn’t exist, or you don’t have access to it.";

function enforce({ needs, of }: Page, request: IRequest, principal: Principal): void {
  if (permits(principal, needs, subjectOf(of, request))) return;
  throw new ApiError("not-found", NO_PAGE);
}

const OPEN_PATHS: ReadonlySet<string> = new Set([ENROL_PATH, PATHS.style, PATHS.script]);
/** Paths that lead to the first page; on the `ADMIN_HOST`, so does its root. */
const STARTS: ReadonlySet<string> = new Set(["/", "/.latchkey", PATHS.signIn]);

/** What a path is: a page for a device on its app's host, one for people, or none. */
export function pageOf(pathname: string): "for-devices" | "for-people" | undefined {
  if (OPEN_PATHS.has(pathname)) return "for-devices";
  const isSign = STARTS.has(pathname) || pathname === PATHS.signOut;
  const isPage = isSign || router.routes.some(([, pattern]) => pattern.test(pathname));
  return isPage ? "for-people" : undefined;
}

/** The enrolment page on the `ADMIN_HOST`, where no device is asked for its certificate. */
const ELSEWHERE: Html = notice(
  "Not on this host",
  "Devices are enrolled on an app’s host, which asks for their certificate. Open the link in your invitation exactly as it was sent to you.",
);

/** Whether a path is a page that is read, written as a browser writes it: where a sign-in may lead. */
function isReadablePage(path: string): boolean {
  if (!/^\/[\x21-\x7e]*$/.test(path) || URL.parse(path, "https://invalid")?.pathname !== path) return false;
  return router.routes.some(([method, pattern]) => method === "GET" && pattern.test(path));
}

/** Who asks, once it is known: for the page of an error. */
interface Visitor {
  principal?: Principal | undefined;
}

/** Answers the pages' paths. One lives as long as its isolate. */
export class Pages {
  readonly #services: PageServices;
  readonly #enrolment: Enrolment;

  constructor(services: PageServices) {
    this.#services = services;
    this.#enrolment = new Enrolment(services);
  }

  /** Never throws: what goes wrong is told on a page, with the navigation for whoever is signed in. */
  async handle(asked: PageRequest): Promise<Response> {
    const visitor: Visitor = {};
    try {
      return await this.#answer(asked, visitor);
    } catch (error) {
      const start = this.#services.apps.isApp(asked.hostname) ? ENROL_PATH : PATHS.home;
      return errorPage(toApiError(error, this.#services.log), start, visitor.principal);
    }
  }

  /** The page for an address that is none, to whoever is signed in; `undefined` to everybody else. */
  async notFound(asked: PageRequest): Promise<Response | undefined> {
    const { method, headers } = asked.request;
    if (method !== "GET" || !isForReading(headers)) return undefined;
    const principal = await this.#principal(asked).catch(() => undefined);
    if (principal === undefined) return undefined;
    return errorPage(new ApiError("not-found", NO_PAGE), PATHS.home, principal);
  }

  async #answer(asked: PageRequest, visitor: Visitor): Promise<Response> {
    const { request, url } = asked;
    const isPost = request.method === "POST";
    if (!isPost && request.method !== "GET" && request.method !== "HEAD") {
      throw new ApiError("method-not-allowed", "A page is read, or its form is sent.", {
        headers: { Allow: "GET, HEAD, POST" },
      });
    }
    if (url.protocol === "http:") return this.#toTls(url, isPost);
    if (url.pathname === PATHS.style) return asset(STYLE, "text/css; charset=utf-8");
    if (url.pathname === PATHS.script) return asset(SCRIPT, "text/javascript; charset=utf-8");
    if (isPost && !isFromOurPage(request.headers, url)) {
      throw new ApiError("invalid-query", "This did not come from a page of this site. Nothing was changed.");
    }
    if (!isPost && !isForReading(request.headers)) {
      throw new ApiError("invalid-query", "A page is for a person to read, in a window of its own.");
    }
    const form = isPost ? await readForm(request) : new URLSearchParams();
    const response = await this.#page(asked, form, isPost, visitor);
    return request.method === "HEAD" ? new Response(null, response) : response;
  }

  async #page(
    asked: PageRequest,
    form: URLSearchParams,
    isPost: boolean,
    visitor: Visitor,
  ): Promise<Response> {
    const { pathname } = asked.url;
    if (pathname === ENROL_PATH) {
      if (!this.#services.apps.isApp(asked.hostname)) return show(ELSEWHERE, 404);
      return isPost ? this.#enrolment.submit(asked, form) : this.#enrolment.look(asked);
    }
    if (pathname === PATHS.signIn && isPost) return this.#signIn(asked, form);
    if (pathname === PATHS.signOut && isPost) return this.#signOut(asked);
    const principal = await this.#principal(asked);
    visitor.principal = principal;
    if (STARTS.has(pathname)) return seeOther(PATHS.home);
    if (principal === undefined)
      return show(
        signInPage({ hostname: asked.hostname, next: isPost ? PATHS.home : pathname, expired: isPost }),
      );
    const { request, url, by } = asked;
    const context: PageContext = {
      ...this.#services,
      principal,
      by: { ...by, actor: principal.actor },
      url,
      form,
      now: by.at,
      timeZone: knownTimeZone(asked.timeZone),
    };
    const get = request.method === "HEAD" ? new Request(request, { method: "GET" }) : request;
    // The form has been read already: the router only needs to know where it was sent.
    const routed = isPost ? new Request(url, { method: "POST", headers: request.headers }) : get;
    const response: Response | undefined = await router.fetch(routed, context);
    if (response === undefined) {
      throw new ApiError("method-not-allowed", "A page is read, or its form is sent.");
    }
    return response;
  }

  async #principal({ request, hostname }: PageRequest): Promise<Principal | undefined> {
    const [value] = sessionValues(request.headers.get("cookie"));
    return value === undefined ? undefined : this.#services.authenticator.ofSession(value, hostname);
  }

  async #signIn(asked: PageRequest, form: URLSearchParams): Promise<Response> {
    const next = field(form, "next");
    const opened = await this.#services.authenticator.signIn(asked, field(form, "token"));
    if (opened.ok) {
      // Only to a page of ours: not to wherever a form says.
      const target = isReadablePage(next) ? next : PATHS.home;
      return seeOther(target, { "Set-Cookie": setSession(opened.value.cookie) });
    }
    const { error } = opened;
    const { hostname, by } = asked;
    if (error.code === "wrong-token") {
      this.#services.log({ event: "wrong-credentials", app: hostname, country: by.country });
      return show(signInPage({ hostname, next, wrong: true }), 422);
    }
    const retryAfter = String(Math.ceil(error.retryAfterMs / 1000));
    return show(signInPage({ hostname, next, waitMs: error.retryAfterMs }), 429, {
      "Retry-After": retryAfter,
    });
  }

  async #signOut({ request, hostname, by }: PageRequest): Promise<Response> {
    const [value] = sessionValues(request.headers.get("cookie"));
    if (value !== undefined) await this.#services.authenticator.signOut(value, hostname, by);
    return show(signInPage({ hostname, next: PATHS.home, signedOut: true }), 200, {
      "Set-Cookie": clearSession(),
    });
  }

  /** A token is not sent, nor a cookie set, without TLS. */
  #toTls(url: URL, isPost: boolean): Response {
    if (isPost)
      throw new ApiError("invalid-query", "This page works over https:// only. Nothing was changed.");
    const secure = new URL(url);
    secure.protocol = "https:";
    return new Response(null, {
      status: 301,
      headers: { Location: secure.href, "Cache-Control": "no-store" },
    });
  }
}
