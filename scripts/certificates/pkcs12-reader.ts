// No I/O. No clock.
//
// Certificates out of a PKCS#12 file (RFC 7292). Only its certificates are decrypted: the private key
// stays as it is. The bytes of a certificate are taken as they are in the file, never encoded anew,
// because a fingerprint is made of them. node-forge's own reader does neither.
import { createHmac, timingSafeEqual } from "node:crypto";
import forge from "node-forge";

const { asn1 } = forge;
type Asn1 = forge.asn1.Asn1;

const OID = {
  data: "1.2.840.113549.1.7.1",
  encryptedData: "1.2.840.113549.1.7.6",
  pbes2: "1.2.840.113549.1.5.13",
  keyBag: "1.2.840.113549.1.12.10.1.1",
  shroudedKeyBag: "1.2.840.113549.1.12.10.1.2",
  certificateBag: "1.2.840.113549.1.12.10.1.3",
  safeContentsBag: "1.2.840.113549.1.12.10.1.6",
  x509Certificate: "1.2.840.113549.1.9.22.1",
  localKeyId: "1.2.840.113549.1.9.21",
} as const;

/** Missing from the types of node-forge: a cipher that is ready to decrypt, for PBES2 (AES, 3DES) and for
 * PKCS#12's own schemes (3DES, RC2-40). It throws on any other. */
const { getCipher } = (
  forge as unknown as {
    pbe: { getCipher(oid: string, parameters: Asn1, password: string | null): forge.cipher.BlockCipher };
  }
).pbe;

export interface Pkcs12Certificate {
  der: Buffer;
  /** The file holds the private key of this one. */
  hasKey: boolean;
}

export type Pkcs12Contents =
  | { kind: "opened"; certificates: Pkcs12Certificate[] }
  | { kind: "wrong-password" }
  | { kind: "unsupported"; what: string }
  | { kind: "damaged" };

/** A PFX is a sequence that begins with the version 3; a certificate or a key begins otherwise. A file
 * that was cut short still looks like one. */
export function looksLikePkcs12(bytes: Buffer): boolean {
  try {
    const [version, safe] = children(asn1.fromDer(bytes.toString("binary"), false));
    return (
      version?.type === asn1.Type.INTEGER && version.value === "\x03" && safe?.type === asn1.Type.SEQUENCE
    );
  } catch {
    return false;
  }
}

export function openPkcs12(bytes: Buffer, password: string): Pkcs12Contents {
  // An empty password is written in two ways: as an empty text, or as no text at all.
  const contents = readPfx(bytes, password);
  return contents.kind === "wrong-password" && password === "" ? readPfx(bytes, null) : contents;
}

class Unsupported extends Error {}
class WrongPassword extends Error {}

function readPfx(bytes: Buffer, password: string | null): Pkcs12Contents {
  try {
    const [, authSafe, mac] = children(parse(bytes.toString("binary")));
    const content = contentOf(authSafe);
    if (mac !== undefined) checkMac(mac, content, password);
    const safes = children(parse(content));
    const bags = safes.flatMap((safe) => bagsOf(safe, password));
    const keys = new Set(bags.flatMap(({ key, localKeyId }) => (key ? [localKeyId] : [])));
    return {
      kind: "opened",
      certificates: bags.flatMap(({ der, localKeyId }) =>
        der === undefined ? [] : [{ der, hasKey: localKeyId !== undefined && keys.has(localKeyId) }],
      ),
    };
  } catch (error) {
    if (error instanceof Unsupported) return { kind: "unsupported", what: error.message };
    return { kind: error instanceof WrongPassword ? "wrong-password" : "damaged" };
  }
}

/** The digests of a MAC, by their identifier, with the length of the key in bytes. */
const MAC_DIGESTS: Record<string, { name: string; keyBytes: number; create: () => forge.md.MessageDigest }> =
  {
    "1.3.14.3.2.26": { name: "sha1", keyBytes: 20, create: () => forge.md.sha1.create() },
    "2.16.840.1.101.3.4.2.1": { name: "sha256", keyBytes: 32, create: () => forge.md.sha256.create() },
    "2.16.840.1.101.3.4.2.2": { name: "sha384", keyBytes: 48, create: () => forge.md.sha384.create() },
    "2.16.840.1.101.3.4.2.3": { name: "sha512", keyBytes: 64, create: () => forge.md.sha512.create() },
  };
/** Which key `generateKey` makes: one for a MAC (RFC 7292, appendix B.3). */
const MAC_KEY_ID = 3;

/** MacData (RFC 7292, section 4): the first place where a wrong password shows. */
function checkMac(mac: Asn1, content: string, password: string | null): void {
  const [digestInfo, salt, iterations] = children(mac);
  const [algorithm, expected] = children(digestInfo);
  const oid = oidOf(children(algorithm)[0]);
  const digest = MAC_DIGESTS[oid];
  if (digest === undefined) throw new Unsupported(`its MAC is of a kind that is not known here (${oid})`);
  const rounds = iterations === undefined ? 1 : Number(`0x${forge.util.bytesToHex(octets(iterations))}`);
  const saltBuffer = forge.util.createBuffer(octets(salt));
  const key = forge.pkcs12.generateKey(
    password,
    saltBuffer,
    MAC_KEY_ID,
    rounds,
    digest.keyBytes,
    digest.create(),
  );
  const actual = createHmac(digest.name, Buffer.from(key.getBytes(), "binary"))
    .update(content, "binary")
    .digest();
  const wanted = Buffer.from(octets(expected), "binary");
  if (actual.length !== wanted.length || !timingSafeEqual(actual, wanted)) throw new WrongPassword();
}

interface Bag {
  key: boolean;
  der: Buffer | undefined;
  localKeyId: string | undefined;
}

/** ContentInfo: a plain or an encrypted SafeContents. */
function bagsOf(safe: Asn1, password: string | null): Bag[] {
  switch (oidOf(children(safe)[0])) {
    case OID.data:
      return readBags(parse(contentOf(safe)));
    case OID.encryptedData:
      return readBags(decrypt(safe, password));
    default:
      throw new Unsupported("it is encrypted for a public key");
  }
}

function readBags(safeContents: Asn1): Bag[] {
  return children(safeContents).flatMap((bag): Bag[] => {
    const [type, wrapped, attributes] = children(bag);
    const oid = oidOf(type);
    const value = children(wrapped)[0];
    if (oid === OID.safeContentsBag && value !== undefined) return readBags(value);
    const localKeyId = attributes === undefined ? undefined : findLocalKeyId(attributes);
    if (oid === OID.keyBag || oid === OID.shroudedKeyBag) return [{ key: true, der: undefined, localKeyId }];
    if (oid !== OID.certificateBag) return [];
    const [certificateType, certificate] = children(value);
    if (oidOf(certificateType) !== OID.x509Certificate) return [];
    return [{ key: false, der: Buffer.from(octets(children(certificate)[0]), "binary"), localKeyId }];
  });
}

function findLocalKeyId(attributes: Asn1): string | undefined {
  for (const attribute of children(attributes)) {
    const [type, values] = children(attribute);
    if (oidOf(type) === OID.localKeyId) return octets(children(values)[0]);
  }
  return undefined;
}

/** EncryptedData (RFC 5652, section 8). */
function decrypt(safe: Asn1, password: string | null): Asn1 {
  const [, wrapped] = children(safe);
  const [, encrypted] = children(children(wrapped)[0]);
  const [, algorithm, content] = children(encrypted);
  const [scheme, parameters] = children(algorithm);
  const oid = oidOf(scheme);
  if (parameters === undefined) throw new Error("no parameters");
  // PBES2 takes the password as UTF-8 bytes, PKCS#12's own schemes as UTF-16.
  const secret = oid === OID.pbes2 ? forge.util.encodeUtf8(password ?? "") : password;
  let cipher: forge.cipher.BlockCipher;
  try {
    cipher = getCipher(oid, parameters, secret);
  } catch {
    throw new Unsupported(`it is encrypted by a method that is not known here (${oid})`);
  }
  cipher.update(forge.util.createBuffer(octets(content)));
  // A wrong password shows in the padding, or, one time in 256, in what comes out.
  if (!cipher.finish()) throw new WrongPassword();
  try {
    const safeContents = parse(cipher.output.getBytes());
    if (safeContents.type === asn1.Type.SEQUENCE) return safeContents;
  } catch {}
  throw new WrongPassword();
}

function contentOf(contentInfo: Asn1 | undefined): string {
  const [, wrapped] = children(contentInfo);
  return octets(children(wrapped)[0]);
}

function parse(der: string): Asn1 {
  return asn1.fromDer(der);
}

function children(node: Asn1 | undefined): Asn1[] {
  if (node === undefined || typeof node.value === "string") throw new Error("not constructed");
  return node.value;
}

function oidOf(node: Asn1 | undefined): string {
  if (node?.type !== asn1.Type.OID || typeof node.value !== "string") throw new Error("not an identifier");
  return asn1.derToOid(node.value);
}

/** The octets of a string that may come in pieces (BER), as Windows and Java write them. */
function octets(node: Asn1 | undefined): string {
  if (node === undefined) throw new Error("no octets");
  return typeof node.value === "string" ? node.value : node.value.map(octets).join("");
}
