import { createPublicKey, X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createAuthority } from "../../../scripts/certificates/authority.ts";
import { newImportPassword } from "../../../scripts/certificates/device-files.ts";
import { toMobileConfig } from "../../../scripts/certificates/mobileconfig.ts";
import { commonNameOf, createKeyAndRequest } from "../../../scripts/certificates/request.ts";
import { Pkcs10CertificateRequest } from "../../../scripts/certificates/x509.ts";
import { signRequest } from "../../../scripts/stand-in/authority.ts";

describe("a request for a certificate", () => {
  it.each(["alice pixel-9", 'bob "the phone", a+b \\ #1', "#41", "zoë 📱"])(
    "carries the subject %s as it is",
    async (commonName) => {
      const { csr } = await createKeyAndRequest(commonName, "ecdsa-p256");
      const request = new Pkcs10CertificateRequest(csr);
      expect(await request.verify()).toBe(true);
      expect(request.subjectName.getField("CN")).toEqual([commonName]);
      expect(request.subjectName.getField("O")).toEqual(["Latchkey"]);
    },
  );

  it.each([
    ["ecdsa-p256", "ec", "prime256v1"],
    ["rsa-2048", "rsa", 2048],
  ] as const)("has a key of kind %s, and none of it but the public half", async (kind, type, size) => {
    const { key, csr } = await createKeyAndRequest("alice pixel-9", kind);
    const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey(key);
    expect(asymmetricKeyType).toBe(type);
    expect(asymmetricKeyDetails?.namedCurve ?? asymmetricKeyDetails?.modulusLength).toBe(size);
    expect(key).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(csr).toMatch(/^-----BEGIN CERTIFICATE REQUEST-----\n/);
    expect(csr).not.toContain("PRIVATE");
  });

  it("is refused by the stand-in when it was changed after its key signed it", async () => {
    const authority = await createAuthority("Stand-in managed CA", new Date());
    const [mine, other] = await Promise.all(
      ["alice pixel-9", "alice pixel-8"].map((name) => createKeyAndRequest(name, "ecdsa-p256")),
    );
    const signed = await signRequest(authority, mine?.csr ?? "", 30, new Date());
    expect(new X509Certificate(signed.certificate).verify(createPublicKey(authority.certificate))).toBe(true);
    // The body of one, the signature of the other: both have the same length.
    const der = (pem = "") => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
    const forged = Buffer.from(der(mine?.csr));
    const at = forged.indexOf("pixel-9");
    forged.write("pixel-8", at);
    const csr = `-----BEGIN CERTIFICATE REQUEST-----\n${forged.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
    expect(other).toBeDefined();
    await expect(signRequest(authority, csr, 30, new Date())).rejects.toMatchObject({ status: 400 });
  });

  it("cuts a common name that is too long for a certificate, between characters", () => {
    expect(commonNameOf("alice", "pixel-9")).toBe("alice pixel-9");
    const cut = commonNameOf("alice", "📱".repeat(64));
    expect([...cut]).toHaveLength(64);
    expect(cut.isWellFormed()).toBe(true);
  });
});

it("import passwords are typed easily, and never the same", () => {
  const passwords = Array.from({ length: 200 }, newImportPassword);
  expect(new Set(passwords).size).toBe(200);
  for (const password of passwords)
    expect(password).toMatch(/^([a-hj-km-np-z2-9]{4}-){3}[a-hj-km-np-z2-9]{4}$/);
});

it("an Apple profile holds the PKCS#12 file, and no text that breaks its XML", () => {
  const pkcs12 = Buffer.from("0123456789".repeat(20));
  const text = toMobileConfig({
    name: "alice <tom & jerry>",
    fingerprint: "ab".repeat(32),
    pkcs12,
    pkcs12FileName: "alice-tom.p12",
    uuids: ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"],
  });
  const data = /<data>([\s\S]*)<\/data>/.exec(text)?.[1]?.replace(/\s/g, "") ?? "";
  expect(Buffer.from(data, "base64").equals(pkcs12)).toBe(true);
  expect(text).toContain("<string>com.apple.security.pkcs12</string>");
  expect(text).toContain("<string>Latchkey: alice &#60;tom &#38; jerry&#62;</string>");
  expect(text).not.toContain("Password");
  expect(text.match(/<(dict|array|string|key|data|plist)\b/g)?.length).toBe(
    text.match(/<\/(dict|array|string|key|data|plist)>/g)?.length,
  );
});
