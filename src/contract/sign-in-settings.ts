// The settings of signing in with an identity provider: `[vars.SIGN_IN]`.
import * as v from "valibot";
import { EMAIL_HINT, type EmailAddress, parseEmail } from "../domain/person.ts";
import { parseUserId, USER_ID_HINT, type UserId } from "../domain/user.ts";
import { TableSchema } from "./app-settings.ts";

const ISSUER_HINT =
  "must be the issuer's https:// address, exactly as its discovery document has it: no ?, no #";
/** Without TLS only on this machine, where nobody can listen. */
const LOOPBACK = /^(?:localhost|(?:[a-z0-9-]+\.)+localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

function isIssuer(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || text !== text.trim() || /[?#@]/.test(text)) return false;
  return url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK.test(url.hostname));
}

const TextSchema = (what: string) =>
  v.pipe(v.string(`must be ${what}`), v.minLength(1, `must be ${what}`), v.maxLength(300, "is too long"));

export const EmailSchema = v.pipe(
  v.string(EMAIL_HINT),
  v.check((text) => parseEmail(text) !== undefined, EMAIL_HINT),
  v.transform((text) => parseEmail(text) as EmailAddress),
);

/** `[vars.SIGN_IN]`; a setting that we do not know is an error. */
export const SignInSchema = v.pipe(
  TableSchema("settings"),
  v.strictObject(
    {
      issuer: v.pipe(v.string(ISSUER_HINT), v.check(isIssuer, ISSUER_HINT)),
      clientId: TextSchema("the client's id at the issuer"),
      label: v.optional(TextSchema("what people call the provider"), "your identity provider"),
      scopes: v.optional(
        v.pipe(
          v.string("must be scopes, separated by spaces"),
          v.check((text) => text.split(" ").includes("openid"), "must contain openid"),
        ),
        "openid email profile",
      ),
      verifiesEmails: v.optional(v.boolean("must be true or false"), false),
      owners: v.optional(
        v.pipe(
          TableSchema("email addresses by user id"),
          v.record(
            v.pipe(
              v.string(),
              v.check((id) => parseUserId(id) !== undefined, USER_ID_HINT),
            ),
            EmailSchema,
          ),
          v.check((owners) => {
            const emails = Object.values(owners);
            return new Set(emails).size === emails.length;
          }, "names two users by one address"),
        ),
        {},
      ),
    },
    ({ received }) => `is not a setting of SIGN_IN (${received})`,
  ),
);

/** How people sign in with an identity provider (OpenID Connect). */
export interface SignInSettings {
  /** As its discovery document has it. */
  issuer: string;
  clientId: string;
  /** `null`: the issuer takes PKCE alone. */
  clientSecret: string | null;
  /** Separated by spaces. */
  scopes: string;
  /** What people call the provider. */
  label: string;
  /** Whether an address counts as verified if the issuer says nothing about it. If it says no, it does not. */
  verifiesEmails: boolean;
  /** Users who become owners when they first sign in with this address. */
  owners: ReadonlyMap<EmailAddress, UserId>;
}

/** The provider, and our client there: with another one, all that was signed in by this one ends. */
export function providerId({ issuer, clientId }: Pick<SignInSettings, "issuer" | "clientId">): string {
  return `${issuer} ${clientId}`;
}

/** The settings, as the Worker reads them. */
export function toSignInSettings(
  settings: v.InferOutput<typeof SignInSchema>,
  clientSecret: string | null,
): SignInSettings {
  const owners = Object.entries(settings.owners).map(([user, email]) => [email, user as UserId] as const);
  return { ...settings, clientSecret, owners: new Map(owners) };
}
