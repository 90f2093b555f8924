import {
  createCipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  pbkdf2Sync,
  randomBytes,
  X509Certificate,
} from "node:crypto";
import forge from "node-forge";
import { bmpString, context, integer, nothing, octets, oid, sequence, set, toDer } from "./der.ts";

/** A certificate and its private key, both PEM. The key: ECDSA or RSA, PKCS#8, not encrypted. */
interface CertificateWithKey {
  certificate: string;
  key: string;
}

/**
 * - `legacy`: 3DES and a SHA-1 MAC, which every system imports. What OpenSSL 3 writes by default gives a
 *   false "incorrect password" on older Android and Apple systems.
 * - `modern`: AES-256, PBKDF2 with SHA-256, and a SHA-256 MAC: for systems that refuse the old ciphers.
 */
export type Pkcs12Form = "legacy" | "modern";

const OID = {
  data: "1.2.840.113549.1.7.1",
  encryptedData: "1.2.840.113549.1.7.6",
  shroudedKeyBag: "1.2.840.113549.1.12.10.1.2",
  certificateBag: "1.2.840.113549.1.12.10.1.3",
  x509Certificate: "1.2.840.113549.1.9.22.1",
  friendlyName: "1.2.840.113549.1.9.20",
  localKeyId: "1.2.840.113549.1.9.21",
  sha1And3Des: "1.2.840.113549.1.12.1.3",
  pbes2: "1.2.840.113549.1.5.13",
  pbkdf2: "1.2.840.113549.1.5.12",
  hmacWithSha256: "1.2.840.113549.2.9",
  aes256Cbc: "2.16.840.1.101.3.4.1.42",
} as const;

const MAC = {
  legacy: { oid: "1.3.14.3.2.26", digest: "sha1", bytes: 20, create: () => forge.md.sha1.create() },
  modern: {
    oid: "2.16.840.1.101.3.4.2.1",
    digest: "sha256",
    bytes: 32,
    create: () => forge.md.sha256.create(),
  },
} as const;

/** What OpenSSL takes. The strength lies in the password, which is generated: old phones count slowly. */
const ITERATIONS = 2048;
const SALT_BYTES = 16;

/** What a key is for, when it is made of a password (RFC 7292, appendix B.3). */
const PURPOSE = { key: 1, iv: 2, mac: 3 } as const;

/**
 * A certificate with its key as a PKCS#12 file (RFC 7292). The certificate's bytes are taken as they
 * are, since its fingerprint is made of them. (node-forge's own writer knows no ECDSA.)
 */
export function toPkcs12(
  { certificate, key }: CertificateWithKey,
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

function dataOf(content: Buffer): forge.asn1.Asn1 {
  return sequence(oid(OID.data), context(0, octets(content)));
}

interface Encrypted {
  algorithm: forge.asn1.Asn1;
  content: Buffer;
}

/** pbeWithSHAAnd3-KeyTripleDES-CBC (RFC 7292, appendix C). */
function encryptLegacy(content: Buffer, password: string): Encrypted {
  const salt = randomBytes(SALT_BYTES);
  const key = derive(password, salt, PURPOSE.key, 24, "legacy");
  const iv = derive(password, salt, PURPOSE.iv, 8, "legacy");
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
function macOf(content: Buffer, password: string, form: Pkcs12Form): forge.asn1.Asn1 {
  const { oid: algorithm, digest, bytes } = MAC[form];
  const salt = randomBytes(SALT_BYTES);
  const key = derive(password, salt, PURPOSE.mac, bytes, form);
  const mac = createHmac(digest, key).update(content).digest();
  return sequence(
    sequence(sequence(oid(algorithm), nothing()), octets(mac)),
    octets(salt),
    integer(ITERATIONS),
  );
}

/** PKCS#12's own way from a password to a key (RFC 7292, appendix B). */
function derive(password: string, salt: Buffer, purpose: number, bytes: number, form: Pkcs12Form): Buffer {
  const key = forge.pkcs12.generateKey(
    password,
    forge.util.createBuffer(salt.toString("binary")),
    purpose as 1,
    ITERATIONS,
    bytes,
    MAC[form].create(),
  );
  return Buffer.from(key.getBytes(), "binary");
}
