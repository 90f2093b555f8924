// The few ASN.1 values that a PKCS#12 file is made of (RFC 7292), written in DER and read in BER (ITU-T X.690), and its
// way from a password to a key. node-forge does the coding. It stays for this room only: nothing else here derives
// such keys or decrypts RC2, which the files of old Windows and Java versions need.
import forge from "node-forge";

const { asn1 } = forge;
export type Asn1 = forge.asn1.Asn1;
export const isSequence = (value: Asn1): boolean => value.type === asn1.Type.SEQUENCE;

export const OID = {
  data: "1.2.840.113549.1.7.1",
  encryptedData: "1.2.840.113549.1.7.6",
  keyBag: "1.2.840.113549.1.12.10.1.1",
  shroudedKeyBag: "1.2.840.113549.1.12.10.1.2",
  certificateBag: "1.2.840.113549.1.12.10.1.3",
  safeContentsBag: "1.2.840.113549.1.12.10.1.6",
  x509Certificate: "1.2.840.113549.1.9.22.1",
  friendlyName: "1.2.840.113549.1.9.20",
  localKeyId: "1.2.840.113549.1.9.21",
  sha1And3Des: "1.2.840.113549.1.12.1.3",
  pbes2: "1.2.840.113549.1.5.13",
  pbkdf2: "1.2.840.113549.1.5.12",
  hmacWithSha256: "1.2.840.113549.2.9",
  aes256Cbc: "2.16.840.1.101.3.4.1.42",
} as const;

export interface Digest {
  oid: string;
  name: string;
  bytes: number;
  create: () => forge.md.MessageDigest;
}

const digest = (oid: string, name: "sha1" | "sha256" | "sha384" | "sha512", bytes: number): Digest => ({
  ...{ oid, name, bytes },
  create: forge.md[name].create,
});
/** The digests of a MAC. */
export const SHA1 = digest("1.3.14.3.2.26", "sha1", 20);
export const SHA256 = digest("2.16.840.1.101.3.4.2.1", "sha256", 32);
export const DIGESTS: readonly Digest[] = [
  SHA1,
  SHA256,
  digest("2.16.840.1.101.3.4.2.2", "sha384", 48),
  digest("2.16.840.1.101.3.4.2.3", "sha512", 64),
];

/** What a derived key is for (RFC 7292, appendix B.3). */
export const PURPOSE = { key: 1, iv: 2, mac: 3 } as const;

/** PKCS#12's own way from a password to `bytes` bytes of key (RFC 7292, appendix B). */
export function derive(
  password: string | null,
  { salt, iterations }: { salt: Buffer; iterations: number },
  purpose: number,
  { create, bytes: digestBytes }: Digest,
  bytes = digestBytes,
): Buffer {
  const buffer = forge.util.createBuffer(salt.toString("binary"));
  const key = forge.pkcs12.generateKey(password, buffer, purpose as 1, iterations, bytes, create());
  return Buffer.from(key.getBytes(), "binary");
}

/** Missing from the types of node-forge: a cipher that is ready to decrypt, for PBES2 (AES, 3DES) and for
 * PKCS#12's own schemes (3DES, RC2-40). It throws on any other. */
const { getCipher } = (
  forge as unknown as {
    pbe: { getCipher(oid: string, parameters: Asn1, password: string | null): forge.cipher.BlockCipher };
  }
).pbe;

/**
 * Decrypts by the scheme with this identifier; `undefined` if the padding is wrong. Throws on a scheme that is not
 * known here.
 */
export function decrypterOf(
  scheme: string,
  parameters: Asn1,
  password: string | null,
): (content: string) => string | undefined {
  // PBES2 takes the password as UTF-8 bytes, PKCS#12's own schemes as UTF-16.
  const secret = scheme === OID.pbes2 ? forge.util.encodeUtf8(password ?? "") : password;
  const cipher = getCipher(scheme, parameters, secret);
  return (content) => {
    cipher.update(forge.util.createBuffer(content));
    return cipher.finish() ? cipher.output.getBytes() : undefined;
  };
}

const { UNIVERSAL, CONTEXT_SPECIFIC } = asn1.Class;

export function sequence(...values: Asn1[]): Asn1 {
  return asn1.create(UNIVERSAL, asn1.Type.SEQUENCE, true, values);
}

/** DER wants a set's values in order of their bytes. */
export function set(...values: Asn1[]): Asn1 {
  const sorted = [...values].sort((a, b) => Buffer.compare(toDer(a), toDer(b)));
  return asn1.create(UNIVERSAL, asn1.Type.SET, true, sorted);
}

/** `[number]`: explicit around a value, implicit around bytes, which then are an octet string. */
export function context(number: number, value: Asn1 | Buffer): Asn1 {
  return Buffer.isBuffer(value)
    ? asn1.create(CONTEXT_SPECIFIC, number, false, value.toString("binary"))
    : asn1.create(CONTEXT_SPECIFIC, number, true, [value]);
}

export function oid(dotted: string): Asn1 {
  return asn1.create(UNIVERSAL, asn1.Type.OID, false, asn1.oidToDer(dotted).getBytes());
}

export function integer(value: number): Asn1 {
  return asn1.create(UNIVERSAL, asn1.Type.INTEGER, false, asn1.integerToDer(value).getBytes());
}

export function octets(bytes: Buffer): Asn1 {
  return asn1.create(UNIVERSAL, asn1.Type.OCTETSTRING, false, bytes.toString("binary"));
}

/** UTF-16, high byte first; node-forge makes the bytes of it. */
export function bmpString(text: string): Asn1 {
  return asn1.create(UNIVERSAL, asn1.Type.BMPSTRING, false, text);
}

export function nothing(): Asn1 {
  return asn1.create(UNIVERSAL, asn1.Type.NULL, false, "");
}

export function toDer(value: Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), "binary");
}

/** `strict`: bytes that follow the value are an error. */
export function parse(der: string, strict = true): Asn1 {
  return asn1.fromDer(der, strict);
}

export function children(node: Asn1 | undefined): Asn1[] {
  if (node === undefined || typeof node.value === "string") throw new Error("not constructed");
  return node.value;
}

export function oidOf(node: Asn1 | undefined): string {
  if (node?.type !== asn1.Type.OID || typeof node.value !== "string") throw new Error("not an identifier");
  return asn1.derToOid(node.value);
}

/** The octets of a string that may come in pieces (BER), as Windows and Java write them. */
export function octetsOf(node: Asn1 | undefined): string {
  if (node === undefined) throw new Error("no octets");
  return typeof node.value === "string" ? node.value : node.value.map(octetsOf).join("");
}
