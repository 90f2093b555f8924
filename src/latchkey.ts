import { appOf, type Config } from "./config.ts";
import { type ControlRefusal, control, isControlPath, mayBeControlPath } from "./control/control.ts";
import { Gate, type GateEffects } from "./gate/gate.ts";
import { refusalLine } from "./gate/log.ts";
import type { Visit } from "./gate/visit.ts";
import { WHOAMI_PATH } from "./gate/whoami.ts";
import { Registry } from "./registry/registry.ts";

/** A configured Worker: control paths, and the gate for everything else. One per isolate. */
export class Latchkey {
  readonly #config: Config;
  readonly #gate: Gate;
  readonly #registry: Registry;
  readonly #effects: GateEffects;

  constructor(config: Config, effects: GateEffects) {
    this.#config = config;
    this.#gate = new Gate(
      (hostname) => appOf(config, hostname),
      config.bindings,
      config.revocationDelayMs,
      effects,
    );
    this.#registry = new Registry(config.bindings);
    this.#effects = effects;
  }

  handle(visit: Visit): Response | Promise<Response> {
    const { request } = visit;
    if (!mayBeControlPath(request.url)) return this.#gate.handle(visit);
    const { url } = visit;
    if (!isControlPath(url.pathname)) return this.#gate.handle(visit);
    const isWhoami = url.pathname === WHOAMI_PATH && (request.method === "GET" || request.method === "HEAD");
    return isWhoami ? this.#gate.whoami(visit) : this.#control(visit);
  }

  /** Control paths never reach an app: they are answered, or refused as anything else is. */
  async #control(visit: Visit): Promise<Response> {
    const { request, url, hostname, country = null } = visit;
    const { adminHost, adminToken } = this.#config;
    const isServed = hostname === adminHost || appOf(this.#config, hostname) !== undefined;
    const response: Response | ControlRefusal | "unknown-app" = isServed
      ? await control(
          { request, url, hostname, country },
          { adminHost, adminToken, registry: this.#registry, ...this.#effects },
        )
      : "unknown-app";
    if (typeof response !== "string") return response;
    this.#effects.log({
      ...refusalLine(visit, "no-certificate"),
      event: "control-refused",
      reason: response,
    });
    return this.#gate.hide(visit);
  }
}
