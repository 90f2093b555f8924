import { err, ok, type Result } from "../result.ts";
import type { Actor } from "./audit-log.ts";
import type { SecretDigest } from "./credential.ts";
import type { Enrolled } from "./enrolments.ts";
import type { Fingerprint } from "./fingerprint.ts";
import { directoryOf, type RegistryBindings, registryOf } from "./objects.ts";
import type { DeviceRecord, Enrolment, InvitationRecord, RegistryError } from "./records.ts";
import { onceMore, type Registry } from "./registry.ts";
import type { TooManyAttempts } from "./throttle.ts";
import type { UserId } from "./user.ts";

export type RedeemError = RegistryError | TooManyAttempts;

/**
 * The Worker's side of invitations: the directory knows whose a code is, the user's registry whether it is
 * still good. Every method throws `RegistryUnavailable` when an object does not answer.
 */
export class Invitations {
  readonly #bindings: RegistryBindings;
  readonly #registry: Registry;

  constructor(bindings: RegistryBindings, registry: Registry) {
    this.#bindings = bindings;
    this.#registry = registry;
  }

  /** A user's invitations, newest first. */
  async list(user: UserId): Promise<Result<InvitationRecord[], RegistryError>> {
    return this.#registry.ofUser(user, async (stub) =>
      ok(await stub.ask((objects) => objects.invitations())),
    );
  }

  /** The index first: an invitation that is found by nobody would be of no use. */
  async create(
    by: Actor,
    user: UserId,
    invitation: Pick<InvitationRecord, "id" | "app" | "approval" | "expiresAt">,
    digest: SecretDigest,
  ): Promise<Result<InvitationRecord, RegistryError>> {
    const { expiresAt } = invitation;
    return onceMore(async () => {
      const indexed = await this.#directory.ask((directory) =>
        directory.indexInvitation(by, digest, user, expiresAt),
      );
      if (!indexed.ok) return err(indexed.error);
      const { generation } = indexed.value;
      return registryOf(this.#bindings, user).ask((registry) =>
        registry.invite(by, invitation, digest, generation),
      );
    });
  }

  withdraw(by: Actor, user: UserId, id: string): Promise<Result<null, RegistryError>> {
    return this.#registry.ofUser(user, (stub) => stub.askOnce((registry) => registry.withdraw(by, id)));
  }

  /** The device with this certificate, for its own eyes. Asking leaves no trace. */
  async deviceOf(fingerprint: Fingerprint): Promise<DeviceRecord | null> {
    const user = await this.#directory.ask((directory) => directory.owner(fingerprint));
    if (user === null) return null;
    return registryOf(this.#bindings, user).ask((registry) => registry.deviceOf(fingerprint));
  }

  /**
   * Enrols a verified certificate by a code: the user whose code it is gets the device. The code is used
   * up in the transaction that writes the device, so of two that race one wins.
   */
  async redeem(
    by: Actor,
    digest: SecretDigest,
    app: string,
    enrolment: Enrolment,
  ): Promise<Result<Enrolled, RedeemError>> {
    const { fingerprint } = enrolment;
    const found = await this.#directory.askOnce((directory) =>
      directory.findInvitation(by, digest, fingerprint),
    );
    if (!found.ok) return found;
    const enrolled = await this.#registry.enrol(by, found.value.user, enrolment, { digest, app });
    if (enrolled.ok || enrolled.error.code !== "invalid-invitation") return enrolled;
    await this.#directory.askOnce((directory) => directory.noteWrongCode(by, fingerprint));
    return err({ code: "invalid-invitation" });
  }

  get #directory() {
    return directoryOf(this.#bindings);
  }
}
