import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type Credential,
  createAuthority,
  issueDeviceCertificate,
  issueSelfSignedCertificate,
} from "../../../scripts/certificates/authority.ts";
import { legacyName, rfc2253Name } from "../../../scripts/edge/distinguished-name.ts";
import { tlsClientAuth, verificationOf, withRevocation } from "../../../scripts/edge/tls-client-auth.ts";

let authority: Credential;
let ca: X509Certificate;
let device: X509Certificate;
const validity = {
  notBefore: new Date("2026-03-01T09:05:07Z"),
  notAfter: new Date("2036-12-22T19:39:00Z"),
};

beforeAll(async () => {
  authority = await createAuthority("Test CA", new Date("2026-01-01T00:00:00Z"));
  ca = new X509Certificate(authority.certificate);
  device = new X509Certificate((await issueDeviceCertificate(authority, "phone", validity)).certificate);
});

const presented = (certificate: X509Certificate) => ({ leaf: certificate.raw, intermediates: [] });

describe("tlsClientAuth", () => {
  it("says NONE and nothing else without a certificate", () => {
    const { certRFC9440TooLarge, certChainRFC9440TooLarge, ...texts } = tlsClientAuth(undefined, "SUCCESS", [
      ca,
    ]);
    const { certPresented, certVerified, certRevoked, ...facts } = texts;
    expect({ certPresented, certVerified, certRevoked }).toEqual({
      certPresented: "0",
      certVerified: "NONE",
      certRevoked: "0",
    });
    expect(new Set(Object.values(facts))).toEqual(new Set([""]));
    expect([certRFC9440TooLarge, certChainRFC9440TooLarge]).toEqual([false, false]);
  });

  it("fills in every field in Cloudflare's formats", () => {
    const plain = (text: string) => text.replaceAll(":", "").toLowerCase();
    expect(tlsClientAuth(presented(device), "SUCCESS", [ca])).toEqual({
      certPresented: "1",
      certVerified: "SUCCESS",
      certRevoked: "0",
      certIssuerDN: "CN=Test CA,O=Latchkey development",
      certSubjectDN: "CN=phone,O=Latchkey development",
      certIssuerDNRFC2253: "CN=Test CA,O=Latchkey development",
      certSubjectDNRFC2253: "CN=phone,O=Latchkey development",
      certIssuerDNLegacy: "/O=Latchkey development/CN=Test CA",
      certSubjectDNLegacy: "/O=Latchkey development/CN=phone",
      certSerial: expect.stringMatching(/^[0-9A-F]{32}$/),
      certIssuerSerial: ca.serialNumber,
      certSKI: expect.stringMatching(/^[0-9A-F]{40}$/),
      certIssuerSKI: tlsClientAuth(presented(ca), "SUCCESS", [ca]).certSKI,
      certFingerprintSHA1: plain(device.fingerprint),
      certFingerprintSHA256: plain(device.fingerprint256),
      // One-digit days are double-spaced.
      certNotBefore: "Mar  1 09:05:07 2026 GMT",
      certNotAfter: "Dec 22 19:39:00 2036 GMT",
      certRFC9440: `:${device.raw.toString("base64")}:`,
      certRFC9440TooLarge: false,
      certChainRFC9440: "",
      certChainRFC9440TooLarge: false,
    });
  });

  it("fills in the facts of a certificate that failed, too", async () => {
    const own = new X509Certificate((await issueSelfSignedCertificate("mallory", validity)).certificate);
    const auth = tlsClientAuth(presented(own), "FAILED:self signed certificate", [ca]);
    expect(auth).toMatchObject({
      certPresented: "1",
      certVerified: "FAILED:self signed certificate",
      certRevoked: "0",
      certSubjectDN: "CN=mallory,O=Latchkey development",
      certFingerprintSHA256: own.fingerprint256.replaceAll(":", "").toLowerCase(),
      certIssuerSerial: own.serialNumber,
    });
  });

  it("leaves out what is too large, and says so", () => {
    const chain = Array.from({ length: 40 }, () => ca.raw);
    const auth = tlsClientAuth({ leaf: device.raw, intermediates: chain }, "SUCCESS", [ca]);
    expect(auth).toMatchObject({ certChainRFC9440: "", certChainRFC9440TooLarge: true });
    const short = tlsClientAuth({ leaf: device.raw, intermediates: [ca.raw] }, "SUCCESS", [ca]);
    expect(short).toMatchObject({
      certChainRFC9440: `:${ca.raw.toString("base64")}:`,
      certChainRFC9440TooLarge: false,
    });
  });
});

describe("withRevocation", () => {
  it("reports a verified certificate as revoked and still verified", () => {
    const auth = tlsClientAuth(presented(device), "SUCCESS", [ca]);
    const revoked = withRevocation(auth, new Set([auth.certSerial]));
    expect(revoked).toEqual({ ...auth, certRevoked: "1" });
  });

  it("does not take the serial of a certificate that was not verified for a revoked one", () => {
    const auth = tlsClientAuth(presented(device), "FAILED", [ca]);
    expect(withRevocation(auth, new Set([auth.certSerial])).certRevoked).toBe("0");
  });
});

describe("verificationOf", () => {
  it.each([
    [true, null, "SUCCESS"],
    [false, "DEPTH_ZERO_SELF_SIGNED_CERT", "FAILED:self signed certificate"],
    [false, "CERT_HAS_EXPIRED", "FAILED:certificate has expired"],
    [false, "CERT_NOT_YET_VALID", "FAILED:certificate is not yet valid"],
    [false, "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "FAILED:unable to verify the first certificate"],
    [false, "UNABLE_TO_GET_ISSUER_CERT", "FAILED:unable to get issuer certificate"],
    [false, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "FAILED:unable to get local issuer certificate"],
    [false, new Error("CERT_HAS_EXPIRED"), "FAILED:certificate has expired"],
    [false, "SOMETHING_NEW", "FAILED"],
    [false, "constructor", "FAILED"],
    [false, undefined, "FAILED"],
  ])("authorized %s, error %s: %s", (authorized, error, verification) => {
    expect(verificationOf(authorized, error)).toBe(verification);
  });
});

describe("names", () => {
  it.each([
    ["C=US\nO=Cloudflare\\, Inc.\nCN=x", "CN=x,O=Cloudflare\\, Inc.,C=US", "/C=US/O=Cloudflare, Inc./CN=x"],
    ["CN=Zürich", "CN=Z\\C3\\BCrich", "/CN=Z\\xC3\\xBCrich"],
    ["OU=a + CN=b", "OU=a+CN=b", "/OU=a/CN=b"],
    ["CN=a \\+ b", "CN=a \\+ b", "/CN=a + b"],
    ["CN=line\\0Afeed", "CN=line\\0Afeed", "/CN=line\\x0Afeed"],
    [undefined, "", ""],
  ])("%j is %j and %j", (lines, rfc2253, legacy) => {
    expect(rfc2253Name(lines)).toBe(rfc2253);
    expect(legacyName(lines)).toBe(legacy);
  });
});
