import { Name, Pkcs10CertificateRequestGenerator, X509Certificate } from "./x509.ts";

/** ECDSA with P-256 is the default; RSA with 2048 bits is for devices that know nothing else. */
export type KeyKind = "ecdsa-p256" | "rsa-2048";

export interface KeyAndRequest {
  /** PEM, PKCS#8, not encrypted. It stays on this machine. */
  key: string;
  /** PEM: the request for a certificate (RFC 2986), signed by the key. */
  csr: string;
}

const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
} as const;

/** What every subject of ours says: how a certificate of ours is told from others. */
const ORGANIZATION = "Latchkey";
/** RFC 5280, appendix A: ub-common-name. */
const COMMON_NAME_MAX_CHARACTERS = 64;

/** `alice pixel-9`, cut where it is too long for a certificate. */
export function commonNameOf(user: string, device: string): string {
  return [...`${user} ${device}`].slice(0, COMMON_NAME_MAX_CHARACTERS).join("").trimEnd();
}

/** Whether `commonNameOf` cuts it: the name then stands for other devices as well. */
export function isCommonNameCut(user: string, device: string): boolean {
  return [...`${user} ${device}`].length > COMMON_NAME_MAX_CHARACTERS;
}

/** The common name in a certificate (PEM) whose subject is of our making; `undefined` for every other. */
export function commonNameIn(pem: string): string | undefined {
  let subject: Name;
  try {
    subject = new X509Certificate(pem).subjectName;
  } catch {
    return undefined;
  }
  return subject.getField("O").includes(ORGANIZATION) ? subject.getField("CN")[0] : undefined;
}

/** Makes a key, and a request for a certificate with the subject `O=Latchkey, CN=...`. */
export async function createKeyAndRequest(commonName: string, kind: KeyKind): Promise<KeyAndRequest> {
  const algorithm = kind === "ecdsa-p256" ? ECDSA : RSA;
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const request = await Pkcs10CertificateRequestGenerator.create({
    // Plain texts would be unescaped first, and a device's name may hold quotes and backslashes.
    name: new Name([{ O: [{ utf8String: ORGANIZATION }] }, { CN: [{ utf8String: commonName }] }]),
    keys,
    signingAlgorithm: algorithm,
  });
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  return { key: toPem("PRIVATE KEY", pkcs8), csr: `${request.toString("pem").trim()}\n` };
}

function toPem(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
