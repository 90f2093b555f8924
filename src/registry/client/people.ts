// The Worker's side of people who sign in with the identity provider.

import { err, type Result } from "../../domain/general/result.ts";
import type { EmailAddress, Identified, Person } from "../../domain/person.ts";
import type { RegistryError } from "../../domain/records.ts";
import type { UserId } from "../../domain/user.ts";
import type { Actor } from "../storage/audit-log.ts";
import { RegistryUnavailable } from "./call.ts";
import { type DirectoryCaller, directoryOf, type RegistryBindings, userRegistryOf } from "./objects.ts";
import type { RegistryClient } from "./registry-client.ts";

/** Every method throws `RegistryUnavailable` when an object does not answer. */
export class People {
  readonly #bindings: RegistryBindings;
  readonly #directory: DirectoryCaller;
  readonly #registry: RegistryClient;
  readonly #owners: ReadonlyMap<EmailAddress, UserId>;

  /** `owners`: whom the configuration makes owners, by the address with which they first sign in. */
  constructor(
    bindings: RegistryBindings,
    registry: RegistryClient,
    owners: ReadonlyMap<EmailAddress, UserId>,
  ) {
    this.#bindings = bindings;
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

  /** Takes an identity from a user, and signs out every browser that it opened. */
  async unbind(by: Actor, user: UserId, id: string): Promise<Result<null, RegistryError>> {
    const identities = await this.#directory.ask((directory) => directory.identities(user));
    const identity = identities.find((each) => each.id === id);
    if (identity === undefined) return err({ code: "unknown-identity" });
    const { issuer, subject } = identity;
    const end = () =>
      userRegistryOf(this.#bindings, user).ask((user) =>
        user.endBrowsers(by, { issuer, subject, session: null }),
      );
    // First, since unbinding is not to be repeated; and once more for what was opened in between.
    await end();
    const unbound = await this.#directory.askOnce((directory) => directory.unbindIdentity(by, user, id));
    await end();
    return unbound;
  }

  /** Ends what a person opened on our own pages, who has signed out at the provider. Returns whose identity it is. */
  endSessions(by: Actor, issuer: string, subject: string): Promise<UserId | null> {
    return this.#directory.ask((directory) => directory.endSessionsOf(by, { issuer, subject }));
  }
}
