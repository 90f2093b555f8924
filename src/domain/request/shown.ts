// What a request shows to be let in.
import type { CredentialKey, SecretKind } from "../credential-key.ts";
import type { Certificate } from "./certificate.ts";

/** A token, a feed's secret or a browser's that Latchkey made. The registry knows whose it is, and whether it is still good. */
export interface ShownSecret {
  kind: SecretKind;
  key: CredentialKey;
}

/**
 * What a request is judged by. If a certificate was presented, it alone decides: a token never undoes the refusal of a
 * certificate.
 */
export type Shown = Certificate | ShownSecret;

/** What the registry may be asked about: a verified certificate, or a secret of ours. */
export type Known = Extract<Shown, { key: CredentialKey }>;
