// The Worker's side of people who sign in with the identity provider.
import type { EmailAddress, Identified, Person } from "../../domain/person.ts";
import type { UserId } from "../../domain/user.ts";
import type { Actor } from "../storage/audit-log.ts";
import { RegistryUnavailable } from "./call.ts";
import { type DirectoryCaller, directoryOf, type RegistryBindings } from "./objects.ts";
import type { RegistryClient } from "./registry-client.ts";

/** Every method throws `RegistryUnavailable` when an object does not answer. */
export class People {
  readonly #directory: DirectoryCaller;
  readonly #registry: RegistryClient;
  readonly #owners: ReadonlyMap<EmailAddress, UserId>;

  /** `owners`: whom the configuration makes owners, by the address with which they first sign in. */
  constructor(
    bindings: RegistryBindings,
    registry: RegistryClient,
    owners: ReadonlyMap<EmailAddress, UserId>,
  ) {
    this.#directory = directoryOf(bindings);
    this.#registry = registry;
    this.#owners = owners;
  }

  /**
   * Who a person is here; somebody new is bound to the user whom their verified address names, or waits. A user whom
   * only the configuration names is added first. Can be repeated.
   */
  async identify(by: Actor, person: Person): Promise<Identified> {
    const { email, isEmailVerified } = person;
    const appointed = isEmailVerified && email !== null ? (this.#owners.get(email) ?? null) : null;
    const ask = () => this.#directory.ask((directory) => directory.identify(by, person, appointed));
    const found = await ask();
    if (found.kind !== "unknown-owner") return found;
    if (appointed !== null) await this.#registry.putUser(by, appointed, undefined);
    const again = await ask();
    if (again.kind !== "unknown-owner") return again;
    throw new RegistryUnavailable("the user was deleted again and again");
  }
}
