// A user's id.

declare const userIdBrand: unique symbol;

/** A user's short id, such as `alice`: also the name of the user's registry object. */
export type UserId = string & { readonly [userIdBrand]: "UserId" };

/** What a user's id looks like. */
export const USER_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** The sentence for people whose input `parseUserId` turned down. */
export const USER_ID_HINT =
  "a user id has 1 to 63 lower-case letters, digits and hyphens, and begins with a letter or digit";

/** Reads a user id; anything else is `undefined`. */
export function parseUserId(input: unknown): UserId | undefined {
  return typeof input === "string" && USER_ID.test(input) ? (input as UserId) : undefined;
}
