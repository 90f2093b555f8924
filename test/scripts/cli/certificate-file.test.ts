import { describe, expect, it } from "vitest";
import { readCertificateFile } from "../../../scripts/certificates/certificate-file.ts";
import { DEVICE, failure, fixture, RSA, type Run, run } from "./run.ts";

const noPassword = { given: undefined, ask: () => Promise.reject(new Error("asked")) };
const read = (name: string, given?: string) => readCertificateFile(fixture(name), { ...noPassword, given });

describe("the device's certificate comes out of", () => {
  it.each([
    ["a PEM file", "device.pem", undefined, DEVICE],
    ["a DER file", "device.der", undefined, DEVICE],
    ["a chain, the device first", "chain.pem", undefined, DEVICE],
    ["a chain, the authority first", "chain-reversed.pem", undefined, DEVICE],
    ["a bundle that begins with the private key", "bundle.pem", undefined, DEVICE],
    ["an authority's own file, when that is all there is", "ca.pem", undefined, expect.any(String)],
    ["PKCS#12 of OpenSSL 3: AES-256 in PBES2", "modern.p12", "geheim", DEVICE],
    ["PKCS#12 of old: RC2-40 and 3DES", "legacy.p12", "geheim", DEVICE],
    ["PKCS#12 with 3DES", "3des.p12", "geheim", DEVICE],
    ["PKCS#12 with an RSA key", "rsa-modern.p12", "geheim", RSA],
    ["PKCS#12 of old with an RSA key", "rsa-legacy.p12", "geheim", RSA],
    ["PKCS#12 of Java's keytool", "java.p12", "geheim", DEVICE],
    ["PKCS#12 with a SHA-512 MAC", "sha512.p12", "geheim", DEVICE],
    ["PKCS#12 with a password beyond ASCII", "modern-accent.p12", "gehéim", DEVICE],
    ["PKCS#12 of old with a password beyond ASCII", "legacy-accent.p12", "gehéim", DEVICE],
    ["PKCS#12 with an empty password, unasked", "no-password.p12", undefined, DEVICE],
    ["PKCS#12 of old with an empty password, unasked", "no-password-legacy.p12", undefined, DEVICE],
    ["PKCS#12 whose certificate is not encrypted, unasked", "open-certificate.p12", undefined, DEVICE],
    ["PKCS#12 without a private key", "no-key.p12", "geheim", DEVICE],
  ])("%s", async (_, name, password, fingerprint) => {
    expect((await read(name, password)).fingerprint).toEqual(fingerprint);
  });

  it("with its facts, and nothing of the private key", async () => {
    const { pem, ...facts } = await read("bundle.pem");
    expect(facts).toMatchObject({ subject: "O=Home, CN=device", issuer: "CN=Test CA" });
    expect(Date.parse(facts.notAfter ?? "")).toBeGreaterThan(Date.parse(facts.notBefore ?? ""));
    expect(pem).toMatch(/^-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n$/);
  });

  it("a PKCS#12 whose password is asked for", async () => {
    const found = await readCertificateFile(fixture("legacy.p12"), {
      given: undefined,
      ask: () => Promise.resolve("geheim"),
    });
    expect(found.fingerprint).toBe(DEVICE);
  });
});

describe("a file that is no device's certificate is refused:", () => {
  it.each([
    ["only a private key", "key.pem", undefined, "holds no certificate, but: private key"],
    ["a request", "request.pem", undefined, "holds no certificate, but: certificate request"],
    ["two devices", "two-devices.pem", undefined, "holds several certificates"],
    ["a wrong password", "modern.p12", "falsch", "does not open with this password"],
    ["a wrong password for an old file", "legacy.p12", "falsch", "does not open with this password"],
    ["an empty password", "modern.p12", "", "does not open with this password"],
    ["a cipher that is not known here", "unsupported.p12", "geheim", "is encrypted by an unknown method"],
    ["a PKCS#12 cut short", "cut-short.p12", "geheim", "is a damaged PKCS#12 file"],
    ["a text", "make.sh", undefined, "is not a certificate in PEM, DER or PKCS#12 form"],
    ["a folder", ".", undefined, "is a folder, not a certificate"],
    ["no file", "none.pem", undefined, "there is no file"],
  ])("%s", async (_, name, password, cause) => {
    await expect(read(name, password)).rejects.toThrow(cause);
  });

  it("several are listed, to choose from", async () => {
    const error = await read("two-devices.pem").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      hint: "give the right one with --fingerprint",
      list: [`${DEVICE}  O=Home, CN=device`, `${RSA}  O=Home, CN=rsa`],
    });
  });
});

describe("latchkey fingerprint", () => {
  const alone: Run = { code: 0, stdout: `${DEVICE}\n`, stderr: "" };

  it("prints only the fingerprint, and needs no address and no token", async () => {
    expect(await run(["fingerprint", fixture("device.pem")])).toEqual(alone);
  });

  it("takes the password from the environment, or as an option", async () => {
    const file = fixture("modern.p12");
    const [variable, option] = await Promise.all([
      run(["fingerprint", file], { LATCHKEY_P12_PASSWORD: "geheim" }),
      run(["fingerprint", file, "--password", "geheim"]),
    ]);
    expect(variable).toEqual(alone);
    expect(option).toEqual(alone);
  });

  it("asks nobody where nobody can answer", async () => {
    expect(await run(["fingerprint", fixture("modern.p12")])).toEqual(
      failure(2, "the password of the file is missing", "set LATCHKEY_P12_PASSWORD or give --password"),
    );
  });

  it("reads the standard input and prints an object for programs, without the PEM", async () => {
    const pem = (await read("device.pem")).pem;
    const { code, stdout } = await run(["fingerprint", "-", "--json"], {}, `some text before\n${pem}`);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      fingerprint: DEVICE,
      subject: "O=Home, CN=device",
      issuer: "CN=Test CA",
      serial: expect.stringMatching(/^[0-9A-F]+$/),
      notBefore: expect.stringMatching(/Z$/),
      notAfter: expect.stringMatching(/Z$/),
    });
  });
});
