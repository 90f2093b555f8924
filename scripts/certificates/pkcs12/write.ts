// A certificate with its key as a PKCS#12 file.
import {
  createCipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  pbkdf2Sync,
  randomBytes,
  X509Certificate,
} from "node:crypto";
import {
  type Asn1,
  bmpString,
  context,
  derive,
  integer,
  nothing,
  OID,
  octets,
  oid,
  PURPOSE,
  SHA1,
  SHA256,
  sequence,
  set,
  toDer,
} from "./asn1.ts";

/**
 * - `legacy`: 3DES and a SHA-1 MAC, which every system imports. What OpenSSL 3 writes by default gives a
 *   false "incorrect password" on older Android and Apple systems.
 * - `modern`: AES-256, PBKDF2 with SHA-256, and a SHA-256 MAC: for systems that refuse the old ciphers.
 */
export type Pkcs12Form = "legacy" | "modern";

/** OpenSSL's number. The strength lies in the password, which is generated; more rounds would be slow on old phones. */
const ITERATIONS = 2048;
const SALT_BYTES = 16;

/**
 * A certificate with its key, both PEM, as a PKCS#12 file (RFC 7292). The key: ECDSA or RSA, PKCS#8, not encrypted.
 * The bytes of the certificate stay as they are, since its
 * fingerprint is made of them. (node-forge's own writer does not support ECDSA.)
 */
export function toPkcs12(
  { certificate, key }: { certificate: string; key: string },
  password: string,
  friendlyName: string,
  form: Pkcs12Form,
): Buffer {
  const der = new X509Certificate(certificate).raw;
  const privateKey = createPrivateKey(key).export({ type: "pkcs8", format: "der" });
  const encrypt = form === "legacy" ? encryptLegacy : encryptModern;
  const attributes = set(
    sequence(oid(OID.friendlyName), set(bmpString(friendlyName))),
    sequence(oid(OID.localKeyId), set(octets(createHash("sha1").update(der).digest()))),
  );

  const certificateBag = sequence(
    oid(OID.certificateBag),
    context(0, sequence(oid(OID.x509Certificate), context(0, octets(der)))),
    attributes,
  );
  const hidden = encrypt(toDer(sequence(certificateBag)), password);
  const certificates = sequence(
    oid(OID.encryptedData),
    context(
      0,
      sequence(
        integer(0),
        // EncryptedContentInfo (RFC 5652, section 8): the content is tagged implicitly.
        sequence(oid(OID.data), hidden.algorithm, context(0, hidden.content)),
      ),
    ),
  );

  const shrouded = encrypt(privateKey, password);
  const keyBag = sequence(
    oid(OID.shroudedKeyBag),
    context(0, sequence(shrouded.algorithm, octets(shrouded.content))),
    attributes,
  );

  const safe = toDer(sequence(certificates, dataOf(toDer(sequence(keyBag)))));
  return toDer(sequence(integer(3), dataOf(safe), macOf(safe, password, form)));
}

function dataOf(content: Buffer): Asn1 {
  return sequence(oid(OID.data), context(0, octets(content)));
}

interface Encrypted {
  algorithm: Asn1;
  content: Buffer;
}

/** pbeWithSHAAnd3-KeyTripleDES-CBC (RFC 7292, appendix C). */
function encryptLegacy(content: Buffer, password: string): Encrypted {
  const salt = randomBytes(SALT_BYTES);
  const parameters = { salt, iterations: ITERATIONS };
  const key = derive(password, parameters, PURPOSE.key, SHA1, 24);
  const iv = derive(password, parameters, PURPOSE.iv, SHA1, 8);
  const cipher = createCipheriv("des-ede3-cbc", key, iv);
  return {
    algorithm: sequence(oid(OID.sha1And3Des), sequence(octets(salt), integer(ITERATIONS))),
    content: Buffer.concat([cipher.update(content), cipher.final()]),
  };
}

/** PBES2 (RFC 8018, section 6.2), which takes the password as UTF-8. */
function encryptModern(content: Buffer, password: string): Encrypted {
  const salt = randomBytes(SALT_BYTES);
  const iv = randomBytes(16);
  const cipher = createCipheriv("aes-256-cbc", pbkdf2Sync(password, salt, ITERATIONS, 32, "sha256"), iv);
  return {
    algorithm: sequence(
      oid(OID.pbes2),
      sequence(
        sequence(
          oid(OID.pbkdf2),
          sequence(octets(salt), integer(ITERATIONS), sequence(oid(OID.hmacWithSha256), nothing())),
        ),
        sequence(oid(OID.aes256Cbc), octets(iv)),
      ),
    ),
    content: Buffer.concat([cipher.update(content), cipher.final()]),
  };
}

/** MacData (RFC 7292, section 4). */
function macOf(content: Buffer, password: string, form: Pkcs12Form): Asn1 {
  const digest = form === "legacy" ? SHA1 : SHA256;
  const salt = randomBytes(SALT_BYTES);
  const key = derive(password, { salt, iterations: ITERATIONS }, PURPOSE.mac, digest);
  const mac = createHmac(digest.name, key).update(content).digest();
  return sequence(
    sequence(sequence(oid(digest.oid), nothing()), octets(mac)),
    octets(salt),
    integer(ITERATIONS),
  );
}
