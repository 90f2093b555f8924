// The entry: builds a Worker from the configuration once per isolate, and hands it each request.
import { waitUntil } from "cloudflare:workers";
import { type Config, type ConfigProblem, parseConfig } from "./config.ts";
import { escapedJson } from "./domain/general/escaped-json.ts";
import { ok, type Result } from "./domain/general/result.ts";
import { DEFAULT_PROFILE } from "./domain/request/app.ts";
import { Hostnames } from "./domain/request/hostname.ts";
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

/** One per isolate, since an isolate has one `env`. What it remembers lives just as long. */
const builtFor = new WeakMap<object, Built>();
/** The last one used: in production, the only one. */
let latest: { env: object; built: Built } | undefined;
const hostnames = new Hostnames();
/** For failures before there is a Worker. */
const ownLog = newLog();

export default {
  // Not `async`: most refusals need no promise.
  fetch(request, env, ctx): Response | Promise<Response> {
    let visit: Visit | undefined;
    let built: Built | undefined;
    /** Nothing was forwarded, or its answer was not passed on: an exception here is our fault. */
    const failed = (error: unknown): Response => {
      const log = built?.log ?? ownLog;
      log.line(errorLine("error", error));
      if (visit !== undefined) log.refusal(visit, "internal-error");
      return answer("internal-error", DEFAULT_PROFILE, { method: request.method, pathname: "/" });
    };
    try {
      const cf = (request.cf ?? {}) as Record<string, unknown>;
      // A URL without a valid host, such as one with port 99999, is no app's.
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
    // The log already says what is wrong with the configuration.
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
  const effects = { now: () => Date.now(), log, waitUntil, fetch: (request: Request) => fetch(request) };
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
