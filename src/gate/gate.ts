// What happens to an app's request, from top to bottom.

import type { Standing } from "../domain/device.ts";
import type { Fingerprint } from "../domain/fingerprint.ts";
import type { ControlReason, Reason } from "../domain/reason.ts";
import { detailsOf } from "../domain/records.ts";
import { type App, DEFAULT_PROFILE } from "../domain/request/app.ts";
import { ABSENT, type Certificate, type VerifiedCertificate } from "../domain/request/certificate.ts";
import type { UserId } from "../domain/user.ts";
import { errorLine, type FoldedLog } from "../log.ts";
import { lookUp, tellWipe } from "../registry/client/lookup.ts";
import type { RegistryBindings } from "../registry/client/objects.ts";
import { isVerified, type VerifiedVisit, type Visit } from "../visit.ts";
import { answer, isTokenCall, isWipe } from "./answers.ts";
import { type Decision, type DecisionInput, decide, refuse, screen } from "./decision.ts";
import { forward, isOpenTo } from "./forward.ts";
import { WipeReceipts } from "./receipts.ts";
import { type StandingAnswer, StandingCache } from "./standing-cache.ts";

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

/** A decision and what it depended on, for the answer and the log. */
interface Judged {
  decision: Decision;
  app: App | undefined;
  certificate: Certificate;
  standing: Standing | undefined;
}

const UNDECIDED: Decision = refuse("internal-error");

/** One gate lives as long as its isolate. */
export class Gate {
  readonly #appOf: (hostname: string) => App | undefined;
  readonly #bindings: RegistryBindings;
  readonly #blocked: ReadonlySet<Fingerprint>;
  readonly #standings: StandingCache<VerifiedVisit>;
  readonly #receipts = new WipeReceipts();
  readonly #effects: GateEffects;

  constructor({ appOf, bindings, revocationDelayMs, blocked }: GateSettings, effects: GateEffects) {
    this.#appOf = appOf;
    this.#bindings = bindings;
    this.#blocked = blocked;
    this.#standings = new StandingCache(revocationDelayMs, (...question) => this.#ask(...question));
    this.#effects = effects;
  }

  /** Whether the configuration blocks the certificate, which `handle` then refuses: on control paths, too. */
  blocks(visit: Visit): boolean {
    if (this.#blocked.size === 0) return false;
    const { certificate } = visit;
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
   * Lets `show` answer a device with a verified certificate that asks who it is (`GET /.latchkey/whoami`); all others
   * are refused as on any other path.
   */
  async whoami(
    visit: Visit,
    show: (certificate: VerifiedCertificate, standing: Standing) => Response | Promise<Response>,
  ): Promise<Response> {
    const judged = await this.#judge(visit, false);
    const { decision, standing } = judged;
    if (standing !== undefined && standing.kind !== "unavailable" && isVerified(visit)) {
      return show(visit.certificate, standing);
    }
    return this.#refuse(visit, decision.kind === "refuse" ? decision.reason : "internal-error", judged);
  }

  /**
   * What the registry says of a visitor's certificate, whatever the country. It comes from the gate's own memory, so a
   * page that asks costs nothing extra. Also `unavailable` for a certificate that is refused without asking the
   * registry. Never throws.
   */
  async standingOf(visit: Visit): Promise<Standing> {
    return (await this.#judge(visit, false)).standing ?? { kind: "unavailable" };
  }

  /** Asks the registry again about this certificate, which has just been enrolled. */
  forget(fingerprint: Fingerprint): void {
    this.#standings.forget(fingerprint);
  }

  /** Refuses a path of Latchkey's own as if nothing were there: just as a request without a certificate. */
  refuseControl(visit: Visit, reason: ControlReason): Response {
    this.#effects.log.refusal(visit, reason, undefined, "control-refused");
    const app = this.#appOf(visit.hostname);
    return app === undefined
      ? answer("unknown-app", DEFAULT_PROFILE, visit)
      : answer("no-certificate", app.profile, visit);
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

  /** Without a promise when the isolate remembers enough, as it nearly always does. Never throws. */
  #judge(visit: Visit, asOpen: boolean): Judged | Promise<Judged> {
    // Where a judgement begins: as long as nothing else is decided, it refuses.
    const judged: Judged = { decision: UNDECIDED, app: undefined, certificate: ABSENT, standing: undefined };
    try {
      const { certificate } = visit;
      judged.certificate = certificate;
      const app = this.#appOf(visit.hostname);
      judged.app = app;
      const now = this.#effects.now();
      const input: DecisionInput = {
        isBlocked: this.blocks(visit),
        app,
        isOpen: asOpen && app !== undefined && isOpenTo(app, visit),
        certificate,
        country: visit.country,
        standing: undefined,
        now,
      };
      const early = screen(input);
      if (early !== undefined) {
        judged.decision = early;
        return judged;
      }
      if (!isVerified(visit)) return judged;
      const standing = this.#standings.standing(visit, now);
      if (!(standing instanceof Promise)) return conclude(judged, input, standing);
      return standing
        .then((late) => conclude(judged, input, late))
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
    if (isWipe(reason, profile)) this.#noteWipe(visit, standing);
    return answer(reason, profile, visit);
  }

  /** After the answer: reports that it was delivered, for the owner to see. */
  #noteWipe(visit: Visit, standing: Standing | undefined): void {
    if (!isVerified(visit) || standing?.kind !== "device") return;
    const { fingerprint } = visit.certificate;
    const at = this.#effects.now();
    const loss = `${fingerprint}@${standing.since}`;
    const receipt = this.#receipts.note(loss, isTokenCall(visit), at);
    if (receipt === undefined) return;
    const delivery = { ...receipt, ...placeOf(visit, at) };
    visit.ctx.waitUntil(
      tellWipe(this.#bindings, standing.user, fingerprint, delivery).catch((error: unknown) => {
        this.#receipts.takeBack(loss, receipt);
        this.#effects.log.line(errorLine("registry-error", error));
      }),
    );
  }

  async #ask(visit: VerifiedVisit, now: number, rememberedUser: UserId | undefined): Promise<StandingAnswer> {
    const { certificate } = visit;
    try {
      const sighting = { ...placeOf(visit, now), details: detailsOf(certificate) };
      const found = await lookUp(this.#bindings, certificate.fingerprint, rememberedUser, sighting);
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

function conclude(judged: Judged, input: DecisionInput, standing: Standing): Judged {
  input.standing = standing;
  judged.standing = standing;
  judged.decision = decide(input);
  return judged;
}

function placeOf({ hostname, country, ip }: Visit, at: number) {
  return { at, app: hostname, country, ip };
}
