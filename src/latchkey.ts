import { appOf, type Config } from "./config.ts";
import { control, isControlPath } from "./control/control.ts";
import { answer } from "./gate/answers.ts";
import { Gate, type GateEffects, refusalLine, type Visit } from "./gate/gate.ts";
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

  handle(visit: Visit): Promise<Response> {
    return isControlPath(visit.url.pathname) ? this.#control(visit) : this.#gate.handle(visit);
  }

  async #control(visit: Visit): Promise<Response> {
    const { request, url, hostname, cf } = visit;
    const served = this.#config.adminHost === hostname || appOf(this.#config, hostname) !== undefined;
    if (!served) return this.#gate.refuse(visit, "unknown-app");

    const { adminHost, adminToken } = this.#config;
    const country = typeof cf.country === "string" ? cf.country : null;
    const response = await control(
      { request, url, hostname, country },
      { adminHost, adminToken, registry: this.#registry, ...this.#effects },
    );
    if (typeof response !== "string") return response;
    this.#effects.log({
      ...refusalLine(visit, "no-certificate"),
      event: "control-refused",
      reason: response,
    });
    return answer("no-certificate", request.method);
  }
}
