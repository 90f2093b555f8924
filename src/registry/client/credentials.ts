import type { Principal, SecretDigest, SessionRecord, TokenRecord } from "../../domain/credential.ts";
import type { RegistryError } from "../../domain/records.ts";
import type { Result } from "../../domain/result.ts";
import type { UserId } from "../../domain/user.ts";
import type { CredentialCheck } from "../directory/credential-check.ts";
import type { NewSession, SessionKey } from "../directory/session-table.ts";
import type { SignInError } from "../directory/sign-ins.ts";
import type { Actor } from "../storage/audit-log.ts";
import { directoryOf, type RegistryBindings } from "./objects.ts";

/**
 * The Worker's side of tokens and sessions. Knows them by their digests alone.
 * Every method throws `RegistryUnavailable` when the directory does not answer.
 */
export class Credentials {
  readonly #bindings: RegistryBindings;

  constructor(bindings: RegistryBindings) {
    this.#bindings = bindings;
  }

  check(): Promise<CredentialCheck> {
    return this.#directory.ask((directory) => directory.credentialCheck());
  }

  ofToken(digest: SecretDigest, now: number): Promise<Principal | null> {
    return this.#directory.ask((directory) => directory.ofToken(digest, now));
  }

  ofSession(key: SessionKey, adminDigest: SecretDigest, now: number): Promise<Principal | null> {
    return this.#directory.ask((directory) => directory.ofSession(key, adminDigest, now));
  }

  /** Not repeated: it would count twice. */
  signIn(by: Actor, session: NewSession, isAdmin: boolean): Promise<Result<{ holder: string }, SignInError>> {
    return this.#directory.askOnce((directory) => directory.signIn(by, session, isAdmin));
  }

  signOut(by: Actor, key: SessionKey, adminDigest: SecretDigest): Promise<boolean> {
    return this.#directory.ask((directory) => directory.signOut(by, key, adminDigest));
  }

  sessions(user: UserId | null, now: number): Promise<SessionRecord[]> {
    return this.#directory.ask((directory) => directory.sessions(user, now));
  }

  endSessions(by: Actor, user: UserId | null, ids?: readonly string[]): Promise<number> {
    return this.#directory.ask((directory) => directory.endSessions(by, user, ids));
  }

  tokens(): Promise<TokenRecord[]> {
    return this.#directory.ask((directory) => directory.tokens());
  }

  createToken(
    by: Actor,
    token: Omit<TokenRecord, "createdAt" | "lastUsedAt">,
    digest: SecretDigest,
  ): Promise<Result<TokenRecord, RegistryError>> {
    return this.#directory.ask((directory) => directory.createToken(by, token, digest));
  }

  revokeToken(by: Actor, id: string): Promise<Result<null, RegistryError>> {
    return this.#directory.askOnce((directory) => directory.revokeToken(by, id));
  }

  get #directory() {
    return directoryOf(this.#bindings);
  }
}
