// A device's certificate with its key, sealed for an invitation: only the invitation's link opens it.
//
// The format, version 1: the byte 1, a nonce of 12 bytes, and AES-256-GCM's ciphertext with its tag of 16 bytes. What is
// sealed is JSON in UTF-8 (see `Sealed`); the additional data is `latchkey bundle 1 ` and the invitation's id, so that no
// bundle can be handed out in place of another one. The key, 32 random bytes, is in the link's fragment only. The proof,
// the SHA-256 of `latchkey bundle ` and the key as the link has it, shows the Worker that somebody has the whole link,
// and says nothing of the key. The page that opens it: src/pages/welcome/script.ts.
import { createCipheriv, createHash, randomBytes, randomUUID } from "node:crypto";
import { BUNDLE_MAX_BYTES } from "../../src/contract/limits.ts";
import { failed } from "../terminal/failure.ts";
import { fileNameOf, newImportPassword } from "./device-files.ts";
import { toMobileConfig } from "./mobileconfig.ts";
import { toPkcs12 } from "./pkcs12/write.ts";

const VERSION = 1;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;

/** What the page offers: three forms of the same, and the password that a device asks for when it imports one. */
interface Sealed {
  /** Of the files, without an ending. */
  fileName: string;
  password: string;
  /** PKCS#12 in the form that imports everywhere, and in the modern one: base64. */
  p12: string;
  modern: string;
  /** Apple's configuration profile: XML. */
  profile: string;
}

export interface Bundle {
  /** Base64url, as are the other two but for the proof, which is hex. */
  ciphertext: string;
  /** For the link only. */
  key: string;
  proof: string;
}

/** The certificate that is sealed, and whose it is. PEM, both. */
export interface BundleContents {
  user: string;
  device: string;
  /** `alice pixel-9` */
  commonName: string;
  certificate: string;
  key: string;
  fingerprint: string;
}

/** Seals a certificate with its key for the invitation with this id, under a key of its own. */
export function sealBundle(contents: BundleContents, invitation: string): Bundle {
  const plain = Buffer.from(JSON.stringify(pack(contents)));
  const [secret, nonce] = [randomBytes(KEY_BYTES), randomBytes(NONCE_BYTES)];
  const cipher = createCipheriv("aes-256-gcm", secret, nonce);
  cipher.setAAD(Buffer.from(`latchkey bundle ${VERSION} ${invitation}`));
  const hidden = [cipher.update(plain), cipher.final(), cipher.getAuthTag()];
  const sealed = Buffer.concat([Buffer.of(VERSION), nonce, ...hidden]);
  if (sealed.length > BUNDLE_MAX_BYTES) {
    throw failed(
      `the certificate takes ${sealed.length} bytes, and a link brings at most ${BUNDLE_MAX_BYTES}`,
      "make files of it with latchkey issue, and carry them to the device",
    );
  }
  const key = secret.toString("base64url");
  const proof = createHash("sha256").update(`latchkey bundle ${key}`).digest("hex");
  return { ciphertext: sealed.toString("base64url"), key, proof };
}

function pack({ user, device, commonName, fingerprint, ...pair }: BundleContents): Sealed {
  const password = newImportPassword();
  const fileName = fileNameOf(`${user}-${device}`);
  const p12 = toPkcs12(pair, password, commonName, "legacy");
  const profile = toMobileConfig({
    name: commonName,
    fingerprint,
    pkcs12: p12,
    pkcs12FileName: `${fileName}.p12`,
    uuids: [randomUUID(), randomUUID()],
  });
  const modern = toPkcs12(pair, password, commonName, "modern");
  return { fileName, password, p12: p12.toString("base64"), modern: modern.toString("base64"), profile };
}
