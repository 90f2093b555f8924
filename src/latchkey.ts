// A configured Worker: Latchkey's own paths, and the gate for everything else.
import { problemResponse, toApiError } from "./api/problem.ts";
import { route as routeApi } from "./api/routes.ts";
import { KeyedSecrets } from "./auth/keyed-secrets.ts";
import { appOf, type Config } from "./config.ts";
import { providerId } from "./contract/sign-in-settings.ts";
import type { ControlReason } from "./domain/reason.ts";
import { Gate } from "./gate/gate.ts";
import { errorLine } from "./log.ts";
import { whoami } from "./pages/on-device/whoami.ts";
import { Pages } from "./pages/pages.ts";
import { mayBeControlPath, type Route, routeOf, START } from "./pages/routes.ts";
import { directoryOf } from "./registry/client/objects.ts";
import { RegistryClient } from "./registry/client/registry-client.ts";
import { type Effects, type Services, servicesOf } from "./services.ts";
import type { Visit } from "./visit.ts";

/** One per isolate. */
export class Latchkey {
  readonly #config: Config;
  readonly #gate: Gate;
  readonly #registry: RegistryClient;
  readonly #effects: Effects;
  /** `undefined`: without an `ADMIN_TOKEN`, API and pages are off. */
  readonly #control: { services: Services; pages: Pages } | undefined;

  constructor(config: Config, effects: Effects) {
    this.#config = config;
    this.#effects = effects;
    const directory = directoryOf(config.bindings);
    const secrets = new KeyedSecrets(
      () => directory.ask((directory) => directory.credentialCheck()),
      effects.now,
      effects.waitUntil,
      config.signIn === null ? undefined : providerId(config.signIn),
    );
    this.#gate = new Gate(
      {
        ...config,
        appOf: (hostname) => appOf(config, hostname),
        readSecret: (kind, text, host) =>
          kind === "browser" ? secrets.readBrowserSecret(host, text) : secrets.readDeviceSecret(kind, text),
        door: config.signIn === null ? null : config.adminHost,
      },
      effects,
    );
    this.#registry = new RegistryClient(config.bindings);
    const services = servicesOf(config, this.#gate, this.#registry, secrets, effects);
    this.#control = services && { services, pages: new Pages(services) };
  }

  handle(visit: Visit): Response | Promise<Response> {
    const isAdminHost = visit.hostname === this.#config.adminHost;
    if (!isAdminHost && !mayBeControlPath(visit.address)) return this.#gate.handle(visit);
    const { pathname } = visit.url;
    // Nothing else is on the ADMIN_HOST, and its owner may type just the host.
    const route = isAdminHost && pathname === "/" ? START : routeOf(pathname);
    if (route === undefined || this.#gate.blocks(visit)) return this.#gate.handle(visit);
    const isRead = visit.method === "GET" || visit.method === "HEAD";
    if (route.kind !== "whoami" || !isRead) return this.#answerControl(visit, route);
    return this.#gate.whoami(visit, (...known) => whoami(visit, ...known, this.#effects.now()));
  }

  /** What the cron does. Never throws: whatever fails is logged, and tried again the next day. */
  async daily(now: number): Promise<void> {
    if (!this.#config.notifies) return;
    try {
      for (const { object, error } of await this.#registry.noteExpiring(now)) {
        this.#effects.log.line({ ...errorLine("daily-error", error), object });
      }
    } catch (error) {
      this.#effects.log.line(errorLine("daily-error", error));
    }
  }

  /** Latchkey's own paths never reach an app: they are answered, or refused as if nothing were there. */
  async #answerControl(visit: Visit, route: Route): Promise<Response> {
    const { adminHost } = this.#config;
    const isAdminHost = visit.hostname === adminHost;
    const refuse = (reason: ControlReason) => this.#gate.refuseControl(visit, reason);

    if (!isAdminHost && appOf(this.#config, visit.hostname) === undefined) return refuse("unknown-app");
    if (this.#control === undefined) return refuse("api-off");
    const { services, pages } = this.#control;
    // A device is asked for its certificate only on the apps' hosts, so the page that enrols it is there.
    if (route.isForDevices) return pages.handle(visit, route, this.#effects.now());
    if (adminHost !== null && !isAdminHost) return refuse("not-the-admin-host");
    if (route.kind === "api" || route.kind === "whoami") {
      const answered = await this.#api(visit, services);
      if (answered !== undefined) return answered;
      return (adminHost === null ? undefined : await pages.notFound(visit)) ?? refuse("no-credentials");
    }
    // An app, or its service worker, can read every page on its own host, and what is typed there.
    if (adminHost === null) return refuse("no-admin-host");
    return pages.handle(visit, route, this.#effects.now());
  }

  /** The API's answer; `undefined` without a token. Never throws. */
  async #api(visit: Visit, services: Services): Promise<Response | undefined> {
    const { request, url, hostname, country } = visit;
    try {
      const principal = await services.authenticator.ofBearer(request);
      if (principal === undefined) return undefined;
      const by = visit.by(principal.actor, this.#effects.now());
      return await routeApi(request, { ...services, principal, by, url });
    } catch (error) {
      const problem = toApiError(error, services.log);
      if (problem.code === "wrong-credentials") {
        services.log({ event: "wrong-credentials", app: hostname, country });
      }
      return problemResponse(problem);
    }
  }
}
