// The gate's questions: what the registry knows of a fingerprint, and what it is to note.
import type { Fingerprint } from "../../domain/fingerprint.ts";
import type { Sighting, StandingRecord, WipeDelivery } from "../../domain/records.ts";
import type { UserId } from "../../domain/user.ts";
import { directoryOf, type RegistryBindings, userRegistryOf } from "./objects.ts";

/** What the registry knows of a fingerprint; `user` is worth remembering for the next lookup. */
export type Lookup =
  | { found: true; user: UserId; device: StandingRecord }
  | { found: false; user: UserId | undefined };

/**
 * Asks for a fingerprint's standing: the remembered user's registry first, and when it does not
 * know the fingerprint (a stale mapping), the directory and the user that it names. One Durable
 * Object call for a device whose user is remembered, two the first time. When that user's registry does not
 * know the fingerprint either, the directory is asked again, so that a claim that
 * was abandoned gives way: the certificate is unknown then.
 * Throws `RegistryUnavailable`.
 */
export async function lookUp(
  bindings: RegistryBindings,
  fingerprint: Fingerprint,
  rememberedUser: UserId | undefined,
  sighting: Sighting,
): Promise<Lookup> {
  if (rememberedUser !== undefined) {
    const lookup = await askUser(bindings, fingerprint, rememberedUser, sighting);
    if (lookup.found) return lookup;
  }
  const user = await resolve(bindings, fingerprint, sighting, rememberedUser);
  if (user === undefined || user === rememberedUser) return { found: false, user };
  const lookup = await askUser(bindings, fingerprint, user, sighting);
  if (lookup.found) return lookup;
  return { found: false, user: await resolve(bindings, fingerprint, sighting, user) };
}

/** Who claims the fingerprint; not `notHeldBy`, if that user's claim was abandoned. */
async function resolve(
  bindings: RegistryBindings,
  fingerprint: Fingerprint,
  sighting: Sighting,
  notHeldBy: UserId | undefined,
): Promise<UserId | undefined> {
  const user = await directoryOf(bindings).ask((directory) =>
    directory.resolve(fingerprint, sighting, notHeldBy),
  );
  return user ?? undefined;
}

async function askUser(
  bindings: RegistryBindings,
  fingerprint: Fingerprint,
  user: UserId,
  sighting: Sighting,
): Promise<Lookup> {
  const standing = await userRegistryOf(bindings, user).ask((user) => user.standing(fingerprint, sighting));
  return standing === null ? { found: false, user } : { found: true, user, device: standing };
}

/**
 * Reports wipe answers that were delivered to a lost device. Not repeated: a second report would count twice. Throws
 * `RegistryUnavailable`.
 */
export async function tellWipe(
  bindings: RegistryBindings,
  user: UserId,
  fingerprint: Fingerprint,
  delivery: WipeDelivery,
): Promise<void> {
  await userRegistryOf(bindings, user).askOnce((user) => user.noteWipe(fingerprint, delivery));
}
