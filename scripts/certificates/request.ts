// Requests for certificates, and the names in them.
import * as x509 from "./x509.ts";

export interface KeyAndRequest {
  /** PEM, PKCS#8, not encrypted. It stays on this machine. */
  key: string;
  /** PEM: the request for a certificate (RFC 2986), signed by the key. */
  csr: string;
}

/** In every subject of ours: it marks a certificate as ours. */
const ORGANIZATION = "Latchkey";
/** RFC 5280, appendix A: ub-common-name. */
const COMMON_NAME_MAX_CHARACTERS = 64;

/** `alice pixel-9`, cut where it is too long for a certificate. */
export function commonNameOf(user: string, device: string): string {
  return [...`${user} ${device}`].slice(0, COMMON_NAME_MAX_CHARACTERS).join("").trimEnd();
}

/** Whether `commonNameOf` cuts it: the name may then be that of other devices, too. */
export function isCommonNameCut(user: string, device: string): boolean {
  return [...`${user} ${device}`].length > COMMON_NAME_MAX_CHARACTERS;
}

/** The common name in a certificate (PEM) with a subject of ours; `undefined` for every other. */
export function commonNameIn(pem: string): string | undefined {
  let subject: x509.Name;
  try {
    subject = new x509.X509Certificate(pem).subjectName;
  } catch {
    return undefined;
  }
  return subject.getField("O").includes(ORGANIZATION) ? subject.getField("CN")[0] : undefined;
}

/** Makes a key, and a request for a certificate with the subject `O=Latchkey, CN=...`. */
export async function createKeyAndRequest(commonName: string, kind: x509.KeyKind): Promise<KeyAndRequest> {
  const { keys, pem } = await x509.newKeys(kind);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: subjectOf(ORGANIZATION, commonName),
    keys,
    signingAlgorithm: x509.ALGORITHMS[kind],
  });
  return { key: pem, csr: x509.withNewline(request.toString("pem")) };
}

/** `O=..., CN=...`. Plain strings would be unescaped first, and a device's name may hold quotes and backslashes. */
export function subjectOf(organization: string, commonName: string): x509.Name {
  return new x509.Name([{ O: [{ utf8String: organization }] }, { CN: [{ utf8String: commonName }] }]);
}
