// What an issuer says about a person, as unknown input.
import { isDeceptive } from "../../domain/device.ts";
import { type Person, parseEmail } from "../../domain/person.ts";
import { SignInFailed } from "./failure.ts";

/** The longest subject: OpenID Connect Core, section 2. The same goes for a session's id, which it leaves open. */
const ID_MAX_CHARACTERS = 255;
const NAME_MAX_CHARACTERS = 100;

export type Claims = Readonly<Record<string, unknown>>;

/** A subject, or the id of a session (`sid`); anything else is `null`. */
export function idOf(claim: unknown): string | null {
  if (typeof claim !== "string" || claim === "" || claim.length > ID_MAX_CHARACTERS) return null;
  return isDeceptive(claim) ? null : claim;
}

/**
 * The person that an ID token is about. `about` has the claims about address and name, which may be userinfo's.
 *
 * @throws {SignInFailed} `not-ours`: the subject cannot be one.
 */
export function personOf(
  issuer: string,
  idToken: Claims,
  about: Claims,
  issuerVerifiesEmails: boolean,
): Person {
  const subject = idOf(idToken.sub);
  if (subject === null) {
    throw new SignInFailed({
      code: "not-ours",
      message: `the ID token's "sub" is longer than ${ID_MAX_CHARACTERS} characters, or cannot be shown`,
    });
  }
  const email = parseEmail(about.email) ?? null;
  const isEmailVerified = email !== null && isVerified(about.email_verified, issuerVerifiesEmails);
  return { issuer, subject, email, isEmailVerified, name: nameOf(about.name) };
}

/** Some providers write it as a string. Where it is left out, the setting decides. */
function isVerified(claim: unknown, issuerVerifiesEmails: boolean): boolean {
  return claim === undefined ? issuerVerifiesEmails : claim === true || claim === "true";
}

function nameOf(claim: unknown): string | null {
  if (typeof claim !== "string") return null;
  // By code points: half of a surrogate pair would make it deceptive.
  const name = [...claim.slice(0, 2 * NAME_MAX_CHARACTERS)].slice(0, NAME_MAX_CHARACTERS).join("").trim();
  return isDeceptive(name) ? null : name;
}
