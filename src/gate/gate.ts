// What happens to an app's request, from top to bottom.

import { type CredentialKey, fingerprintOf } from "../domain/credential-key.ts";
import type { Standing } from "../domain/device.ts";
import type { Fingerprint } from "../domain/fingerprint.ts";
import type { ControlReason, Reason } from "../domain/reason.ts";
import { detailsOf, NO_DETAILS } from "../domain/records.ts";
import { type App, DEFAULT_PROFILE } from "../domain/request/app.ts";
import { ABSENT } from "../domain/request/certificate.ts";
import type { Known, Shown, ShownSecret } from "../domain/request/shown.ts";
import type { UserId } from "../domain/user.ts";
import { errorLine, type FoldedLog } from "../log.ts";
import { lookUp, tellWipe } from "../registry/client/lookup.ts";
import type { RegistryBindings } from "../registry/client/objects.ts";
import { isKnown, type KnownVisit, type Visit } from "../visit.ts";
import { answer, clearingBrowser, isTokenCall, isWipe } from "./answers.ts";
import { type Decision, type DecisionInput, decide, refuse, screen } from "./decision.ts";
import { forward, isOpenTo, preflightAnswer } from "./forward.ts";
import { WipeReceipts } from "./receipts.ts";
import { type ReadSecret, ShownSecrets, triedSecret } from "./shown-secrets.ts";
import { mayOffer, offerSignIn } from "./sign-in-offer.ts";
import { type StandingAnswer, StandingCache } from "./standing-cache.ts";

/** What the configuration says of the gate. */
export interface GateSettings {
  appOf: (hostname: string) => App | undefined;
  bindings: RegistryBindings;
  revocationDelayMs: number;
  blocked: ReadonlySet<Fingerprint>;
  readSecret: ReadSecret;
  /** The host where people sign in with the identity provider; `null`: nobody does. */
  door: string | null;
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
  shown: Shown;
  standing: Standing | undefined;
}

const UNDECIDED: Decision = refuse("internal-error");
const NO_CERTIFICATE: Decision = refuse("no-certificate");

/** One gate lives as long as its isolate. */
export class Gate {
  readonly #appOf: (hostname: string) => App | undefined;
  readonly #bindings: RegistryBindings;
  readonly #blocked: ReadonlySet<Fingerprint>;
  readonly #standings: StandingCache<KnownVisit>;
  readonly #secrets: ShownSecrets;
  readonly #door: string | null;
  readonly #receipts = new WipeReceipts();
  readonly #effects: GateEffects;

  constructor(
    { appOf, bindings, revocationDelayMs, blocked, readSecret, door }: GateSettings,
    effects: GateEffects,
  ) {
    this.#appOf = appOf;
    this.#bindings = bindings;
    this.#blocked = blocked;
    this.#secrets = new ShownSecrets(readSecret);
    this.#door = door;
    this.#standings = new StandingCache(revocationDelayMs, (...question) => this.#ask(...question));
    this.#effects = effects;
  }

  /** Whether the configuration blocks what the visit shows, which `handle` then refuses: on control paths, too. */
  blocks(visit: Visit): boolean {
    if (this.#blocked.size === 0) return false;
    return isKnown(visit) && this.#blocked.has(fingerprintOf(visit.shown.key));
  }

  /** Forwards the request when the decision is to allow it, and refuses it in every other case. */
  handle(visit: Visit): Response | Promise<Response> {
    const judged = this.#judge(visit, true);
    return judged instanceof Promise
      ? judged.then((late) => this.#carryOut(visit, late))
      : this.#carryOut(visit, judged);
  }

  /**
   * Lets `show` answer a device that asks who it is (`GET /.latchkey/whoami`), with a verified certificate or a token of
   * ours; all others are refused as on any other path. `reason`: why the gate refuses it here; `undefined`: it is let in.
   */
  async whoami(
    visit: Visit,
    show: (shown: Known, standing: Standing, reason: Reason | undefined) => Response | Promise<Response>,
  ): Promise<Response> {
    const judged = await this.#judge(visit, false);
    const { decision, standing } = judged;
    const reason = decision.kind === "refuse" ? decision.reason : undefined;
    if (standing !== undefined && standing.kind !== "unavailable" && isKnown(visit)) {
      return show(visit.shown, standing, reason);
    }
    return this.#refuse(visit, reason ?? "internal-error", judged);
  }

  /**
   * What the registry says about a visitor's credential, whatever the country. It comes from the gate's own memory, so a
   * page that asks costs nothing extra. Also `unavailable` for one that is refused without asking the
   * registry. Never throws.
   */
  async standingOf(visit: Visit): Promise<Standing> {
    return (await this.#judge(visit, false)).standing ?? { kind: "unavailable" };
  }

  /** Asks the registry again about this credential, which has just been enrolled. */
  forget(key: CredentialKey): void {
    this.#standings.forget(key);
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
    const { decision, app } = judged;
    if (decision.kind !== "allow") return this.#refuse(visit, decision.reason, judged);
    // `decide` allows nothing without an app; this is for the compiler.
    if (app === undefined) return this.#refuse(visit, "internal-error", judged);
    // Only what is open is allowed without a standing.
    const isByPath = judged.standing === undefined || judged.shown.kind === "feed";
    return forward(visit, app, isByPath, (error) => {
      this.#effects.log.line({ ...errorLine("app-unreachable", error), app: visit.hostname });
      return answer("internal-error", DEFAULT_PROFILE, visit);
    });
  }

  /** Without a promise when the isolate remembers enough, as it nearly always does. Never throws. */
  #judge(visit: Visit, asOpen: boolean): Judged | Promise<Judged> {
    // Where a judgement begins: as long as nothing else is decided, it refuses.
    const judged: Judged = { decision: UNDECIDED, app: undefined, shown: ABSENT, standing: undefined };
    try {
      judged.shown = visit.shown;
      const app = this.#appOf(visit.hostname);
      judged.app = app;
      const input: DecisionInput = {
        isBlocked: this.blocks(visit),
        app,
        isOpen: asOpen && app !== undefined && isOpenTo(app, visit),
        shown: judged.shown,
        request: visit,
        standing: undefined,
        now: this.#effects.now(),
      };
      const early = screen(input);
      if (early === undefined) return this.#judgeKnown(visit, judged, input);
      judged.decision = early;
      if (app === undefined || early !== NO_CERTIFICATE) return judged;
      // No certificate was presented, so a secret may identify the device.
      const secret = this.#secrets.of(visit, app);
      if (!(secret instanceof Promise)) return this.#judgeSecret(visit, judged, input, secret);
      return secret
        .then((late) => this.#judgeSecret(visit, judged, input, late))
        .catch((error: unknown) => this.#unavailable(judged, error));
    } catch (error) {
      return this.#failed(judged, error);
    }
  }

  /** Judges a request without a certificate by the secret that it shows, if any. */
  #judgeSecret(
    visit: Visit,
    judged: Judged,
    input: DecisionInput,
    secret: ShownSecret | undefined,
  ): Judged | Promise<Judged> {
    if (secret === undefined) return judged;
    visit.secret = secret;
    judged.shown = secret;
    input.shown = secret;
    input.isBlocked = this.blocks(visit);
    judged.decision = screen(input) ?? UNDECIDED;
    return judged.decision === UNDECIDED ? this.#judgeKnown(visit, judged, input) : judged;
  }

  /** Judges a request by what the registry says about its credential. */
  #judgeKnown(visit: Visit, judged: Judged, input: DecisionInput): Judged | Promise<Judged> {
    if (!isKnown(visit)) return judged;
    const standing = this.#standings.standing(visit, input.now);
    if (!(standing instanceof Promise)) return conclude(judged, input, standing);
    return standing
      .then((late) => conclude(judged, input, late))
      .catch((error: unknown) => this.#failed(judged, error));
  }

  /** For when the directory did not say how to recognise a token. */
  #unavailable(judged: Judged, error: unknown): Judged {
    this.#effects.log.line(errorLine("registry-error", error));
    return { ...judged, decision: refuse("registry-unavailable") };
  }

  #failed(judged: Judged, error: unknown): Judged {
    this.#effects.log.line(errorLine("error", error));
    return { ...judged, decision: refuse("internal-error") };
  }

  #refuse(visit: Visit, reason: Reason, { app, shown, standing }: Judged): Response | Promise<Response> {
    const profile = app?.profile ?? DEFAULT_PROFILE;
    const preflight =
      reason === "no-certificate" && app !== undefined ? preflightAnswer(app, visit) : undefined;
    if (preflight !== undefined) return preflight;
    const more = reason === "no-certificate" ? triedSecret : undefined;
    this.#effects.log.refusal(visit, reason, shown, "refused", more);
    // A secret proves no possession: whoever shows a lost device's is shut out as if it were revoked, and deletes no vault.
    const told = reason === "device-lost" && shown.kind !== "verified" ? "device-revoked" : reason;
    const isLostBrowser = reason === "device-lost" && shown.kind === "browser";
    if (isLostBrowser || isWipe(told, profile)) this.#noteWipe(visit, standing);
    const refusal = answer(told, profile, visit);
    if (isLostBrowser) return clearingBrowser(refusal);
    return this.#door !== null && mayOffer(app, reason, shown, visit)
      ? offerSignIn(refusal, reason, this.#door, visit)
      : refusal;
  }

  /** After the answer: reports that it was delivered, for the owner to see. */
  #noteWipe(visit: Visit, standing: Standing | undefined): void {
    if (!isKnown(visit) || standing?.kind !== "device") return;
    const { key } = visit.shown;
    const at = this.#effects.now();
    const loss = `${key}@${standing.since}`;
    const receipt = this.#receipts.note(loss, isTokenCall(visit), at);
    if (receipt === undefined) return;
    const delivery = { ...receipt, ...placeOf(visit, at) };
    visit.ctx.waitUntil(
      tellWipe(this.#bindings, standing.user, key, delivery).catch((error: unknown) => {
        this.#receipts.takeBack(loss, receipt);
        this.#effects.log.line(errorLine("registry-error", error));
      }),
    );
  }

  async #ask(visit: KnownVisit, now: number, rememberedUser: UserId | undefined): Promise<StandingAnswer> {
    const { shown } = visit;
    try {
      const details = shown.kind === "verified" ? detailsOf(shown) : NO_DETAILS;
      const found = await lookUp(this.#bindings, shown.key, rememberedUser, {
        ...placeOf(visit, now),
        details,
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

function conclude(judged: Judged, input: DecisionInput, standing: Standing): Judged {
  input.standing = standing;
  judged.standing = standing;
  judged.decision = decide(input);
  return judged;
}

function placeOf({ hostname, country, ip }: Visit, at: number) {
  return { at, app: hostname, country, ip };
}
