// The gate's questions: what the registry knows about a key, and what it should note.
import type { CredentialKey } from "../../domain/credential-key.ts";
import type { StandingRecord } from "../../domain/device.ts";
import type { Sighting, WipeDelivery } from "../../domain/records.ts";
import type { UserId } from "../../domain/user.ts";
import { directoryOf, type RegistryBindings, userRegistryOf } from "./objects.ts";

/** What the registry knows about a key; `user` is worth remembering for the next lookup. */
export type Lookup =
  | { found: true; user: UserId; device: StandingRecord }
  | { found: false; user: UserId | undefined };

/**
 * Asks for a key's standing: the remembered user's registry first, and when it does not
 * know the key (a stale mapping), the directory and the user that it names. One Durable
 * Object call for a device whose user is remembered, two the first time. When that user's registry does not
 * know the key either, the directory is asked again, so that a claim that
 * was abandoned gives way: the credential is unknown then.
 * Throws `RegistryUnavailable`.
 */
export async function lookUp(
  bindings: RegistryBindings,
  key: CredentialKey,
  rememberedUser: UserId | undefined,
  sighting: Sighting,
): Promise<Lookup> {
  if (rememberedUser !== undefined) {
    const lookup = await askUser(bindings, key, rememberedUser, sighting);
    if (lookup.found) return lookup;
  }
  const user = await resolve(bindings, key, sighting, rememberedUser);
  if (user === undefined || user === rememberedUser) return { found: false, user };
  const lookup = await askUser(bindings, key, user, sighting);
  if (lookup.found) return lookup;
  return { found: false, user: await resolve(bindings, key, sighting, user) };
}

/** Who claims the key; not `notHeldBy`, if that user's claim was abandoned. */
async function resolve(
  bindings: RegistryBindings,
  key: CredentialKey,
  sighting: Sighting,
  notHeldBy: UserId | undefined,
): Promise<UserId | undefined> {
  const user = await directoryOf(bindings).ask((directory) => directory.resolve(key, sighting, notHeldBy));
  return user ?? undefined;
}

async function askUser(
  bindings: RegistryBindings,
  key: CredentialKey,
  user: UserId,
  sighting: Sighting,
): Promise<Lookup> {
  const standing = await userRegistryOf(bindings, user).ask((user) => user.standing(key, sighting));
  return standing === null ? { found: false, user } : { found: true, user, device: standing };
}

/**
 * Reports wipe answers that were delivered to a lost device. Not repeated: a second report would count twice. Throws
 * `RegistryUnavailable`.
 */
export async function tellWipe(
  bindings: RegistryBindings,
  user: UserId,
  key: CredentialKey,
  delivery: WipeDelivery,
): Promise<void> {
  await userRegistryOf(bindings, user).askOnce((user) => user.noteWipe(key, delivery));
}
