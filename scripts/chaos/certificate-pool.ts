import { X509Certificate } from "node:crypto";
import { REVOKED_MEMORY_MS } from "../../src/gate/standing-cache.ts";
import type { Credential } from "../certificates/authority.ts";
import type { Gate } from "./gate.ts";

/** An unfinished change reserves a certificate for its user for two minutes; plus a moment. */
const ABANDONED_MS = 125_000;
/** How long the gate remembers that a revoked device's certificate was refused; plus a moment. */
const REFUSED_MS = REVOKED_MEMORY_MS + 1_000;

export interface Certificate {
  credential: Credential;
  fingerprint: string;
}

/** Certificates that nobody in the household has enrolled. */
export class CertificatePool {
  readonly #gate: Gate;
  readonly #waiting: (Certificate & { from: number })[] = [];
  #issued = 0;

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  async take(): Promise<Certificate> {
    const index = this.#waiting.findIndex(({ from }) => from <= Date.now());
    const [waited] = index === -1 ? [] : this.#waiting.splice(index, 1);
    if (waited !== undefined) return waited;
    this.#issued += 1;
    const credential = await this.#gate.issue(`device ${this.#issued}`);
    const fingerprint = new X509Certificate(credential.certificate).fingerprint256;
    return { credential, fingerprint: fingerprint.replaceAll(":", "").toLowerCase() };
  }

  /**
   * `isCertain`: whether the directory is known to have no owner for them; otherwise they may be somebody's until the
   * claim is abandoned.
   */
  give(certificates: readonly Certificate[], isCertain: boolean): void {
    const from = Date.now() + (isCertain ? REFUSED_MS : ABANDONED_MS);
    for (const certificate of certificates) this.#waiting.push({ ...certificate, from });
  }
}
