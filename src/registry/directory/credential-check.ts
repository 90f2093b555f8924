// What the Worker needs to recognise its own tokens and codes without a look-up: the table `credential_check`.
import type { SecretDigest } from "../../domain/credential.ts";
import type { CredentialKey } from "../../domain/credential-key.ts";

export interface CredentialCheck {
  /** 256 random bits, in hex: the key of the check that tokens and codes carry. */
  key: string;
  /** Digests of API tokens, and keys of device tokens, that are looked up even though their check is not from this key. */
  exempt: (SecretDigest | CredentialKey)[];
}

const KEY_BYTES = 32;

export class CredentialCheckTable {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Reads one row, however many tokens there are. Makes the key when it is first asked for. */
  get(): CredentialCheck {
    const row = this.#sql
      .exec<{ key: string | null; exempt: string }>("SELECT key, exempt FROM credential_check WHERE id = 1")
      .one();
    const exempt = JSON.parse(row.exempt) as CredentialCheck["exempt"];
    if (row.key !== null) return { key: row.key, exempt };
    const key = crypto.getRandomValues(new Uint8Array(KEY_BYTES)).toHex();
    this.#sql.exec("UPDATE credential_check SET key = ? WHERE id = 1", key);
    return { key, exempt };
  }

  /** Has these tokens looked up from now on; those that are gone by now leave the list. */
  exempt(added: readonly (SecretDigest | CredentialKey)[]): void {
    this.#sql.exec(
      `UPDATE credential_check SET exempt =
         (SELECT json_group_array(value)
          FROM (SELECT value FROM json_each(exempt) UNION SELECT value FROM json_each(?))
          WHERE value IN (SELECT digest FROM tokens) OR value IN (SELECT key FROM claims))
       WHERE id = 1`,
      JSON.stringify(added),
    );
  }
}
