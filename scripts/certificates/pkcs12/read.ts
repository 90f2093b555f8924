// Certificates out of a PKCS#12 file (RFC 7292). Only the certificates are decrypted, not the private key. The bytes of
// a certificate are taken from the file as they are and never re-encoded, because its fingerprint is made of them.
// node-forge's own reader does neither.
import { createHmac, timingSafeEqual } from "node:crypto";
import {
  type Asn1,
  children,
  DIGESTS,
  decrypterOf,
  derive,
  isSequence,
  OID,
  octetsOf,
  oidOf,
  PURPOSE,
  parse,
} from "./asn1.ts";

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
    const [version, safe] = children(parse(bytes.toString("binary"), false));
    return version?.value === "\x03" && safe !== undefined && isSequence(safe);
  } catch {
    return false;
  }
}

export function openPkcs12(bytes: Buffer, password: string): Pkcs12Contents {
  // An empty password is written in two ways: as an empty string, or as none at all.
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

/** MacData (RFC 7292, section 4): the first place where a wrong password shows. */
function checkMac(mac: Asn1, content: string, password: string | null): void {
  const [digestInfo, salt, iterations] = children(mac);
  const [algorithm, expected] = children(digestInfo);
  const oid = oidOf(children(algorithm)[0]);
  const digest = DIGESTS.find((each) => each.oid === oid);
  if (digest === undefined) throw new Unsupported(`its MAC is of an unknown kind (${oid})`);
  const rounds = iterations === undefined ? 1 : Number(`0x${bytesOf(iterations).toString("hex")}`);
  const key = derive(password, { salt: bytesOf(salt), iterations: rounds }, PURPOSE.mac, digest);
  const actual = createHmac(digest.name, key).update(content, "binary").digest();
  const wanted = bytesOf(expected);
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
    return [{ key: false, der: bytesOf(children(certificate)[0]), localKeyId }];
  });
}

function findLocalKeyId(attributes: Asn1): string | undefined {
  for (const attribute of children(attributes)) {
    const [type, values] = children(attribute);
    if (oidOf(type) === OID.localKeyId) return octetsOf(children(values)[0]);
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
  let decrypted: (content: string) => string | undefined;
  try {
    decrypted = decrypterOf(oid, parameters, password);
  } catch {
    throw new Unsupported(`it is encrypted by an unknown method (${oid})`);
  }
  // A wrong password shows in the padding or, one time in 256, in what comes out.
  const plain = decrypted(octetsOf(content));
  if (plain === undefined) throw new WrongPassword();
  try {
    const safeContents = parse(plain);
    if (isSequence(safeContents)) return safeContents;
  } catch {}
  throw new WrongPassword();
}

function bytesOf(node: Asn1 | undefined): Buffer {
  return Buffer.from(octetsOf(node), "binary");
}

function contentOf(contentInfo: Asn1 | undefined): string {
  const [, wrapped] = children(contentInfo);
  return octetsOf(children(wrapped)[0]);
}
