// The Worker's side of the directory and the users' registries, for people who manage them: what concerns more
// than one object, and in which order it is written. What concerns only one is asked of that object (objects.ts).
import { type CredentialKey, keyOf } from "../../domain/credential-key.ts";
import type { StatusAct } from "../../domain/device.ts";
import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { ListPage } from "../../domain/general/list-page.ts";
import { err, ok, type Result } from "../../domain/general/result.ts";
import { NO_LIMITS } from "../../domain/limits.ts";
import {
  type DeviceRecord,
  detailsOf,
  type Enrolment,
  type InvitationUse,
  type NextCredential,
  type RegistryError,
  type UserRecord,
} from "../../domain/records.ts";
import type { UserId } from "../../domain/user.ts";
import type { ClaimError } from "../directory/users.ts";
import type { Actor } from "../storage/audit-log.ts";
import type { Claim, StaleClaim } from "../storage/generation.ts";
import type { Added } from "../user/rules/credentials.ts";
import type { Enrolled } from "../user/rules/enrolments.ts";
import { RegistryUnavailable } from "./call.ts";
import { directoryOf, type RegistryBindings, type UserRegistryCaller, userRegistryOf } from "./objects.ts";

const USERS_A_PAGE = 100;

/**
 * Claims and writes, and does so once more when the claim was stale by the time it was to be used. Throws
 * `RegistryUnavailable` when it was stale again: the client may try again.
 */
export async function onceMore<T>(
  write: () => Promise<Result<T, RegistryError | StaleClaim>>,
): Promise<Result<T, RegistryError>> {
  for (let tries = 1; tries <= 2; tries++) {
    const written = await write();
    if (written.ok) return written;
    if (written.error.code !== "stale-claim") return err(written.error);
  }
  throw new RegistryUnavailable("the user was changed by others again and again");
}

/** Every method throws `RegistryUnavailable` when an object does not answer. */
export class RegistryClient {
  readonly #bindings: RegistryBindings;

  constructor(bindings: RegistryBindings) {
    this.#bindings = bindings;
  }

  /** The directory first: a user whose registry is not open yet can be put again. */
  async putUser(
    by: Actor,
    user: UserId,
    name: string | undefined,
  ): Promise<{ user: UserRecord; created: boolean }> {
    const { generation, ...put } = await this.#directory.ask((directory) =>
      directory.putUser(by, user, name),
    );
    await userRegistryOf(this.#bindings, user).ask((user) => user.open(by, generation));
    return put;
  }

  /**
   * The registry is closed first: no enrolment can slip in between and be left without a user. When the user is put
   * again, or restored, while this is under way, the deletion is refused and the user stays.
   */
  async deleteUser(by: Actor, user: UserId): Promise<Result<null, RegistryError>> {
    const removal = await this.#directory.ask((directory) => directory.asOf(user));
    if (removal === null) return err({ code: "unknown-user" });
    const closed = await userRegistryOf(this.#bindings, user).ask((user) => user.close(by, removal));
    if (!closed.ok) return closed;
    return this.#directory.askOnce((directory) => directory.removeUser(by, user, removal));
  }

  /**
   * Enrols a certificate as a user's device. First asks whether it would succeed, then claims the
   * credential in the directory, then writes the device: interrupted anywhere, it can be repeated,
   * and what is left of it lets nobody in. `use`: by an invitation, which is used up by it.
   */
  async enrol(
    by: Actor,
    user: UserId,
    enrolment: Enrolment,
    use?: InvitationUse,
  ): Promise<Result<Enrolled, RegistryError>> {
    const registry = await this.ofUser(user);
    if (!registry.ok) return registry;
    const { ask } = registry.value;
    const check = await ask((user) => user.checkEnrolment(by, enrolment, use));
    return this.#granted(check, by, enrolment.key, user, ({ claimedAt, generation }) =>
      ask((user) => user.enrol(by, enrolment, claimedAt, generation, use)),
    );
  }

  /** Adds a certificate to a device, in the order in which `enrol` writes, and for the same reasons. */
  async addCredential(
    by: Actor,
    user: UserId,
    id: string,
    next: NextCredential,
  ): Promise<Result<Added, RegistryError>> {
    const registry = await this.ofUser(user);
    if (!registry.ok) return registry;
    const { ask } = registry.value;
    const check = await ask((user) => user.checkCredential(by, id, next));
    return this.#granted(check, by, next.key, user, ({ claimedAt, generation }) =>
      ask((user) => user.addCredential(by, id, next, claimedAt, generation)),
    );
  }

  /**
   * Forgets a revoked device, and then releases its claims: until the record is gone, nobody else can
   * enrol the certificate. A claim that could not be released counts as abandoned after a while.
   */
  async forget(by: Actor, user: UserId, id: string): Promise<Result<DeviceRecord, RegistryError>> {
    const asOf = await this.#directory.ask((directory) => directory.asOf(user));
    if (asOf === null) return err({ code: "unknown-user" });
    const forgotten = await userRegistryOf(this.#bindings, user).askOnce((user) => user.forget(by, id, asOf));
    if (!forgotten.ok) return forgotten;
    const keys = forgotten.value.credentials.map(({ key }) => key);
    await this.#directory.ask((directory) => directory.release(keys, user, asOf)).catch(() => undefined);
    return forgotten;
  }

  /**
   * Changes a device's status. With a lost browser, the sessions end that its user opened on our own pages, except the
   * one that asks (`keep`, its id): the browser may have one of them.
   */
  async changeStatus(
    by: Actor,
    user: UserId,
    id: string,
    act: StatusAct,
    keep: string | null,
  ): Promise<Result<DeviceRecord, RegistryError>> {
    const registry = await this.ofUser(user);
    if (!registry.ok) return registry;
    const changed = await registry.value.ask((user) => user.changeStatus(by, id, act));
    if (changed.ok && act === "lost" && changed.value.kind === "browser") {
      await this.#directory.ask((directory) => directory.endPersonSessions(by, user, keep));
    }
    return changed;
  }

  /** Enrols an unknown certificate, with what was seen of it. */
  async approve(
    by: Actor,
    fingerprint: Fingerprint,
    user: UserId,
    device: Pick<Enrolment, "name" | "note"> & Partial<Pick<Enrolment, "limits">>,
  ): Promise<Result<Enrolled, RegistryError>> {
    const known = await this.#directory.ask((directory) => directory.unknownCertificate(fingerprint));
    if (known === null) return err({ code: "certificate-not-listed" });
    const key = keyOf("certificate", fingerprint);
    return this.enrol(by, user, {
      limits: NO_LIMITS,
      ...device,
      key,
      details: detailsOf(known),
      status: "active",
    });
  }

  /**
   * Once a day: every user's registry notes which certificates expire soon. Returns the objects that did not
   * answer; the others have done it.
   */
  async noteExpiring(now: number): Promise<{ object: string; error: unknown }[]> {
    const failed: { object: string; error: unknown }[] = [];
    const failure = (object: string) => (error: unknown) => {
      failed.push({ object, error });
    };
    for (let after: string | null = ""; after !== null; ) {
      const cursor = after;
      const page: ListPage<UserRecord> = await this.#directory.ask((directory) =>
        directory.users(USERS_A_PAGE, cursor),
      );
      for (const { id } of page.items) {
        await userRegistryOf(this.#bindings, id)
          .ask((user) => user.noteExpiring(now))
          .catch(failure(id));
      }
      after = page.next;
    }
    await this.#directory.ask((directory) => directory.resumeOutbox()).catch(failure("directory"));
    return failed;
  }

  get #directory() {
    return directoryOf(this.#bindings);
  }

  /** The registry of a user whom the directory knows: asking another's would make an empty object. */
  async ofUser(user: UserId): Promise<Result<UserRegistryCaller, { code: "unknown-user" }>> {
    const known = await this.#directory.ask((directory) => directory.user(user));
    return known === null ? err({ code: "unknown-user" }) : ok(userRegistryOf(this.#bindings, user));
  }

  /** Claims what the user's registry agreed to, then has it written. */
  async #granted<T>(
    check: Result<null, RegistryError>,
    by: Actor,
    key: CredentialKey,
    user: UserId,
    write: (claim: Claim) => Promise<Result<T, RegistryError | StaleClaim>>,
  ): Promise<Result<T, RegistryError>> {
    if (!check.ok) return check;
    return onceMore(async () => {
      const claim = await this.claim(by, key, user);
      return claim.ok ? write(claim.value) : err({ code: claim.error.code });
    });
  }

  /** Has the directory grant a credential, also when the claim that somebody else has is abandoned. */
  async claim(by: Actor, key: CredentialKey, user: UserId): Promise<Result<Claim, ClaimError>> {
    const claim = await this.#directory.ask((directory) => directory.claim(by, key, user));
    if (claim.ok || claim.error.code !== "fingerprint-taken") return claim;
    const { owner } = claim.error;
    const isHeld = await userRegistryOf(this.#bindings, owner).ask((user) => user.holds(key));
    return this.#directory.ask((directory) => directory.claim(by, key, user, { owner, isHeld }));
  }
}
