// The Worker's side of backups and restores. Each restore can be repeated.
import { type CredentialKey, kindOf } from "../../domain/credential-key.ts";
import { err, type Result } from "../../domain/general/result.ts";
import type { RegistryError } from "../../domain/records.ts";
import type { UserId } from "../../domain/user.ts";
import type { Actor } from "../storage/audit-log.ts";
import { planForNewUser, type Restored, type RestoreRequest } from "../user/rules/restores.ts";
import { type DirectoryCaller, directoryOf, type RegistryBindings, userRegistryOf } from "./objects.ts";
import { onceMore, type RegistryClient } from "./registry-client.ts";

/**
 * Fingerprints of other users whose claim may be abandoned, looked into one by one in one restore, its repetition
 * included: three calls each, of the 50 that the free plan allows in a request.
 */
const LOOKED_INTO = 10;

/** Every method throws `RegistryUnavailable` when an object does not answer. */
export class Backups {
  readonly #bindings: RegistryBindings;
  readonly #registry: RegistryClient;
  readonly #directory: DirectoryCaller;

  constructor(bindings: RegistryBindings, registry: RegistryClient) {
    this.#bindings = bindings;
    this.#registry = registry;
    this.#directory = directoryOf(bindings);
  }

  /**
   * Restores devices of a user: asks the registry which keys are needed, claims them, and writes, in the
   * order of an enrolment. The claim begins a new generation of the user, which opens the registry of one who was
   * deleted. If interrupted at any point, it can be repeated, and what it leaves behind lets nobody in.
   */
  async restoreUser(
    by: Actor,
    user: UserId,
    request: RestoreRequest,
  ): Promise<Result<Restored, RegistryError>> {
    const registry = await this.#registry.ofUser(user);
    if (!registry.ok) return registry;
    const { ask } = registry.value;
    const lookedInto = new Set<CredentialKey>();
    return onceMore(async () => {
      const wanted = keysOf(await ask((user) => user.planRestore(request, by.at)));
      const claims = await this.#directory.ask((directory) => directory.claimAll(wanted, user));
      if (!claims.ok) return err(claims.error);
      const { claimedAt, generation, taken } = claims.value;
      const granted = wanted.filter((key) => !taken.includes(key));
      const given: CredentialKey[] = [];
      for (const key of taken) {
        if (lookedInto.has(key) || lookedInto.size === LOOKED_INTO) continue;
        lookedInto.add(key);
        const claim = await this.#registry.claim(by, key, user);
        if (claim.ok) given.push(key);
      }
      if (given.some((key) => kindOf(key) !== "certificate")) {
        await this.#directory.ask((directory) => directory.exempt(given));
      }
      return ask((user) => user.restore(by, request, [...granted, ...given], claimedAt, generation));
    });
  }

  /**
   * What `restoreUser` would do: nothing is written or claimed. A user who does not exist is planned as if just
   * created, without asking for that user's registry, since asking would make one.
   */
  async planUser(by: Actor, user: UserId, request: RestoreRequest): Promise<Restored> {
    const known = await this.#directory.ask((directory) => directory.user(user));
    const plan = async (granted?: CredentialKey[]) =>
      known === null
        ? planForNewUser(request, by.at, granted)
        : userRegistryOf(this.#bindings, user).ask((user) => user.planRestore(request, by.at, granted));
    const all = await plan();
    const wanted = keysOf(all);
    const taken = await this.#directory.ask((directory) => directory.claimedByOthers(wanted, user));
    if (taken.length === 0) return all;
    const held = new Set<CredentialKey>();
    for (const [index, [key, owner]] of taken.entries()) {
      // An abandoned claim gives way (see `claim` of the directory).
      const isHeld =
        index >= LOOKED_INTO || (await userRegistryOf(this.#bindings, owner).ask((user) => user.holds(key)));
      if (isHeld) held.add(key);
    }
    return plan(wanted.filter((key) => !held.has(key)));
  }
}

function keysOf({ devices }: Restored): CredentialKey[] {
  return devices.flatMap(({ keys }) => keys);
}
