import type { Fingerprint } from "../registry/fingerprint.ts";
import { shortFingerprint } from "../registry/fingerprint.ts";
import { lookUp } from "../registry/lookup.ts";
import type { RegistryBindings } from "../registry/objects.ts";
import type { UserId } from "../registry/user.ts";
import { answer } from "./answers.ts";
import { type Certificate, readCertificate, type VerifiedCertificate } from "./certificate.ts";
import { type AppRules, type Decision, decide, type Reason, refuse, screen } from "./decision.ts";
import { forward } from "./forward.ts";
import { type StandingAnswer, StandingCache } from "./standing-cache.ts";

/** What the gate knows of a request before it looks at the certificate. */
export interface Visit {
  request: Request;
  url: URL;
  /** As `hostnameOf` gives it. */
  hostname: string;
  /** `request.cf`, which is unknown input. */
  cf: Record<string, unknown>;
  ctx: Pick<ExecutionContext, "waitUntil">;
}

/** Effects that tests replace. */
export interface GateEffects {
  now: () => number;
  log: (line: Record<string, unknown>) => void;
}

/** Paths longer than this are cut in the log, in characters. */
const LOGGED_PATH_MAX = 200;

/** What happens to an app's request, from top to bottom. One gate lives as long as its isolate. */
export class Gate {
  readonly #appOf: (hostname: string) => AppRules | undefined;
  readonly #bindings: RegistryBindings;
  readonly #standings: StandingCache;
  readonly #effects: GateEffects;

  constructor(
    appOf: (hostname: string) => AppRules | undefined,
    bindings: RegistryBindings,
    revocationDelayMs: number,
    effects: GateEffects,
  ) {
    this.#appOf = appOf;
    this.#bindings = bindings;
    this.#standings = new StandingCache(revocationDelayMs);
    this.#effects = effects;
  }

  /** Forwards the request when the decision is to allow it, and refuses it in every other case. */
  async handle(visit: Visit): Promise<Response> {
    const certificate = readCertificate(visit.cf.tlsClientAuth);
    const decision = await this.#decide(visit, certificate);
    if (decision.kind !== "allow") return this.refuse(visit, decision.reason, certificate);
    return forward(visit.request, (error) =>
      this.#effects.log({ event: "app-unreachable", app: visit.hostname, message: String(error) }),
    );
  }

  /** Refuses, and logs why. */
  refuse(visit: Visit, reason: Reason, certificate?: Certificate): Response {
    this.#effects.log(refusalLine(visit, reason, certificate));
    return answer(reason, visit.request.method);
  }

  async #decide(visit: Visit, certificate: Certificate): Promise<Decision> {
    try {
      const now = this.#effects.now();
      const facts = { app: this.#appOf(visit.hostname), certificate, country: countryOf(visit.cf), now };
      const refusal = screen(facts);
      if (refusal !== undefined) return refusal;
      const standing =
        certificate.kind === "verified" ? await this.#standing(visit, certificate, now) : undefined;
      return decide({ ...facts, standing });
    } catch (error) {
      this.#effects.log({ event: "error", message: String(error) });
      return refuse("internal-error");
    }
  }

  #standing(visit: Visit, certificate: VerifiedCertificate, now: number) {
    return this.#standings.standing(
      certificate.fingerprint,
      now,
      (fingerprint, user) => this.#ask(visit, certificate, now, fingerprint, user),
      (promise) => visit.ctx.waitUntil(promise),
    );
  }

  async #ask(
    visit: Visit,
    { subject, issuer, serial, notBefore, notAfter }: VerifiedCertificate,
    at: number,
    fingerprint: Fingerprint,
    rememberedUser: UserId | undefined,
  ): Promise<StandingAnswer> {
    try {
      const found = await lookUp(this.#bindings, fingerprint, rememberedUser, {
        at,
        app: visit.hostname,
        country: countryOf(visit.cf) ?? null,
        ip: visit.request.headers.get("cf-connecting-ip"),
        facts: { subject, issuer, serial, notBefore, notAfter },
      });
      return {
        user: found.user,
        standing: found.found ? { kind: "device", status: found.status } : { kind: "unknown" },
      };
    } catch (error) {
      this.#effects.log({ event: "registry-error", message: String(error), cause: causeOf(error) });
      throw error;
    }
  }
}

function countryOf(cf: Record<string, unknown>): string | undefined {
  return typeof cf.country === "string" ? cf.country : undefined;
}

function causeOf(error: unknown): string | null {
  return error instanceof Error && error.cause !== undefined ? String(error.cause) : null;
}

/** The log's line for a refusal: no query, no cookie, no token, no full fingerprint. */
export function refusalLine(
  { request, url, hostname, cf }: Pick<Visit, "request" | "url" | "hostname" | "cf">,
  reason: Reason,
  certificate?: Certificate,
): Record<string, unknown> {
  return {
    event: "refused",
    reason,
    app: hostname,
    method: request.method,
    path: url.pathname.slice(0, LOGGED_PATH_MAX),
    country: countryOf(cf) ?? null,
    ray: request.headers.get("cf-ray"),
    fingerprint: certificate === undefined ? null : shortOf(certificate),
  };
}

function shortOf(certificate: Certificate): string | null {
  switch (certificate.kind) {
    case "absent":
      return null;
    case "verified":
      return shortFingerprint(certificate.fingerprint);
    default:
      return certificate.short;
  }
}
