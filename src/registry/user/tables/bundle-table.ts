// All SQL on the table `bundles`: certificates that come with invitations. Decides nothing.
import type { SecretDigest } from "../../../domain/credential.ts";
import type { CredentialKey } from "../../../domain/credential-key.ts";
import { type CertificateDetails, detailsOf, type NewBundle } from "../../../domain/records.ts";
import { all, insert, one, update } from "../../storage/sql.ts";

/**
 * One row per invitation that brings a certificate, until the invitation ends or is withdrawn. The ciphertext is deleted
 * earlier, once the gate has seen its certificate. The key to it is only in the invitation's link, and stored nowhere.
 */
export const BUNDLES_SCHEMA = `
  CREATE TABLE bundles (
    invitation TEXT PRIMARY KEY,
    -- The certificate's, as in the table credentials.
    key TEXT NOT NULL,
    subject TEXT,
    issuer TEXT,
    serial TEXT,
    not_before INTEGER,
    not_after INTEGER,
    -- Of a renewal.
    retire_by INTEGER,
    -- Base64url. NULL once the certificate was seen.
    ciphertext TEXT,
    -- Only whoever has the whole link can name it.
    proof TEXT NOT NULL,
    -- Of the secret of the only browser that may fetch it, NULL before the first one did.
    browser TEXT,
    expires_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  -- What an invitation brings along: the device's name, the certificate's key, and the id of the device that it renews.
  ALTER TABLE invitations ADD COLUMN bundle_name TEXT;
  ALTER TABLE invitations ADD COLUMN bundle_key TEXT;
  ALTER TABLE invitations ADD COLUMN bundle_renews TEXT;`;

type BundleRow = {
  invitation: string;
  key: string;
  subject: string | null;
  issuer: string | null;
  serial: string | null;
  not_before: number | null;
  not_after: number | null;
  retire_by: number | null;
  ciphertext: string | null;
  proof: string;
  browser: string | null;
  expires_at: number;
};

/** A bundle as it is stored. */
export interface StoredBundle {
  key: CredentialKey;
  details: CertificateDetails;
  retireBy: number | null;
  ciphertext: string | null;
  proof: string;
  browser: SecretDigest | null;
}

/** Each method that changes something is to be called in a transaction. */
export class BundleTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  of(invitation: string): StoredBundle | undefined {
    const row = one<BundleRow>(this.#sql, "SELECT * FROM bundles WHERE invitation = ?", invitation);
    if (row === undefined) return undefined;
    return {
      key: row.key as CredentialKey,
      details: detailsOf({ ...row, notBefore: row.not_before, notAfter: row.not_after }),
      retireBy: row.retire_by,
      ciphertext: row.ciphertext,
      proof: row.proof,
      browser: row.browser as SecretDigest | null,
    };
  }

  /** How many have yet to be fetched or seen. */
  countOpen(): number {
    const query = "SELECT COUNT(*) AS open FROM bundles WHERE ciphertext IS NOT NULL";
    return one<{ open: number }>(this.#sql, query)?.open ?? 0;
  }

  /** The keys of certificates that are still on their way. */
  keys(): CredentialKey[] {
    return all<{ key: string }>(this.#sql, "SELECT key FROM bundles").map(({ key }) => key as CredentialKey);
  }

  /** Repeating it changes nothing. */
  insert(
    invitation: string,
    { key, details, retireBy, ciphertext, proof }: NewBundle,
    expiresAt: number,
  ): void {
    const { subject, issuer, serial, notBefore, notAfter } = details;
    insert(
      this.#sql,
      "bundles",
      {
        ...{ invitation, key, subject, issuer, serial, not_before: notBefore, not_after: notAfter },
        ...{ retire_by: retireBy, ciphertext, proof, browser: null, expires_at: expiresAt },
      },
      "IGNORE",
    );
  }

  bindTo(invitation: string, browser: SecretDigest): void {
    update(this.#sql, "bundles", { invitation }, { browser });
  }

  /** The gate saw the certificate with this key for the first time: nobody needs to fetch it any more. */
  clear(key: CredentialKey): void {
    update(this.#sql, "bundles", { key }, { ciphertext: null });
  }

  remove(invitation: string): void {
    this.#sql.exec("DELETE FROM bundles WHERE invitation = ?", invitation);
  }

  removeEnded(now: number): void {
    this.#sql.exec("DELETE FROM bundles WHERE expires_at <= ?", now);
  }

  removeAll(): void {
    this.#sql.exec("DELETE FROM bundles");
  }

  /** When the next one ends; `null`: there are none. */
  nextEnd(): number | null {
    const query = "SELECT MIN(expires_at) AS next FROM bundles";
    return one<{ next: number | null }>(this.#sql, query)?.next ?? null;
  }
}
