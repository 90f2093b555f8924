import { waitUntil } from "cloudflare:workers";
import { type Config, type ConfigProblem, parseConfig } from "./config.ts";
import { DEFAULT_PROFILE } from "./domain/app.ts";
import { escapedJson } from "./domain/escaped-json.ts";
import { Hostnames } from "./domain/hostname.ts";
import { ok, type Result } from "./domain/result.ts";
import { answer } from "./gate/answers.ts";
import { Latchkey } from "./latchkey.ts";
import { errorLine, FoldedLog } from "./log.ts";
import { Visit } from "./visit.ts";

export { Directory } from "./registry/directory/directory.ts";
export { UserRegistry } from "./registry/user/user-registry.ts";

interface Built {
  latchkey: Result<Latchkey, ConfigProblem[]>;
  log: FoldedLog;
}

/** One per isolate, since an isolate has one `env`: what it remembers lives as long. */
const builtFor = new WeakMap<object, Built>();
/** The last one: in production, the only one. */
let latest: { env: object; built: Built } | undefined;
const hostnames = new Hostnames();
/** For what fails before there is a Worker. */
const ownLog = newLog();

export default {
  // Not `async`: most refusals are at hand without a promise.
  fetch(request, env, ctx): Response | Promise<Response> {
    let visit: Visit | undefined;
    let built: Built | undefined;
    /** Nothing was forwarded, or its answer was not passed on: an exception here is ours. */
    const failed = (error: unknown): Response => {
      const log = built?.log ?? ownLog;
      log.line(errorLine("error", error));
      if (visit !== undefined) log.refusal(visit, "internal-error");
      return answer("internal-error", DEFAULT_PROFILE, { method: request.method, pathname: "/" });
    };
    try {
      const cf = (request.cf ?? {}) as Record<string, unknown>;
      // A host that cannot be one, such as with port 99999, is no app's.
      const { url } = request;
      visit = new Visit(request, hostnames.of(url) ?? "", cf, ctx, url);
      built = latest?.env === env ? latest.built : builtOf(env);
      const { latchkey } = built;
      if (latchkey.ok) {
        const answered = latchkey.value.handle(visit);
        return answered instanceof Promise ? answered.catch(failed) : answered;
      }
      built.log.refusal(visit, "misconfigured");
      return answer("misconfigured", DEFAULT_PROFILE, visit);
    } catch (error) {
      return failed(error);
    }
  },

  async scheduled(_, env): Promise<void> {
    const { latchkey } = builtOf(env);
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
    write({ event: config.ok ? "configuration-warning" : "misconfigured", ...problem });
  }
  const log = newLog();
  const effects = { now: () => Date.now(), log, waitUntil };
  const latchkey = config.ok ? ok(new Latchkey(config.value, effects)) : config;
  const built: Built = { latchkey, log };
  builtFor.set(env, built);
  return built;
}

function newLog(): FoldedLog {
  return new FoldedLog(write, () => Date.now());
}

function write(line: Record<string, unknown>): void {
  console.log(escapedJson(JSON.stringify(line)));
}
