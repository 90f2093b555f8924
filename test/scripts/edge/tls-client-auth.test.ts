import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type Credential,
  createAuthority,
  issueDeviceCertificate,
  issueSelfSignedCertificate,
} from "../../../scripts/certificates/authority.ts";
import {
  rfc2253Name,
  tlsClientAuth,
  verificationOf,
  withRevocation,
} from "../../../scripts/edge/tls/client-auth.ts";

let authority: Credential;
let device: X509Certificate;
const validity = {
  notBefore: new Date("2026-03-01T09:05:07Z"),
  notAfter: new Date("2036-12-22T19:39:00Z"),
};

beforeAll(async () => {
  authority = await createAuthority("Test CA", new Date("2026-01-01T00:00:00Z"));
  device = new X509Certificate((await issueDeviceCertificate(authority, "phone", validity)).certificate);
});

describe("tlsClientAuth", () => {
  it("says NONE and nothing else without a certificate", () => {
    const { certPresented, certVerified, certRevoked, ...details } = tlsClientAuth(undefined, "SUCCESS");
    expect({ certPresented, certVerified, certRevoked }).toEqual({
      certPresented: "0",
      certVerified: "NONE",
      certRevoked: "0",
    });
    expect(new Set(Object.values(details))).toEqual(new Set([""]));
  });

  it("fills in every field in Cloudflare's formats", () => {
    expect(tlsClientAuth(device, "SUCCESS")).toEqual({
      certPresented: "1",
      certVerified: "SUCCESS",
      certRevoked: "0",
      certIssuerDN: "CN=Test CA,O=Latchkey development",
      certSubjectDN: "CN=phone,O=Latchkey development",
      certSerial: expect.stringMatching(/^[0-9A-F]{32}$/),
      certFingerprintSHA256: device.fingerprint256.replaceAll(":", "").toLowerCase(),
      // One-digit days are double-spaced.
      certNotBefore: "Mar  1 09:05:07 2026 GMT",
      certNotAfter: "Dec 22 19:39:00 2036 GMT",
      certRFC9440: `:${device.raw.toString("base64")}:`,
    });
  });

  it("fills in the fields of a certificate that failed, too", async () => {
    const own = new X509Certificate((await issueSelfSignedCertificate("mallory", validity)).certificate);
    const auth = tlsClientAuth(own, "FAILED:self signed certificate");
    expect(auth).toMatchObject({
      certPresented: "1",
      certVerified: "FAILED:self signed certificate",
      certRevoked: "0",
      certSubjectDN: "CN=mallory,O=Latchkey development",
      certFingerprintSHA256: own.fingerprint256.replaceAll(":", "").toLowerCase(),
    });
  });
});

describe("withRevocation", () => {
  it("reports a verified certificate as revoked and still verified", () => {
    const auth = tlsClientAuth(device, "SUCCESS");
    const revoked = withRevocation(auth, new Set([auth.certSerial]));
    expect(revoked).toEqual({ ...auth, certRevoked: "1" });
  });

  it("does not take the serial of a certificate that was not verified for a revoked one", () => {
    const auth = tlsClientAuth(device, "FAILED");
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
    ["C=US\nO=Cloudflare\\, Inc.\nCN=x", "CN=x,O=Cloudflare\\, Inc.,C=US"],
    ["CN=Zürich", "CN=Z\\C3\\BCrich"],
    ["OU=a + CN=b", "OU=a+CN=b"],
    ["CN=a \\+ b", "CN=a \\+ b"],
    ["CN=line\\0Afeed", "CN=line\\0Afeed"],
    [undefined, ""],
  ])("%j is %j", (lines, rfc2253) => {
    expect(rfc2253Name(lines)).toBe(rfc2253);
  });
});
