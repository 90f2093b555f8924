import { waitUntil } from "cloudflare:workers";
import { type Config, type ConfigProblem, parseConfig } from "./config.ts";
import { answer, DEFAULT_PROFILE } from "./gate/answers.ts";
import { errorLine, refusalLine } from "./gate/log.ts";
import { Visit } from "./gate/visit.ts";
import { Hostnames } from "./hostname.ts";
import { Latchkey } from "./latchkey.ts";
import type { Result } from "./result.ts";

export { Directory } from "./registry/directory.ts";
export { UserRegistry } from "./registry/user-registry.ts";

type Built = Result<Latchkey, ConfigProblem[]>;

/** One per isolate, since an isolate has one `env`: what it remembers lives as long. */
const builtFor = new WeakMap<object, Built>();
/** The last one: in production, the only one. */
let latest: { env: object; built: Built } | undefined;
const hostnames = new Hostnames();

export default {
  async fetch(request, env, ctx): Promise<Response> {
    let visit: Visit | undefined;
    try {
      const cf = (request.cf ?? {}) as Record<string, unknown>;
      // A host that cannot be one, such as with port 99999, is no app's.
      const hostname = hostnames.of(request.url) ?? "";
      visit = new Visit(request, hostname, cf, ctx);
      const latchkey = latest?.env === env ? latest.built : builtOf(env);
      if (latchkey.ok) return await latchkey.value.handle(visit);
      log(refusalLine(visit, "misconfigured"));
      return answer("misconfigured", DEFAULT_PROFILE, {
        method: request.method,
        pathname: visit.pathname,
      });
    } catch (error) {
      // Nothing was forwarded: an exception here is ours.
      log(errorLine("error", error));
      if (visit !== undefined) log(refusalLine(visit, "internal-error"));
      return answer("internal-error", DEFAULT_PROFILE, { method: request.method, pathname: "/" });
    }
  },

  async scheduled(_, env): Promise<void> {
    const latchkey = builtOf(env);
    // What is wrong with the configuration is in the log by now.
    if (latchkey.ok) await latchkey.value.daily(Date.now());
  },
} satisfies ExportedHandler<object>;

function builtOf(env: object): Built {
  const built = builtFor.get(env) ?? build(env);
  latest = { env, built };
  return built;
}

function build(env: object): Built {
  const config: Result<Config, ConfigProblem[]> = parseConfig(env);
  for (const problem of config.ok ? config.value.warnings : config.error) {
    log({ event: config.ok ? "configuration-warning" : "misconfigured", ...problem });
  }
  const built: Built = config.ok
    ? { ok: true, value: new Latchkey(config.value, { now: Date.now, log, waitUntil }) }
    : config;
  builtFor.set(env, built);
  return built;
}

function log(line: Record<string, unknown>): void {
  console.log(JSON.stringify(line));
}
