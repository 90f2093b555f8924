import type { Actor } from "../registry/audit-log.ts";
import type { Enrolled } from "../registry/enrolments.ts";
import type { Invitations } from "../registry/invitations.ts";
import type { Enrolment, RegistryError } from "../registry/records.ts";
import { err, type Result } from "../result.ts";
import type { DeadSecrets } from "./dead-secrets.ts";
import type { KeyedSecrets } from "./keyed-secrets.ts";

/**
 * Codes of invitations as people type them. One that is wrong is refused in the isolate; one that was used, has
 * ended or is another app's is asked about once an hour. One lives as long as its isolate.
 */
export class InvitationCodes {
  readonly #secrets: KeyedSecrets;
  readonly #dead: DeadSecrets;
  readonly #invitations: Invitations;

  constructor(secrets: KeyedSecrets, dead: DeadSecrets, invitations: Invitations) {
    this.#secrets = secrets;
    this.#dead = dead;
    this.#invitations = invitations;
  }

  /** Enrols a verified certificate by a code that was presented on the host of `app` (see `Invitations.redeem`). */
  async redeem(
    by: Actor,
    code: string,
    app: string,
    enrolment: Enrolment,
  ): Promise<Result<Enrolled, RegistryError>> {
    const digest = await this.#secrets.readCode(code);
    if (digest === undefined) return err({ code: "invalid-invitation" });
    // Dead for this certificate on this host: on another it may be good, and the device that it enrolled may
    // present it again.
    const key = `${digest} ${app} ${enrolment.fingerprint}`;
    const enrolled = await this.#dead.unlessDead(key, async () => {
      const result = await this.#invitations.redeem(by, digest, app, enrolment);
      return !result.ok && result.error.code === "invalid-invitation" ? null : result;
    });
    return enrolled ?? err({ code: "invalid-invitation" });
  }
}
