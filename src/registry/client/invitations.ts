// The Worker's side of invitations: the directory knows whose a code is, the user's registry whether it is still good.
import type { SecretDigest } from "../../domain/credential.ts";
import type { CredentialKey } from "../../domain/credential-key.ts";
import { err, ok, type Result } from "../../domain/general/result.ts";
import type {
  BundleUse,
  DeviceRecord,
  Enrolment,
  InvitationRecord,
  NewBundle,
  RegistryError,
  Welcome,
} from "../../domain/records.ts";
import type { UserId } from "../../domain/user.ts";
import type { Actor } from "../storage/audit-log.ts";
import type { Enrolled } from "../user/rules/enrolments.ts";
import type { NewInvitation } from "../user/rules/invitations.ts";
import { directoryOf, type RegistryBindings, userRegistryOf } from "./objects.ts";
import { onceMore, type RegistryClient } from "./registry-client.ts";

export type RedeemError =
  | RegistryError
  /** The code belongs to a user other than the one the person agreed to. */
  | { code: "not-agreed" };

/** What a code would do, for the person who holds it to agree to. */
export interface Offer {
  /** Whose device it makes, and that user's name if there is one. */
  user: UserId;
  name: string | null;
  /** Whether the device then waits for approval. */
  approval: boolean;
}

/** Every method throws `RegistryUnavailable` when an object does not answer. */
export class Invitations {
  readonly #bindings: RegistryBindings;
  readonly #registry: RegistryClient;

  constructor(bindings: RegistryBindings, registry: RegistryClient) {
    this.#bindings = bindings;
    this.#registry = registry;
  }

  /**
   * The index first: an invitation whose code nobody can look up would be useless. `bundle`: the certificate that
   * comes with it.
   */
  async create(
    by: Actor,
    user: UserId,
    invitation: NewInvitation,
    digest: SecretDigest,
    bundle?: NewBundle,
  ): Promise<Result<InvitationRecord, RegistryError>> {
    const { expiresAt } = invitation;
    return onceMore(async () => {
      const indexed = await this.#directory.ask((directory) =>
        directory.indexInvitation(by, digest, user, expiresAt),
      );
      if (!indexed.ok) return err(indexed.error);
      const { generation } = indexed.value;
      return userRegistryOf(this.#bindings, user).ask((user) =>
        bundle === undefined
          ? user.invite(by, invitation, digest, generation)
          : user.inviteWithBundle(by, invitation, bundle, digest, generation),
      );
    });
  }

  /** This user's device with this certificate, to be shown to the device itself. Asking leaves no trace. */
  deviceOf(user: UserId, key: CredentialKey, now: number): Promise<DeviceRecord | null> {
    return userRegistryOf(this.#bindings, user).ask((user) => user.deviceOf(key, now));
  }

  /**
   * What `redeem` would do with a code. Nothing is used up or written.
   */
  async offer(
    by: Actor,
    digest: SecretDigest,
    app: string,
    enrolment: Enrolment,
  ): Promise<Result<Offer, RegistryError>> {
    const owner = await this.#ownerOf(digest);
    if (owner === null) return err({ code: "invalid-invitation" });
    const offered = await userRegistryOf(this.#bindings, owner.user).ask((user) =>
      user.offer(by, enrolment, { digest, app }),
    );
    return offered.ok ? ok({ ...owner, ...offered.value }) : offered;
  }

  /**
   * Enrols a verified certificate by a code, as a device of the user whose code it is. `agreed` is the user
   * that the person has agreed to: somebody else's code enrols nothing. The code is used up in the
   * transaction that writes the device, so of two that race one wins.
   */
  async redeem(
    by: Actor,
    digest: SecretDigest,
    app: string,
    enrolment: Enrolment,
    agreed: string,
  ): Promise<Result<Enrolled, RedeemError>> {
    const owner = await this.#ownerOf(digest);
    if (owner === null) return err({ code: "invalid-invitation" });
    if (owner.user !== agreed) return err({ code: "not-agreed" });
    return this.#registry.enrol(by, owner.user, enrolment, { digest, app });
  }

  /**
   * Hands out the certificate that comes with an invitation, and enrols it: asks the user's registry whether this
   * browser may have it, claims the certificate's key, and has both done in one transaction.
   */
  async fetchBundle(by: Actor, use: BundleUse): Promise<Result<Welcome, RegistryError>> {
    const owner = await this.#ownerOf(use.digest);
    if (owner === null) return err({ code: "invalid-invitation" });
    const { ask } = userRegistryOf(this.#bindings, owner.user);
    const checked = await ask((user) => user.checkBundle(by, use));
    if (!checked.ok) return checked;
    const { key, again } = checked.value;
    if (again !== null) return ok(again);
    return onceMore(async () => {
      const claim = await this.#registry.claim(by, key, owner.user);
      if (!claim.ok) return err({ code: claim.error.code });
      const { claimedAt, generation } = claim.value;
      return ask((user) => user.fetchBundle(by, use, claimedAt, generation));
    });
  }

  #ownerOf(digest: SecretDigest): Promise<{ user: UserId; name: string | null } | null> {
    return this.#directory.ask((directory) => directory.invitationOwner(digest));
  }

  get #directory() {
    return directoryOf(this.#bindings);
  }
}
