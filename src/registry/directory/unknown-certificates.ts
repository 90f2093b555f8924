// What becomes of keys that nobody claims, or no longer: the rules of unknown certificates.
import { type CredentialKey, fingerprintOf, keyOf, kindOf } from "../../domain/credential-key.ts";
import type { Fingerprint } from "../../domain/fingerprint.ts";
import { err, ok, type Result } from "../../domain/general/result.ts";
import type { RegistryError, Sighting } from "../../domain/records.ts";
import type { UserId } from "../../domain/user.ts";
import { certificateWaiting } from "../../notify/sightings.ts";
import { type Actor, writeAudit } from "../storage/audit-log.ts";
import type { Outbox } from "../storage/outbox.ts";
import type { UnknownCertificateTable } from "./unknown-certificate-table.ts";
import { isAbandoned, type Users } from "./users.ts";

export class UnknownCertificates {
  readonly #sql: SqlStorage;
  readonly #users: Users;
  readonly #table: UnknownCertificateTable;
  readonly #outbox: Outbox;
  readonly #transaction: <T>(work: () => T) => T;

  constructor(
    sql: SqlStorage,
    users: Users,
    table: UnknownCertificateTable,
    outbox: Outbox,
    transaction: <T>(work: () => T) => T,
  ) {
    this.#sql = sql;
    this.#users = users;
    this.#table = table;
    this.#outbox = outbox;
    this.#transaction = transaction;
  }

  /**
   * The gate's question: whom to ask about this credential. When nobody claims it, a verified
   * certificate is noted as unknown, and a notification is sent if it is new. `notHeldBy`:
   * since the sighting, the caller has asked this user's registry, which does not have it; a claim of that
   * user's that was old enough by then counts as abandoned and is dropped.
   */
  resolve(key: CredentialKey, sighting: Sighting, notHeldBy?: UserId): UserId | null {
    const claim = this.#users.claimOf(key);
    if (claim !== undefined && !(claim.user === notHeldBy && isAbandoned(claim, sighting.at)))
      return claim.user;
    // Most questions are answered above, without a transaction.
    this.#transaction(() => {
      if (claim !== undefined) this.#drop(key);
      // A token that nobody has is an old one: there is nothing to enrol.
      if (kindOf(key) !== "certificate") return;
      const fingerprint = fingerprintOf(key);
      if (!this.#table.note(fingerprint, sighting)) return;
      const { at: firstSeen, app, country, details } = sighting;
      const { subject } = details;
      this.#outbox.add(certificateWaiting({ fingerprint, subject, app, country, firstSeen }), Date.now());
    });
    return null;
  }

  /**
   * Gives up a user's claims, after the device with these credentials was forgotten; not those made
   * after `claimedUntil`, which belong to an enrolment that came since.
   */
  release(keys: CredentialKey[], user: UserId, claimedUntil: number): void {
    for (const key of keys) {
      const claim = this.#users.claimOf(key);
      if (claim?.user === user && claim.claimedAt <= claimedUntil) this.#drop(key);
    }
  }

  /** Takes a certificate off the list of unknown ones; it comes back when it is seen again. */
  dismiss(by: Actor, fingerprint: Fingerprint): Result<null, RegistryError> {
    const known = this.#table.get(fingerprint);
    if (known === undefined || this.#users.claimOf(keyOf("certificate", fingerprint)) !== undefined) {
      return err({ code: "certificate-not-listed" });
    }
    this.#table.remove(fingerprint);
    const target = { id: fingerprint, name: known.subject };
    writeAudit(this.#sql, by, { act: "dismiss", outcome: "done", target });
    return ok(null);
  }

  /** Gives a claim up. The certificate is unknown from now on, whatever was noted before it was claimed. */
  #drop(key: CredentialKey): void {
    this.#users.drop(key);
    if (kindOf(key) === "certificate") this.#table.remove(fingerprintOf(key));
  }
}
