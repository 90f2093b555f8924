// No I/O. No clock.
import forge from "node-forge";

const { asn1 } = forge;
type Asn1 = forge.asn1.Asn1;

const SUBJECT_KEY_IDENTIFIER = "2.5.29.14";
const AUTHORITY_KEY_IDENTIFIER = "2.5.29.35";

interface KeyIdentifiers {
  /** Upper-case hex without colons; empty when the certificate has none. */
  subjectKey: string;
  authorityKey: string;
}

/**
 * The key identifiers of a certificate (RFC 5280, sections 4.2.1.1 and 4.2.1.2), of any key type:
 * node-forge's own reader of certificates takes RSA keys only, and Node shows no extensions.
 */
export function keyIdentifiers(der: Uint8Array): KeyIdentifiers {
  const none: KeyIdentifiers = { subjectKey: "", authorityKey: "" };
  try {
    const extensions = extensionsOf(asn1.fromDer(Buffer.from(der).toString("binary")));
    const subjectKey = extensions.get(SUBJECT_KEY_IDENTIFIER);
    const authorityKey = extensions.get(AUTHORITY_KEY_IDENTIFIER);
    return {
      subjectKey: subjectKey === undefined ? "" : hex(asn1.fromDer(subjectKey)),
      // keyIdentifier [0] IMPLICIT OCTET STRING OPTIONAL
      authorityKey: authorityKey === undefined ? "" : hex(tagged(asn1.fromDer(authorityKey), 0)),
    };
  } catch {
    // OpenSSL reads some certificates that a strict reader does not: no reason to drop the client.
    return none;
  }
}

/** Extension values (DER in a binary string) by object identifier. */
function extensionsOf(certificate: Asn1): Map<string, string> {
  const extensions = new Map<string, string>();
  // Certificate = SEQUENCE { tbsCertificate = SEQUENCE { ..., extensions [3] EXPLICIT }, ... }
  const list = children(tagged(children(certificate)[0], 3))[0];
  for (const extension of children(list)) {
    // Extension = SEQUENCE { extnID, critical DEFAULT FALSE, extnValue OCTET STRING }
    const [id, ...rest] = children(extension);
    const value = rest.at(-1)?.value;
    if (typeof id?.value === "string" && typeof value === "string") {
      extensions.set(asn1.derToOid(id.value), value);
    }
  }
  return extensions;
}

function tagged(sequence: Asn1 | undefined, tag: number): Asn1 | undefined {
  return children(sequence).find(
    ({ tagClass, type }) => tagClass === asn1.Class.CONTEXT_SPECIFIC && Number(type) === tag,
  );
}

function children(node: Asn1 | undefined): Asn1[] {
  return Array.isArray(node?.value) ? node.value : [];
}

function hex(node: Asn1 | undefined): string {
  return typeof node?.value === "string"
    ? Buffer.from(node.value, "binary").toString("hex").toUpperCase()
    : "";
}
