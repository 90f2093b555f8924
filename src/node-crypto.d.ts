// The one piece of node:crypto that the Worker uses. The types of Node itself would also bring
// globals that workerd does not have.
declare module "node:crypto" {
  export class X509Certificate {
    /** Takes PEM or DER; throws when it is neither. */
    constructor(certificate: string | ArrayBuffer);
    /** Upper-case hex pairs joined by colons. */
    readonly fingerprint256: string;
    /** Parts on lines of their own; undefined when empty. */
    readonly subject: string | undefined;
    readonly issuer: string | undefined;
    /** Hex digits without colons. */
    readonly serialNumber: string;
    /** OpenSSL's text of a time, for example `Nov 24 02:03:13 2026 GMT`. */
    readonly validFrom: string;
    readonly validTo: string;
  }
}
