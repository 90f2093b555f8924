import { type App, DEFAULT_PROFILE } from "../domain/app.ts";
import {
  ABSENT,
  type Certificate,
  readCertificate,
  type VerifiedCertificate,
} from "../domain/certificate.ts";
import type { Fingerprint } from "../domain/fingerprint.ts";
import type { Reason } from "../domain/reason.ts";
import { factsOf } from "../domain/records.ts";
import type { UserId } from "../domain/user.ts";
import { errorLine, type FoldedLog } from "../log.ts";
import { lookUp, tellWipe } from "../registry/client/lookup.ts";
import type { RegistryBindings } from "../registry/client/objects.ts";
import type { Visit } from "../visit.ts";
import { answer, isTokenCall, isWipe } from "./answers.ts";
import { isOpenTo } from "./app.ts";
import { type Decision, decide, type Facts, refuse, type Standing, screen } from "./decision.ts";
import { forward } from "./forward.ts";
import { WipeReceipts } from "./receipts.ts";
import { type StandingAnswer, StandingCache } from "./standing-cache.ts";
import { describeVisitor, type Visitor } from "./whoami.ts";

/** What the configuration says of the gate. */
export interface GateSettings {
  appOf: (hostname: string) => App | undefined;
  bindings: RegistryBindings;
  revocationDelayMs: number;
  blocked: ReadonlySet<Fingerprint>;
}

/** Effects that tests replace. */
export interface GateEffects {
  now: () => number;
  log: FoldedLog;
}

/** A decision and what it was made of, for the answer and the log. */
interface Judged {
  decision: Decision;
  app: App | undefined;
  certificate: Certificate;
  standing: Standing | undefined;
}

const UNDECIDED: Decision = refuse("internal-error");

function conclude(judged: Judged, facts: Facts, standing: Standing): Judged {
  facts.standing = standing;
  judged.standing = standing;
  judged.decision = decide(facts);
  return judged;
}

/** What happens to an app's request, from top to bottom. One gate lives as long as its isolate. */
export class Gate {
  readonly #appOf: (hostname: string) => App | undefined;
  readonly #bindings: RegistryBindings;
  readonly #blocked: ReadonlySet<Fingerprint>;
  readonly #standings: StandingCache;
  readonly #receipts = new WipeReceipts();
  readonly #effects: GateEffects;

  constructor({ appOf, bindings, revocationDelayMs, blocked }: GateSettings, effects: GateEffects) {
    this.#appOf = appOf;
    this.#bindings = bindings;
    this.#blocked = blocked;
    this.#standings = new StandingCache(revocationDelayMs);
    this.#effects = effects;
  }

  /** Whether the certificate is one that `handle` refuses before anything else: on control paths, too. */
  blocks(visit: Visit): boolean {
    return this.#blocked.size > 0 && this.#isBlocked(readCertificate(visit.cf.tlsClientAuth));
  }

  #isBlocked(certificate: Certificate): boolean {
    return certificate.kind === "verified" && this.#blocked.has(certificate.fingerprint);
  }

  /** Forwards the request when the decision is to allow it, and refuses it in every other case. */
  handle(visit: Visit): Response | Promise<Response> {
    const judged = this.#judge(visit, true);
    return judged instanceof Promise
      ? judged.then((late) => this.#carryOut(visit, late))
      : this.#carryOut(visit, judged);
  }

  /**
   * Tells a device with a verified certificate who it is (`GET /.latchkey/whoami`); everybody
   * else is refused as on any other path.
   */
  async whoami(visit: Visit, show: (visitor: Visitor) => Response | Promise<Response>): Promise<Response> {
    const judged = await this.#judge(visit, false);
    const { decision, certificate, standing } = judged;
    const isKnown = standing !== undefined && standing.kind !== "unavailable";
    if (certificate.kind === "verified" && isKnown)
      return show(describeVisitor(visit, certificate, standing));
    const reason = decision.kind === "refuse" ? decision.reason : "internal-error";
    return this.#refuse(visit, reason, judged);
  }

  /**
   * What the registry says of a visitor's certificate, whatever the country, from the gate's own memory, so
   * that a page that asks costs nothing extra. Also `unavailable` for a certificate that is refused without
   * asking. Never throws.
   */
  async standingOf(visit: Visit): Promise<Standing> {
    return (await this.#judge(visit, false)).standing ?? { kind: "unavailable" };
  }

  /** The registry will be asked again about this certificate, which has just been enrolled. */
  forget(fingerprint: Fingerprint): void {
    this.#standings.forget(fingerprint);
  }

  /** The answer for a control path to whoever must not see that there is one. Not logged here. */
  hide(visit: Visit): Response {
    const app = this.#appOf(visit.hostname);
    const reason = app === undefined ? "unknown-app" : "no-certificate";
    return answer(reason, app?.profile ?? DEFAULT_PROFILE, visit);
  }

  #carryOut(visit: Visit, judged: Judged): Response | Promise<Response> {
    const { decision } = judged;
    if (decision.kind !== "allow") return this.#refuse(visit, decision.reason, judged);
    // Only what is open is allowed without a standing.
    const isOpen = judged.standing === undefined;
    return forward(visit.request, isOpen, (error) => {
      this.#effects.log.line({ ...errorLine("app-unreachable", error), app: visit.hostname });
      return answer("internal-error", DEFAULT_PROFILE, visit);
    });
  }

  /** At once when the isolate remembers enough, which is the rule; else a promise. Never throws. */
  #judge(visit: Visit, asOpen: boolean): Judged | Promise<Judged> {
    // Where a judgement begins: as long as nothing else is decided, it refuses.
    const judged: Judged = { decision: UNDECIDED, app: undefined, certificate: ABSENT, standing: undefined };
    try {
      const certificate = readCertificate(visit.cf.tlsClientAuth);
      judged.certificate = certificate;
      const app = this.#appOf(visit.hostname);
      judged.app = app;
      const now = this.#effects.now();
      const isOpen = asOpen && app !== undefined && isOpenTo(app, visit);
      const isBlocked = this.#isBlocked(certificate);
      const { country } = visit;
      const facts: Facts = { isBlocked, app, isOpen, certificate, country, standing: undefined, now };

      const early = screen(facts);
      if (early !== undefined) {
        judged.decision = early;
        return judged;
      }
      if (certificate.kind !== "verified") return judged;
      const remembered = this.#standings.recall(certificate.fingerprint, now);
      if (remembered !== undefined) return conclude(judged, facts, remembered);
      return this.#standing(visit, certificate, now)
        .then((standing) => conclude(judged, facts, standing))
        .catch((error: unknown) => this.#failed(judged, error));
    } catch (error) {
      return this.#failed(judged, error);
    }
  }

  #failed(judged: Judged, error: unknown): Judged {
    this.#effects.log.line(errorLine("error", error));
    return { ...judged, decision: refuse("internal-error") };
  }

  #refuse(visit: Visit, reason: Reason, { app, certificate, standing }: Judged): Response {
    const profile = app?.profile ?? DEFAULT_PROFILE;
    this.#effects.log.refusal(visit, reason, certificate);
    if (isWipe(reason, profile)) this.#noteWipe(visit, certificate, standing);
    return answer(reason, profile, visit);
  }

  /** Behind the answer: the owner shall see that it was delivered. */
  #noteWipe(visit: Visit, certificate: Certificate, standing: Standing | undefined): void {
    if (certificate.kind !== "verified" || standing?.kind !== "device") return;
    const { fingerprint } = certificate;
    const at = this.#effects.now();
    const key = `${fingerprint}@${standing.since}`;
    const receipt = this.#receipts.note(key, isTokenCall(visit), at);
    if (receipt === undefined) return;
    const delivery = { ...receipt, at, ...placeOf(visit) };
    visit.ctx.waitUntil(
      tellWipe(this.#bindings, standing.user, fingerprint, delivery).catch((error: unknown) => {
        this.#receipts.untell(key, receipt);
        this.#effects.log.line(errorLine("registry-error", error));
      }),
    );
  }

  async #standing(visit: Visit, certificate: VerifiedCertificate, now: number): Promise<Standing> {
    return this.#standings.standing(
      certificate.fingerprint,
      now,
      (fingerprint, user) => this.#ask(visit, certificate, now, fingerprint, user),
      (promise) => visit.ctx.waitUntil(promise),
      isTokenCall(visit) ? "token" : "other",
    );
  }

  async #ask(
    visit: Visit,
    certificate: VerifiedCertificate,
    at: number,
    fingerprint: Fingerprint,
    rememberedUser: UserId | undefined,
  ): Promise<StandingAnswer> {
    const facts = factsOf(certificate);
    try {
      const found = await lookUp(this.#bindings, fingerprint, rememberedUser, {
        at,
        ...placeOf(visit),
        facts,
      });
      return {
        user: found.user,
        standing: found.found ? { kind: "device", user: found.user, ...found.device } : { kind: "unknown" },
      };
    } catch (error) {
      this.#effects.log.line(errorLine("registry-error", error));
      throw error;
    }
  }
}

function placeOf({ request, hostname, country }: Visit) {
  return { app: hostname, country: country ?? null, ip: request.headers.get("cf-connecting-ip") };
}
