import { describe, expect, it } from "vitest";
import { readCertificate } from "../../../../src/domain/request/certificate.ts";
import { certificateKey, fingerprint, tlsClientAuth } from "../../fixtures.ts";

const DIGITS = "0123456789abcdef".repeat(4);
const COLONS = DIGITS.replace(/..(?=.)/g, "$&:");

/** What JSON may hold in a field instead of the right text; `undefined` = the field is missing. */
const MISTYPED: [string, unknown][] = [
  ["missing", undefined],
  ["null", null],
  ["true", true],
  ["false", false],
  ["the number 1", 1],
  ["the number 0", 0],
  ["empty", ""],
  ["a list", []],
  ["a list of the number", [1]],
  ["a list of the text", ["1"]],
  ["an object", {}],
  ["an object that turns into the text", { toString: () => "1" }],
  ["a boxed text", Object("1")],
];

const auth = (change: Record<string, unknown>) => ({ ...tlsClientAuth(fingerprint(0xab)), ...change });
const read = (change: Record<string, unknown>) => readCertificate(auth(change));

describe("a certificate that Cloudflare verified", () => {
  it("is read with all its details", () => {
    expect(readCertificate(tlsClientAuth(fingerprint(0xab)))).toEqual({
      kind: "verified",
      key: certificateKey(0xab),
      fingerprint: fingerprint(0xab),
      notBefore: Date.UTC(2020, 0, 1),
      notAfter: Date.UTC(2120, 0, 1),
      subject: "CN=phone",
      issuer: "CN=Household CA",
      serial: "0A1B2C",
    });
  });

  it.each([
    ["lower case", DIGITS],
    ["upper case", DIGITS.toUpperCase()],
    ["mixed case", DIGITS.slice(0, 32) + DIGITS.slice(32).toUpperCase()],
    ["colons", COLONS],
    ["colons and upper case", COLONS.toUpperCase()],
  ])("has one fingerprint, also in %s", (_, certFingerprintSHA256) => {
    expect(read({ certFingerprintSHA256 })).toMatchObject({ kind: "verified", fingerprint: DIGITS });
  });

  it.each(["0a1b2c", "0A:1B:2C", "0a:1b:2c", "0A1B2C"])("has one serial, also as %s", (certSerial) => {
    expect(read({ certSerial })).toMatchObject({ serial: "0A1B2C" });
  });

  it.each([
    ["certSubjectDN", "subject"],
    ["certIssuerDN", "issuer"],
    ["certSerial", "serial"],
  ])("is verified whatever %s holds, which is for people only", (field, fact) => {
    for (const [, value] of MISTYPED) {
      expect(read({ [field]: value })).toMatchObject({ kind: "verified", [fact]: null });
    }
  });

  it("is not judged by its dates here", () => {
    expect(read({ certNotAfter: "Jan  1 00:00:00 2001 GMT" })).toMatchObject({
      kind: "verified",
      notAfter: Date.UTC(2001, 0, 1),
    });
    expect(read({ certNotBefore: "Jan  1 00:00:00 2999 GMT" }).kind).toBe("verified");
  });

  it.each([
    ["a one-digit day, double-spaced", "Mar  4 05:06:07 2021 GMT", Date.UTC(2021, 2, 4, 5, 6, 7)],
    ["a one-digit day, single-spaced", "Mar 4 05:06:07 2021 GMT", Date.UTC(2021, 2, 4, 5, 6, 7)],
    ["a two-digit day", "Mar 14 05:06:07 2021 GMT", Date.UTC(2021, 2, 14, 5, 6, 7)],
  ])("has dates with %s", (_, text, ms) => {
    expect(read({ certNotBefore: text })).toMatchObject({ kind: "verified", notBefore: ms });
    expect(read({ certNotAfter: text })).toMatchObject({ kind: "verified", notAfter: ms });
  });
});

describe("no certificate", () => {
  it.each<[string, unknown]>([
    ["undefined", undefined],
    ["null", null],
    ["true", true],
    ["a number", 1],
    ["a text", "1"],
    ["an empty list", []],
    ["a list with a certificate", [tlsClientAuth()]],
    ["an empty object", {}],
    ["a function with the fields", Object.assign(() => {}, tlsClientAuth())],
    [
      "what Cloudflare sends without one",
      { certPresented: "0", certVerified: "NONE", certRevoked: "0", certFingerprintSHA256: "" },
    ],
  ])("is what %s says", (_, value) => {
    expect(readCertificate(value)).toEqual({ kind: "absent" });
  });

  it.each<[string, unknown]>([
    ...MISTYPED,
    ["0", "0"],
    ["2", "2"],
    ["01", "01"],
    [" 1", " 1"],
    ["true, a text", "true"],
  ])("is presented when certPresented is %s", (_, certPresented) => {
    expect(read({ certPresented })).toEqual({ kind: "absent" });
  });
});

describe("a certificate that Cloudflare did not verify", () => {
  it.each<[string, unknown]>([
    ...MISTYPED,
    ["NONE", "NONE"],
    ["FAILED", "FAILED"],
    ["FAILED with why", "FAILED:self signed certificate"],
    ["FAILED as expired", "FAILED:certificate has expired"],
    ["FAILED with the right word", "FAILED:SUCCESS"],
    ["success in lower case", "success"],
    ["SUCCESS and more", "SUCCESS:"],
    ["SUCCESS with a blank", "SUCCESS "],
    ["a list of SUCCESS", ["SUCCESS"]],
    ["unheard of", "SKIPPED"],
  ])("has certVerified %s, and no fingerprint that could be looked up", (_, certVerified) => {
    expect(read({ certVerified })).toEqual({ kind: "unverified", short: "00000000" });
  });

  it("is that before it is revoked or malformed", () => {
    const failed = { certVerified: "FAILED:certificate revoked" };
    expect(read({ ...failed, certRevoked: "1" }).kind).toBe("unverified");
    expect(read({ ...failed, certNotAfter: "never" }).kind).toBe("unverified");
    expect(read({ ...failed, certFingerprintSHA256: "nonsense" })).toEqual({
      kind: "unverified",
      short: null,
    });
  });

  it("is not presented when it is not presented", () => {
    expect(read({ certPresented: "0", certVerified: "FAILED", certRevoked: "1" }).kind).toBe("absent");
  });
});

describe("a certificate that Cloudflare revoked", () => {
  it.each<[string, unknown]>([
    ...MISTYPED,
    ["1", "1"],
    ["2", "2"],
    ["00", "00"],
    ["false, a text", "false"],
    ["a list of 0", ["0"]],
  ])("reads SUCCESS all the same: certRevoked is %s", (_, certRevoked) => {
    expect(read({ certVerified: "SUCCESS", certRevoked })).toEqual({ kind: "revoked", short: "00000000" });
  });

  it("is that before it is malformed", () => {
    expect(read({ certRevoked: "1", certNotAfter: "never" }).kind).toBe("revoked");
    expect(read({ certRevoked: "1", certFingerprintSHA256: "" })).toEqual({ kind: "revoked", short: null });
  });
});

describe("a malformed certificate", () => {
  it.each<[string, unknown]>([
    ...MISTYPED,
    ["63 digits", DIGITS.slice(1)],
    ["65 digits", `${DIGITS}0`],
    ["128 digits, as the types package's example", DIGITS + DIGITS],
    ["SHA-1", DIGITS.slice(0, 40)],
    ["not hex", `${DIGITS.slice(1)}g`],
    ["with a blank before", ` ${DIGITS}`],
    ["with a blank after", `${DIGITS} `],
    ["with a line break after", `${DIGITS}\n`],
    ["with colons in the wrong places", DIGITS.replace(/....(?=.)/g, "$&:")],
    ["with some colons", `${DIGITS.slice(0, 2)}:${DIGITS.slice(2)}`],
    ["with a colon at the end", `${COLONS}:`],
    ["with hyphens", COLONS.replaceAll(":", "-")],
    ["with 0x", `0x${DIGITS.slice(2)}`],
    ["a list of the right text", [DIGITS]],
  ])("has a fingerprint that is %s", (_, certFingerprintSHA256) => {
    expect(read({ certFingerprintSHA256 })).toEqual({ kind: "malformed", short: null });
  });

  describe.each(["certNotBefore", "certNotAfter"])("has a %s that is", (field) => {
    it.each<[string, unknown]>([
      ...MISTYPED,
      ["impossible", "Feb 30 00:00:00 2030 GMT"],
      ["ISO 8601", "2030-01-01T00:00:00Z"],
      ["without a zone", "Jan  1 00:00:00 2030"],
      ["words", "never"],
      ["milliseconds", Date.UTC(2030, 0, 1)],
    ])("%s", (_, value) => {
      expect(read({ [field]: value })).toEqual({ kind: "malformed", short: "00000000" });
    });
  });
});
