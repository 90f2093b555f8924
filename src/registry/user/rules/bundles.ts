// How a certificate that comes with an invitation is stored, and handed out to one browser, which enrols it.
import type { SecretDigest } from "../../../domain/credential.ts";
import { type CredentialKey, fingerprintOf } from "../../../domain/credential-key.ts";
import { err, ok, type Result } from "../../../domain/general/result.ts";
import { NO_LIMITS } from "../../../domain/limits.ts";
import type {
  BundleRecord,
  BundleUse,
  DeviceRecord,
  Enrolment,
  InvitationRecord,
  NewBundle,
  NextCredential,
  RegistryError,
  Welcome,
} from "../../../domain/records.ts";
import { credentialOf, retiredSince } from "../../../domain/retirement.ts";
import { type Actor, refuseAudited, writeAudit } from "../../storage/audit-log.ts";
import type { Claim, StaleClaim } from "../../storage/generation.ts";
import type { BundleTable, StoredBundle } from "../tables/bundle-table.ts";
import type { DeviceTable } from "../tables/device-table.ts";
import type { Credentials } from "./credentials.ts";
import type { Enrolments } from "./enrolments.ts";
import type { Invitations, NewInvitation } from "./invitations.ts";

/** The most bundles of one user that have yet to be fetched or seen. */
export const OPEN_BUNDLES_MAX = 10;

/** A valid invitation with its bundle. */
interface Found {
  invitation: InvitationRecord;
  brings: BundleRecord;
  bundle: StoredBundle;
}

/** A bundle to hand out: what to claim first, or what its browser gets again. */
export interface Checked {
  key: CredentialKey;
  again: Welcome | null;
}

/** Rules of one user's bundles. Each method is to be called in a transaction. */
export class Bundles {
  readonly #sql: SqlStorage;
  readonly #table: BundleTable;
  readonly #devices: DeviceTable;
  readonly #invitations: Invitations;
  readonly #enrolments: Enrolments;
  readonly #credentials: Credentials;

  constructor(
    sql: SqlStorage,
    table: BundleTable,
    devices: DeviceTable,
    invitations: Invitations,
    enrolments: Enrolments,
    credentials: Credentials,
  ) {
    this.#sql = sql;
    this.#table = table;
    this.#devices = devices;
    this.#invitations = invitations;
    this.#enrolments = enrolments;
    this.#credentials = credentials;
  }

  /** Writes an invitation with its bundle, if the certificate could be enrolled now. Repeating it changes nothing. */
  invite(
    by: Actor,
    invitation: NewInvitation,
    bundle: NewBundle,
    digest: SecretDigest,
    generation: number,
  ): Result<InvitationRecord, RegistryError | StaleClaim> {
    this.#table.removeEnded(by.at);
    const { id, expiresAt } = invitation;
    if (this.#table.of(id) === undefined) {
      const refusal = this.#refusal(by, bundle);
      if (refusal !== undefined) return refuseAudited(this.#sql, by, "invite", { id, name: null }, refusal);
    }
    const { name, renews, key } = bundle;
    const brings = { name, fingerprint: fingerprintOf(key), renews };
    const made = this.#invitations.invite(by, invitation, digest, generation, brings);
    if (made.ok) this.#table.insert(id, bundle, expiresAt);
    return made;
  }

  /**
   * Whether this browser may have the bundle, asked before the directory grants the certificate's key. The browser that
   * fetched it gets it again, until the certificate is seen: a reply may have been lost.
   */
  check(by: Actor, use: BundleUse): Result<Checked, RegistryError> {
    const found = this.#found(by.at, use);
    if (found === undefined) return err({ code: "invalid-invitation" });
    const { bundle, brings } = found;
    const { key } = bundle;
    if (bundle.browser !== null) {
      const device = this.#devices.byKey(key);
      if (device === undefined || !isUsable(device, key, by.at)) return err({ code: "invalid-invitation" });
      if (!use.isLook && bundle.ciphertext !== null) this.#audit(by, found, device, use);
      return ok({ key, again: welcome(found, device, use) });
    }
    if (use.isLook) return err({ code: "invalid-invitation" });
    const checked =
      brings.renews === null
        ? this.#enrolments.check(by, enrolmentOf(found), { digest: use.digest, app: null })
        : this.#credentials.check(by, brings.renews, nextOf(bundle));
    return checked.ok ? ok({ key, again: null }) : checked;
  }

  /**
   * Hands the bundle out to the first browser, and enrols its certificate, on the claim that the directory granted: all
   * in one transaction, so that only one of two browsers gets it.
   */
  handOut(by: Actor, use: BundleUse, claim: Claim): Result<Welcome, RegistryError | StaleClaim> {
    const checked = this.check(by, use);
    if (!checked.ok) return checked;
    if (checked.value.again !== null) return ok(checked.value.again);
    const found = this.#found(by.at, use);
    if (found === undefined) return err({ code: "invalid-invitation" });
    const { invitation, brings, bundle } = found;
    const enrolled =
      brings.renews === null
        ? this.#enrolments.enrol(by, enrolmentOf(found), claim, { digest: use.digest, app: null })
        : this.#credentials.add(by, brings.renews, nextOf(bundle), claim);
    if (!enrolled.ok) return enrolled;
    const { device } = enrolled.value;
    this.#invitations.use(invitation.id, device.id, by.at);
    this.#table.bindTo(invitation.id, use.browser);
    this.#audit(by, found, device, use);
    return ok(welcome(found, device, use));
  }

  /** The invitation and its bundle, if the link is whole and still valid, and no other browser has fetched it. */
  #found(now: number, { digest, proof, browser }: BundleUse): Found | undefined {
    const invitation = this.#invitations.byDigest(digest);
    const brings = invitation?.bundle ?? null;
    if (invitation === undefined || brings === null || now >= invitation.expiresAt) return undefined;
    const bundle = this.#table.of(invitation.id);
    if (bundle === undefined || bundle.proof !== proof) return undefined;
    const isOpen = bundle.browser === null && invitation.usedAt === null && bundle.ciphertext !== null;
    return isOpen || bundle.browser === browser ? { invitation, brings, bundle } : undefined;
  }

  #refusal(by: Actor, { name, renews, key, retireBy, details }: NewBundle): RegistryError | undefined {
    if (this.#table.countOpen() >= OPEN_BUNDLES_MAX) return { code: "too-many-bundles" };
    if (this.#table.keys().includes(key)) return { code: "fingerprint-taken" };
    if (renews !== null) {
      const checked = this.#credentials.check(by, renews, { key, details, retireBy });
      return checked.ok ? undefined : checked.error;
    }
    if (this.#devices.byKey(key) !== undefined) return { code: "fingerprint-taken" };
    return this.#devices.byName(name) === undefined ? undefined : { code: "name-taken", name };
  }

  /** Who fetched it, and from where. */
  #audit(by: Actor, { invitation }: Found, { id, name }: DeviceRecord, { client }: BundleUse): void {
    writeAudit(this.#sql, by, {
      act: "fetch-certificate",
      outcome: "done",
      target: { id, name },
      detail: { invitation: invitation.id, client },
    });
  }
}

/** Whether the device may still get its certificate: one that was shut out gets nothing. */
function isUsable(device: DeviceRecord, key: CredentialKey, now: number): boolean {
  const credential = credentialOf(device, key);
  const isRetired = credential !== undefined && retiredSince(credential, now) !== null;
  return (device.status === "active" || device.status === "pending") && !isRetired;
}

function welcome(
  { invitation, brings, bundle }: Found,
  device: DeviceRecord,
  { isLook }: BundleUse,
): Welcome {
  return {
    invitation: invitation.id,
    device,
    isRenewal: brings.renews !== null,
    isSeen: bundle.ciphertext === null,
    ciphertext: isLook ? null : bundle.ciphertext,
  };
}

function enrolmentOf({ brings, bundle }: Found): Enrolment {
  const { key, details } = bundle;
  return { name: brings.name, note: null, key, details, limits: NO_LIMITS, status: "active" };
}

function nextOf({ key, details, retireBy }: StoredBundle): NextCredential {
  return { key, details, retireBy };
}
