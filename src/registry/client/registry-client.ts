// The Worker's side of the directory and the users' registries, for people who manage them: which object is asked, in
// which order things are written, and what is repeated when a call fails.
import type { StatusAct } from "../../domain/device.ts";
import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { ListPage } from "../../domain/list-page.ts";
import {
  type DeviceRecord,
  detailsOf,
  type Enrolment,
  type InvitationUse,
  type NextCredential,
  type RegistryError,
  type UnknownCredentialRecord,
  type UserRecord,
} from "../../domain/records.ts";
import { err, ok, type Result } from "../../domain/result.ts";
import type { UserId } from "../../domain/user.ts";
import type { ClaimError } from "../directory/users.ts";
import type { Actor, AuditRecord } from "../storage/audit-log.ts";
import type { Claim, StaleClaim } from "../storage/generation.ts";
import type { Added } from "../user/credentials.ts";
import type { Enrolled } from "../user/enrolments.ts";
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

  users(limit: number, after: string): Promise<ListPage<UserRecord>> {
    return this.#directory.ask((directory) => directory.users(limit, after));
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

  devices(
    user: UserId,
    limit: number,
    after: number,
  ): Promise<Result<ListPage<DeviceRecord>, RegistryError>> {
    return this.ofUser(user, async (registry) => ok(await registry.ask((user) => user.list(limit, after))));
  }

  device(user: UserId, id: string): Promise<Result<DeviceRecord, RegistryError>> {
    return this.ofUser(user, async (registry) => {
      const device = await registry.ask((user) => user.get(id));
      return device === null ? err({ code: "unknown-device" }) : ok(device);
    });
  }

  /**
   * Enrols a certificate as a user's device. First asks whether it would succeed, then claims the
   * fingerprint in the directory, then writes the device: interrupted anywhere, it can be repeated,
   * and what is left of it lets nobody in. `use`: by an invitation, which is used up by it.
   */
  enrol(
    by: Actor,
    user: UserId,
    enrolment: Enrolment,
    use?: InvitationUse,
  ): Promise<Result<Enrolled, RegistryError>> {
    return this.ofUser(user, async (registry) => {
      const check = await registry.ask((user) => user.checkEnrolment(by, enrolment, use));
      return this.#granted(check, by, enrolment.key, user, ({ claimedAt, generation }) =>
        registry.ask((user) => user.enrol(by, enrolment, claimedAt, generation, use)),
      );
    });
  }

  /** Adds a certificate to a device, in the order in which `enrol` writes, and for the same reasons. */
  addCredential(
    by: Actor,
    user: UserId,
    id: string,
    next: NextCredential,
  ): Promise<Result<Added, RegistryError>> {
    return this.ofUser(user, async (registry) => {
      const check = await registry.ask((user) => user.checkCredential(by, id, next));
      return this.#granted(check, by, next.key, user, ({ claimedAt, generation }) =>
        registry.ask((user) => user.addCredential(by, id, next, claimedAt, generation)),
      );
    });
  }

  /** The claim stays: a retired certificate is this device's until it is forgotten. */
  retireCredential(
    by: Actor,
    user: UserId,
    id: string,
    key: CredentialKey,
  ): Promise<Result<DeviceRecord, RegistryError>> {
    return this.ofUser(user, (registry) =>
      registry.ask((user) => user.retireCredential(by, id, key)),
    );
  }

  edit(
    by: Actor,
    user: UserId,
    id: string,
    change: { name: string | undefined; note: string | null | undefined },
  ): Promise<Result<DeviceRecord, RegistryError>> {
    return this.ofUser(user, (registry) => registry.ask((user) => user.edit(by, id, change)));
  }

  changeStatus(
    by: Actor,
    user: UserId,
    id: string,
    act: StatusAct,
  ): Promise<Result<DeviceRecord, RegistryError>> {
    return this.ofUser(user, (registry) => registry.ask((user) => user.changeStatus(by, id, act)));
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
    const fingerprints = forgotten.value.certificates.map(({ fingerprint }) => fingerprint);
    await this.#directory
      .ask((directory) => directory.release(fingerprints, user, asOf))
      .catch(() => undefined);
    return forgotten;
  }

  userAudit(
    user: UserId,
    limit: number,
    before: number | null,
    search?: string,
  ): Promise<Result<ListPage<AuditRecord>, RegistryError>> {
    return this.ofUser(user, async (registry) =>
      ok(await registry.ask((user) => user.audit(limit, before, search))),
    );
  }

  directoryAudit(limit: number, before: number | null, search?: string): Promise<ListPage<AuditRecord>> {
    return this.#directory.ask((directory) => directory.audit(limit, before, search));
  }

  user(user: UserId): Promise<UserRecord | null> {
    return this.#directory.ask((directory) => directory.user(user));
  }

  unknownCertificates(): Promise<UnknownCredentialRecord[]> {
    return this.#directory.ask((directory) => directory.unknownCertificates());
  }

  /** Enrols an unknown certificate, with what was seen of it. */
  async approve(
    by: Actor,
    fingerprint: Fingerprint,
    user: UserId,
    device: { name: string; note: string | null },
  ): Promise<Result<Enrolled, RegistryError>> {
    const known = await this.#directory.ask((directory) => directory.unknownCertificate(fingerprint));
    if (known === null) return err({ code: "certificate-not-listed" });
    return this.enrol(by, user, {
      ...device,
      fingerprint,
      details: detailsOf(known),
      status: "active",
    });
  }

  dismiss(by: Actor, fingerprint: Fingerprint): Promise<Result<null, RegistryError>> {
    return this.#directory.askOnce((directory) => directory.dismiss(by, fingerprint));
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
      const page: ListPage<UserRecord> = await this.users(USERS_A_PAGE, after);
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

  /** Only users whom the directory knows have a registry: others would make an empty object. */
  async ofUser<T>(
    user: UserId,
    work: (user: UserRegistryCaller) => Promise<Result<T, RegistryError>>,
  ): Promise<Result<T, RegistryError>> {
    const known = await this.#directory.ask((directory) => directory.user(user));
    if (known === null) return err({ code: "unknown-user" });
    return work(userRegistryOf(this.#bindings, user));
  }

  /** Claims what the user's registry agreed to, then has it written. */
  async #granted<T>(
    check: Result<null, RegistryError>,
    by: Actor,
    fingerprint: Fingerprint,
    user: UserId,
    write: (claim: Claim) => Promise<Result<T, RegistryError | StaleClaim>>,
  ): Promise<Result<T, RegistryError>> {
    if (!check.ok) return check;
    return onceMore(async () => {
      const claim = await this.claim(by, fingerprint, user);
      return claim.ok ? write(claim.value) : err({ code: claim.error.code });
    });
  }

  /** Has the directory grant a fingerprint, also when the claim that somebody else has is abandoned. */
  async claim(by: Actor, fingerprint: Fingerprint, user: UserId): Promise<Result<Claim, ClaimError>> {
    const claim = await this.#directory.ask((directory) => directory.claim(by, fingerprint, user));
    if (claim.ok || claim.error.code !== "fingerprint-taken") return claim;
    const { owner } = claim.error;
    const isHeld = await userRegistryOf(this.#bindings, owner).ask((user) => user.holds(fingerprint));
    return this.#directory.ask((directory) => directory.claim(by, fingerprint, user, { owner, isHeld }));
  }
}
