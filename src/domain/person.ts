// People who sign in with the identity provider: who they are there, and who they are here.
import type { UserId } from "./user.ts";

/** What a user may do on Latchkey's pages: an owner everything, a member with their own devices. */
export const ROLES = ["owner", "member"] as const;
export type Role = (typeof ROLES)[number];

declare const emailBrand: unique symbol;

/** An email address in lower case, as it is compared. */
export type EmailAddress = string & { readonly [emailBrand]: "EmailAddress" };

/** The longest that mail servers take (RFC 5321, section 4.5.3.1.3). */
const EMAIL_MAX_CHARACTERS = 254;
const EMAIL = /^[^\s@,;:<>()[\]"\\\p{C}]+@[^\s@,;:<>()[\]"\\\p{C}]+$/u;

export const EMAIL_HINT = "must be an email address, such as alice@example.com";

/**
 * Reads an email address; anything else is `undefined`. Upper and lower case are one: no provider tells two people apart
 * by it. Only those of ASCII: in Unicode, the Kelvin sign is an upper-case k, and another address.
 */
export function parseEmail(input: unknown): EmailAddress | undefined {
  if (typeof input !== "string") return undefined;
  const email = input.trim().replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return email.length <= EMAIL_MAX_CHARACTERS && EMAIL.test(email) ? (email as EmailAddress) : undefined;
}

/** A person as the identity provider describes them. */
export interface Person {
  issuer: string;
  /** The provider's own name for the person, which never changes: with the issuer, the identity. */
  subject: string;
  email: EmailAddress | null;
  /** Whether the provider has made sure that the address is this person's. */
  isEmailVerified: boolean;
  name: string | null;
}

/** Who somebody is at the identity provider. */
export type IdentityKey = Pick<Person, "issuer" | "subject">;

/** An identity that belongs to a user. From then on only it counts, and the address does not. */
export interface IdentityRecord {
  id: string;
  user: UserId;
  issuer: string;
  subject: string;
  /** The address by which it was bound; `null`: somebody admitted the person. */
  email: EmailAddress | null;
  boundAt: number;
}

/** Somebody who has signed in, and is nobody's identity yet. */
export interface WaitingPersonRecord extends Person {
  id: string;
  /** Six digits that the person's own screen shows as well. */
  comparisonCode: string;
  firstSeen: number;
  lastSeen: number;
  country: string | null;
}

/** Who a person is here. */
export type Identified =
  | { kind: "user"; user: UserId; role: Role; name: string | null }
  | { kind: "waiting"; comparisonCode: string }
  /** So many people wait that no more are noted. */
  | { kind: "not-noted" };
