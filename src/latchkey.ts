import { appOf, type Config } from "./config.ts";
import { WHOAMI_PATH } from "./contract/paths.ts";
import { Control, isControlPath, mayBeControlPath } from "./control.ts";
import { readCertificate } from "./domain/certificate.ts";
import { Gate, type GateEffects } from "./gate/gate.ts";
import { visitorAsJson } from "./gate/whoami.ts";
import { errorLine } from "./log.ts";
import { show } from "./pages/html/respond.ts";
import { knownTimeZone } from "./pages/html/times.ts";
import { isForReading } from "./pages/same-origin.ts";
import { whoamiPage } from "./pages/whoami.ts";
import { RegistryClient } from "./registry/client/registry-client.ts";
import type { Visit } from "./visit.ts";

/** What a Worker has besides its configuration. */
export interface Effects extends GateEffects {
  /** Lets what a request has begun go on after its answer. To be called while it is handled. */
  waitUntil: (work: Promise<unknown>) => void;
}

/** A configured Worker: control paths, and the gate for everything else. One per isolate. */
export class Latchkey {
  readonly #config: Config;
  readonly #gate: Gate;
  readonly #control: Control;
  readonly #registry: RegistryClient;
  readonly #effects: Effects;

  constructor(config: Config, effects: Effects) {
    this.#config = config;
    this.#gate = new Gate({ ...config, appOf: (hostname) => appOf(config, hostname) }, effects);
    this.#registry = new RegistryClient(config.bindings);
    this.#effects = effects;
    this.#control = new Control({
      ...config,
      forget: (fingerprint) => this.#gate.forget(fingerprint),
      apps: {
        hosts: [...config.apps.keys()],
        profiles: profilesOf(config),
        isApp: (hostname) => appOf(config, hostname) !== undefined,
      },
      registry: this.#registry,
      now: effects.now,
      log: (line) => effects.log.line(line),
      waitUntil: effects.waitUntil,
    });
  }

  handle(visit: Visit): Response | Promise<Response> {
    const { request, hostname } = visit;
    const isAdminHost = hostname === this.#config.adminHost;
    if (!isAdminHost && !mayBeControlPath(visit.address)) return this.#gate.handle(visit);
    const { url } = visit;
    // Nothing else is on the ADMIN_HOST, and its owner may type the host alone.
    const isControl = isControlPath(url.pathname) || (isAdminHost && url.pathname === "/");
    if (!isControl || this.#gate.blocks(visit)) return this.#gate.handle(visit);
    const isWhoami = url.pathname === WHOAMI_PATH && (request.method === "GET" || request.method === "HEAD");
    return isWhoami ? this.#whoami(visit) : this.#answerControl(visit);
  }

  /** For a person's browser a page, for every other program JSON; refused as ever without a verified certificate. */
  #whoami(visit: Visit): Promise<Response> {
    const { headers, method } = visit.request;
    const isPage = isForReading(headers) && (headers.get("accept") ?? "").includes("text/html");
    return this.#gate.whoami(visit, async (visitor) => {
      if (!isPage) return visitorAsJson(visitor, visit);
      const page = await show(whoamiPage(visitor, this.#effects.now(), knownTimeZone(timeZoneOf(visit))));
      return method === "HEAD" ? new Response(null, page) : page;
    });
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

  /** Control paths never reach an app: they are answered, or refused as anything else is. */
  async #answerControl(visit: Visit): Promise<Response> {
    const { request, url, hostname, country = null, cf } = visit;
    const isApp = appOf(this.#config, hostname) !== undefined;
    const response =
      isApp || hostname === this.#config.adminHost
        ? await this.#control.handle({
            ...{ request, url, hostname, country },
            timeZone: timeZoneOf(visit),
            certificate: readCertificate(cf.tlsClientAuth),
            knownAs: () => this.#gate.standingOf(visit),
          })
        : "unknown-app";
    if (typeof response !== "string") return response;
    this.#effects.log.refusal(visit, response, undefined, "control-refused");
    return this.#gate.hide(visit);
  }
}

/** Every entry of `APPS`, with its profile. */
function profilesOf({ apps, defaultApp }: Config): { host: string; profile: string }[] {
  const named = [...apps].map(([host, { profile }]) => ({ host, profile: profile.name }));
  return defaultApp === undefined ? named : [...named, { host: "*", profile: defaultApp.profile.name }];
}

/** Where the client seems to be, as Cloudflare reports it. */
function timeZoneOf({ cf }: Visit): string | null {
  return typeof cf.timezone === "string" ? cf.timezone : null;
}
