// How a credential becomes a user's device: on a claim granted by the directory, with an invitation or without.

import { isAdmin } from "../../../domain/credential.ts";
import { fingerprintOf, kindOf } from "../../../domain/credential-key.ts";
import { err, ok, type Result } from "../../../domain/general/result.ts";
import type {
  DeviceRecord,
  Enrolment,
  InvitationRecord,
  InvitationUse,
  RegistryError,
} from "../../../domain/records.ts";
import { credentialOf, retiredSince } from "../../../domain/retirement.ts";
import type { UserId } from "../../../domain/user.ts";
import { deviceEnrolled } from "../../../notify/acts.ts";
import { type Actor, refuseAudited, writeAudit } from "../../storage/audit-log.ts";
import { newComparisonCode } from "../../storage/comparison-code.ts";
import type { Claim, StaleClaim } from "../../storage/generation.ts";
import type { Outbox } from "../../storage/outbox.ts";
import type { BrowserTable } from "../tables/browser-table.ts";
import type { DeviceTable } from "../tables/device-table.ts";
import type { RegistryState } from "../tables/registry-state.ts";
import { shownCredential, shownLimits } from "./audit-detail.ts";
import type { Invitations } from "./invitations.ts";

/** What was enrolled; `created` is false when the credential was there before. */
export interface Enrolled {
  device: DeviceRecord;
  created: boolean;
}

/** Rules of one user's enrolments. Each method is to be called in a transaction. */
export class Enrolments {
  readonly #sql: SqlStorage;
  readonly #user: UserId;
  readonly #devices: DeviceTable;
  readonly #invitations: Invitations;
  readonly #state: RegistryState;
  readonly #outbox: Outbox;
  readonly #browsers: BrowserTable;

  constructor(
    sql: SqlStorage,
    user: UserId,
    devices: DeviceTable,
    invitations: Invitations,
    state: RegistryState,
    outbox: Outbox,
    browsers: BrowserTable,
  ) {
    this.#sql = sql;
    this.#user = user;
    this.#devices = devices;
    this.#invitations = invitations;
    this.#state = state;
    this.#outbox = outbox;
    this.#browsers = browsers;
  }

  /** Whether `enrol` would succeed. A refusal is audited. */
  check(by: Actor, enrolment: Enrolment, use: InvitationUse | undefined): Result<null, RegistryError> {
    const error = this.#error(by, enrolment, use);
    return error === undefined
      ? ok(null)
      : refuseAudited(this.#sql, by, "enrol", enrolmentTarget(enrolment), error);
  }

  /** Like `check`, for somebody who only looks at an invitation: nothing is written, not even a refusal. */
  offer(by: Actor, enrolment: Enrolment, use: InvitationUse): Result<{ approval: boolean }, RegistryError> {
    const error = this.#error(by, enrolment, use);
    if (error !== undefined) return err(error);
    return ok({ approval: this.#invitations.byDigest(use.digest)?.approval ?? false });
  }

  /**
   * Enrols a credential on the claim that the directory granted to this user; with an invitation, that
   * is used up, and says whether the device waits for approval. People are notified of it, unless the holder of the
   * `ADMIN_TOKEN` did it. Enrolling a credential that is here
   * already changes nothing, and uses nothing up.
   */
  enrol(
    by: Actor,
    enrolment: Enrolment,
    claim: Claim,
    use: InvitationUse | undefined,
  ): Result<Enrolled, RegistryError | StaleClaim> {
    const refusal = this.#state.refuseClaim(by, claim);
    if (refusal?.code === "stale-claim") return err(refusal);
    const error = refusal ?? this.#error(by, enrolment, use);
    if (error !== undefined) {
      return refuseAudited(this.#sql, by, "enrol", enrolmentTarget(enrolment), error);
    }
    const known = this.#devices.byKey(enrolment.key);
    if (known !== undefined) return ok({ device: known, created: false });

    const invitation = use === undefined ? undefined : this.#invitations.byDigest(use.digest);
    const status = invitation?.approval ? "pending" : enrolment.status;
    const id = crypto.randomUUID();
    const { key, details, note, opener } = enrolment;
    const name = opener === undefined ? enrolment.name : this.#freeName(enrolment.name);
    const limits = { ...enrolment.limits, ...invitation?.limits };
    this.#devices.insert({
      ...{ id, name, status, note, statusSince: by.at, statusReason: null, enrolledAt: by.at },
      credentials: [{ ...details, key, addedAt: by.at, retiredAt: null, retireBy: null, replaces: null }],
      ...limits,
      lastSeen: null,
      wipe: null,
      comparisonCode: status === "pending" ? newComparisonCode() : null,
    });
    if (opener !== undefined) this.#browsers.put(id, opener);
    if (invitation !== undefined) this.#invitations.use(invitation.id, id, by.at);
    writeAudit(this.#sql, by, {
      act: "enrol",
      outcome: "done",
      target: { id, name },
      detail: {
        ...{ ...shownCredential(key), status, note },
        ...shownLimits(limits),
        ...(invitation === undefined ? {} : { invitation: invitation.id }),
      },
    });
    if (!isAdmin(by.actor)) {
      const { at, country, actor } = by;
      const invitedBy = invitation?.createdBy ?? null;
      const enrolled = { user: this.#user, device: { id, name }, kind: limits.kind, status, country, at };
      this.#outbox.add(deviceEnrolled({ ...enrolled, by: actor, invitedBy }), Date.now());
    }
    return ok({ device: this.#devices.mustGet(id), created: true });
  }

  /** Nobody types a browser's name, so a second one of that name simply gets a number. */
  #freeName(name: string): string {
    let free = name;
    for (let number = 2; this.#devices.byName(free) !== undefined; number++) free = `${name} ${number}`;
    return free;
  }

  #error(
    by: Actor,
    { key, name, limits, opener }: Enrolment,
    use: InvitationUse | undefined,
  ): RegistryError | undefined {
    const known = this.#devices.byKey(key);
    if (use !== undefined) {
      const invitation = this.#invitations.byDigest(use.digest);
      if (!isValid(invitation, use, by.at, known)) return { code: "invalid-invitation" };
    }
    if (known !== undefined) {
      const credential = credentialOf(known, key);
      const isRetired = credential !== undefined && retiredSince(credential, by.at) !== null;
      return known.status === "revoked" || isRetired ? { code: "fingerprint-revoked" } : undefined;
    }
    const { kind, apps } = limits;
    // Only a certificate may open every app, whatever kind the limits claim.
    if (kind !== kindOf(key)) return { code: "wrong-kind", kind: kindOf(key) };
    if (kind !== "certificate" && (apps ?? []).length === 0) return { code: "scope-required" };
    if (opener !== undefined) return undefined;
    return this.#devices.byName(name) === undefined ? undefined : { code: "name-taken", name };
  }
}

/**
 * Whether it is unused, not expired, and for this app; one that brings a certificate is for no app, only for the page
 * that hands it out. It is valid again for the device that it enrolled: a reply may have been lost.
 */
function isValid(
  invitation: InvitationRecord | undefined,
  { app }: InvitationUse,
  now: number,
  known: DeviceRecord | undefined,
): boolean {
  if (invitation === undefined || now >= invitation.expiresAt) return false;
  if ((invitation.bundle === null) === (app === null)) return false;
  if (invitation.app !== null && invitation.app !== app) return false;
  return invitation.usedAt === null || (known !== undefined && invitation.usedBy === known.id);
}

function enrolmentTarget({ key, name }: Enrolment): { id: string; name: string } {
  return { id: fingerprintOf(key), name };
}
