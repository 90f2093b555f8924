import { spawnSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import forge from "node-forge";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAuthority } from "../../../scripts/certificates/authority.ts";
import { openPkcs12 } from "../../../scripts/certificates/pkcs12/read.ts";
import { type Pkcs12Form, toPkcs12 } from "../../../scripts/certificates/pkcs12/write.ts";
import { createKeyAndRequest } from "../../../scripts/certificates/request.ts";
import type { KeyKind } from "../../../scripts/certificates/x509.ts";
import { signRequest } from "../../../scripts/stand-in/authority.ts";

const PASSWORD = "k7mf-2wxa-p9dn-ehq4";
const KINDS: KeyKind[] = ["ecdsa-p256", "rsa-2048"];
const FORMS: Pkcs12Form[] = ["legacy", "modern"];

interface Device {
  certificate: string;
  key: string;
}
const devices = new Map<KeyKind, Device>();
const folder = mkdtempSync(join(tmpdir(), "latchkey-pkcs12-"));
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  const authority = await createAuthority("Stand-in managed CA", new Date());
  for (const kind of KINDS) {
    const { key, csr } = await createKeyAndRequest("alice pixel-9", kind);
    const { certificate } = await signRequest(authority, csr, 30, new Date());
    devices.set(kind, { certificate, key });
  }
});

function bundle(kind: KeyKind, form: Pkcs12Form): { device: Device; file: Buffer } {
  const device = devices.get(kind);
  if (device === undefined) throw new Error("not made");
  return { device, file: toPkcs12(device, PASSWORD, "alice pixel-9 · Ärger", form) };
}

/** Every object identifier in a file, outside of what is encrypted. */
function identifiers(node: forge.asn1.Asn1): string[] {
  const { asn1 } = forge;
  if (typeof node.value !== "string") return node.value.flatMap(identifiers);
  if (node.type === asn1.Type.OID) return [asn1.derToOid(node.value)];
  // Octet strings hold the next layer; salts and ciphertexts parse as nothing.
  if (node.type !== asn1.Type.OCTETSTRING) return [];
  try {
    return identifiers(asn1.fromDer(node.value));
  } catch {
    return [];
  }
}

const CIPHERS: Record<string, string> = {
  "1.2.840.113549.1.12.1.3": "pbeWithSHAAnd3-KeyTripleDES-CBC",
  "1.2.840.113549.1.12.1.6": "pbeWithSHAAnd40BitRC2-CBC",
  "1.2.840.113549.1.5.13": "PBES2",
  "1.2.840.113549.1.5.12": "PBKDF2",
  "1.2.840.113549.2.9": "hmacWithSHA256",
  "2.16.840.1.101.3.4.1.42": "aes256-CBC",
  "1.3.14.3.2.26": "SHA-1",
  "2.16.840.1.101.3.4.2.1": "SHA-256",
};

describe.each(KINDS)("a PKCS#12 file with a key of kind %s", (kind) => {
  it("in the legacy form holds the ciphers that every Apple and Android system knows, and no other", () => {
    const { file } = bundle(kind, "legacy");
    const used = identifiers(forge.asn1.fromDer(file.toString("binary"))).flatMap(
      (oid) => CIPHERS[oid] ?? [],
    );
    // The certificate's, the key's, and the MAC's.
    expect(used).toEqual(["pbeWithSHAAnd3-KeyTripleDES-CBC", "pbeWithSHAAnd3-KeyTripleDES-CBC", "SHA-1"]);
  });

  it("in the modern form holds AES-256, PBKDF2 with SHA-256 and a SHA-256 MAC, and no other", () => {
    const { file } = bundle(kind, "modern");
    const used = identifiers(forge.asn1.fromDer(file.toString("binary"))).flatMap(
      (oid) => CIPHERS[oid] ?? [],
    );
    const pbes2 = ["PBES2", "PBKDF2", "hmacWithSHA256", "aes256-CBC"];
    expect(used).toEqual([...pbes2, ...pbes2, "SHA-256"]);
  });

  it.each(FORMS)(
    "in the %s form is read by latchkey enrol, with the key told to be the certificate's",
    (form) => {
      const { device, file } = bundle(kind, form);
      const contents = openPkcs12(file, PASSWORD);
      const der = new X509Certificate(device.certificate).raw;
      expect(contents).toEqual({ kind: "opened", certificates: [{ der, hasKey: true }] });
      expect(openPkcs12(file, "wrong").kind).toBe("wrong-password");
    },
  );

  const version = spawnSync("openssl", ["version"], { encoding: "utf8" });
  const hasOpenssl = version.status === 0;
  it.skipIf(!hasOpenssl).each(FORMS)(
    `in the %s form opens with openssl${hasOpenssl ? "" : ": there is none here"}`,
    (form) => {
      const { device, file } = bundle(kind, form);
      const path = join(folder, `${kind}-${form}.p12`);
      writeFileSync(path, file);
      // OpenSSL 3 keeps the old ciphers in a provider of their own.
      const needsLegacy = form === "legacy" && /^OpenSSL [3-9]/.test(version.stdout);
      const open = (...words: string[]) =>
        spawnSync("openssl", ["pkcs12", "-in", path, ...(needsLegacy ? ["-legacy"] : []), ...words], {
          encoding: "utf8",
        });
      const opened = open("-passin", `pass:${PASSWORD}`, "-nodes");
      expect(opened.status, opened.stderr).toBe(0);
      expect(opened.stdout).toContain("friendlyName: alice pixel-9 ");
      const certificate = new X509Certificate(
        opened.stdout.slice(opened.stdout.indexOf("-----BEGIN CERTIFICATE")),
      );
      expect(certificate.raw.equals(new X509Certificate(device.certificate).raw)).toBe(true);
      const key = createPrivateKey(opened.stdout.slice(opened.stdout.indexOf("-----BEGIN PRIVATE KEY")));
      expect(certificate.checkPrivateKey(key)).toBe(true);
      expect(open("-passin", "pass:wrong", "-nodes").status).not.toBe(0);
    },
  );
});
