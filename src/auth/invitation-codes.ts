import type { SecretDigest } from "../domain/credential.ts";
import { Budget } from "../domain/general/budget.ts";
import { err, type Result } from "../domain/general/result.ts";
import type { Enrolment, RegistryError, Welcome } from "../domain/records.ts";
import { RegistryUnavailable } from "../registry/client/call.ts";
import type { Invitations, Offer, RedeemError } from "../registry/client/invitations.ts";
import type { Actor } from "../registry/storage/audit-log.ts";
import type { Enrolled } from "../registry/user/rules/enrolments.ts";
import type { DeadSecrets } from "./dead-secrets.ts";
import type { KeyedSecrets } from "./keyed-secrets.ts";
import { digestOf } from "./secrets.ts";

/** A code that was presented with a verified certificate, on the host of `app`. */
export interface PresentedCode {
  by: Actor;
  /** As it was typed. */
  code: string;
  app: string;
  /** What it is to enrol. */
  enrolment: Enrolment;
}

/** The whole link of an invitation that brings a certificate, in some browser. */
export interface PresentedLink {
  by: Actor;
  code: string;
  /** Made of the key in the link, see scripts/certificates/bundle.ts. */
  proof: string;
  /** A random secret that the browser keeps. */
  browser: string;
  /** The browser's own name for itself. */
  client: string | null;
  /** Whether it only checks on its device. */
  isLook: boolean;
}

/**
 * How many questions about one link an isolate asks at first, and how often one more, in milliseconds: anybody who has
 * an old link can make up browsers, each question costs up to four calls of objects, and some write to the audit log.
 */
export const LINK_QUESTIONS_MAX = 20;
export const LINK_QUESTION_EVERY_MS = 15_000;
/** Links that one isolate counts questions of: only codes of ours are. */
const LINKS_MAX = 1_000;

/**
 * Invitation codes as people type them. A wrong one is refused in the isolate; one that was used, has expired
 * or belongs to another app is looked up once an hour. One lives as long as its isolate.
 */
export class InvitationCodes {
  readonly #secrets: KeyedSecrets;
  readonly #dead: DeadSecrets;
  readonly #invitations: Invitations;
  readonly #questions = new Budget<SecretDigest>(LINK_QUESTIONS_MAX, LINK_QUESTION_EVERY_MS, LINKS_MAX);

  constructor(secrets: KeyedSecrets, dead: DeadSecrets, invitations: Invitations) {
    this.#secrets = secrets;
    this.#dead = dead;
    this.#invitations = invitations;
  }

  /** Whether it is worth asking about a code: it is one of ours, and not known to have ended. Asks no object. */
  async mayBeGood(presented: PresentedCode): Promise<boolean> {
    const digest = await this.#secrets.readCode(presented.code);
    return digest !== undefined && !this.#dead.has(keyOf(digest, presented));
  }

  /** What a code would do (see `Invitations.offer`). */
  offer(presented: PresentedCode): Promise<Result<Offer, RegistryError>> {
    const { by, app, enrolment } = presented;
    return this.#unlessDead(presented, (digest) => this.#invitations.offer(by, digest, app, enrolment));
  }

  /** Enrols a verified certificate by a code (see `Invitations.redeem`). */
  redeem(presented: PresentedCode, agreed: string): Promise<Result<Enrolled, RedeemError>> {
    const { by, app, enrolment } = presented;
    return this.#unlessDead(presented, (digest) =>
      this.#invitations.redeem(by, digest, app, enrolment, agreed),
    );
  }

  /**
   * Hands out the certificate that an invitation brings along (see `Invitations.fetchBundle`). Throws
   * `RegistryUnavailable` also while the link was asked about too often.
   */
  async fetchBundle(link: PresentedLink): Promise<Result<Welcome, RegistryError>> {
    const { by, proof, client, isLook } = link;
    const digest = await this.#secrets.readCode(link.code);
    if (digest === undefined) return err({ code: "invalid-invitation" });
    const browser = await digestOf(link.browser);
    const key = `${digest} ${proof} ${browser} ${isLook ? "look" : "fetch"}`;
    return this.#answerUnlessDead(key, async () => {
      if (!this.#questions.take(digest, by.at))
        throw new RegistryUnavailable("a link was asked about too often");
      return this.#invitations.fetchBundle(by, { digest, proof, browser, client, isLook });
    });
  }

  async #unlessDead<T, E extends { code: string }>(
    presented: PresentedCode,
    ask: (digest: SecretDigest) => Promise<Result<T, E>>,
  ): Promise<Result<T, E | { code: "invalid-invitation" }>> {
    const digest = await this.#secrets.readCode(presented.code);
    if (digest === undefined) return err({ code: "invalid-invitation" });
    return this.#answerUnlessDead(keyOf(digest, presented), () => ask(digest));
  }

  async #answerUnlessDead<T, E extends { code: string }>(
    key: string,
    ask: () => Promise<Result<T, E>>,
  ): Promise<Result<T, E | { code: "invalid-invitation" }>> {
    const answer = await this.#dead.unlessDead(key, async () => {
      const result = await ask();
      return !result.ok && result.error.code === "invalid-invitation" ? null : result;
    });
    return answer ?? err({ code: "invalid-invitation" });
  }
}

/**
 * A code is dead for one certificate on one host: on another host it may be good, and the device that it enrolled may
 * present it again.
 */
function keyOf(digest: SecretDigest, { app, enrolment }: PresentedCode): string {
  return `${digest} ${app} ${enrolment.key}`;
}
