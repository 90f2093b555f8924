// People who sign in with the identity provider: what the API takes and answers.
import * as v from "valibot";
import { ROLES } from "../domain/person.ts";
import { UserIdSchema, UserNameInput } from "./requests.ts";
import { EmailSchema } from "./sign-in-settings.ts";

/** The most addresses that one user has. */
const EMAILS_MAX = 20;

const TimeSchema = v.pipe(v.string(), v.isoTimestamp());

const EmailsInput = v.pipe(
  v.array(EmailSchema, "must be a list of email addresses"),
  v.maxLength(EMAILS_MAX, `a user has at most ${EMAILS_MAX} addresses`),
);

/** `PATCH /users/{user}`; `emails`: all that the user has from then on. */
export const EditUserRequest = v.pipe(
  v.strictObject({
    name: v.optional(UserNameInput),
    role: v.optional(v.picklist(ROLES, `must be ${ROLES.join(" or ")}`)),
    emails: v.optional(EmailsInput),
  }),
  v.check(
    (body) => Object.values(body).some((value) => value !== undefined),
    "give a name, a role or emails",
  ),
);

/** `POST /waiting-people/{person}/admit` */
export const AdmitPersonRequest = v.strictObject({ user: UserIdSchema });

/** An identity at the provider that belongs to a user. */
export const IdentitySchema = v.object({
  id: v.string(),
  user: v.string(),
  issuer: v.string(),
  /** The provider's own name for the person. */
  subject: v.string(),
  /** The address by which it was bound; `null`: somebody admitted the person. */
  email: v.nullable(v.string()),
  boundAt: TimeSchema,
});

/** Somebody who signed in and is no user yet. */
export const WaitingPersonSchema = v.object({
  id: v.string(),
  issuer: v.string(),
  subject: v.string(),
  email: v.nullable(v.string()),
  /** Whether the provider has made sure that the address is this person's. */
  isEmailVerified: v.boolean(),
  name: v.nullable(v.string()),
  /** Six digits that the person's own screen shows too. */
  comparisonCode: v.string(),
  firstSeen: TimeSchema,
  /** Written at most every ten minutes. */
  lastSeen: TimeSchema,
  country: v.nullable(v.string()),
});

export const IdentityListSchema = v.object({ identities: v.array(IdentitySchema) });
export const WaitingPersonListSchema = v.object({ waitingPeople: v.array(WaitingPersonSchema) });

export type Identity = v.InferOutput<typeof IdentitySchema>;
export type WaitingPerson = v.InferOutput<typeof WaitingPersonSchema>;
export type IdentityList = v.InferOutput<typeof IdentityListSchema>;
export type WaitingPersonList = v.InferOutput<typeof WaitingPersonListSchema>;
