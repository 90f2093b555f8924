import { describe, expect, it } from "vitest";
import { readPem } from "../../../src/api/x509.ts";
import {
  DEVICE_FINGERPRINT,
  DEVICE_PEM,
  DEVICE_SERIAL,
  der,
  EXPIRED_PEM,
  NAMELESS_PEM,
  ODD_PEM,
  pem,
} from "./fixtures.ts";

const NOW = Date.UTC(2026, 10, 24);

function details(text: string, now = NOW) {
  const result = readPem(text, now);
  return result.ok ? result.value : expect.fail(result.error);
}

describe("readPem", () => {
  it("reads the fingerprint and the details, as openssl tells them", () => {
    expect(details(DEVICE_PEM)).toEqual({
      fingerprint: DEVICE_FINGERPRINT,
      details: {
        subject: "O=Household, CN=alice-phone",
        issuer: "O=Household, CN=Household CA",
        serial: DEVICE_SERIAL,
        notBefore: Date.UTC(2026, 0, 1),
        notAfter: Date.UTC(2126, 0, 1),
      },
    });
  });

  it("computes the fingerprint as the SHA-256 of the DER", async () => {
    for (const text of [DEVICE_PEM, ODD_PEM, NAMELESS_PEM]) {
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", der(text)));
      const hex = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      expect(details(text).fingerprint).toBe(hex);
    }
  });

  it.each([
    ["CRLF line ends", DEVICE_PEM.replaceAll("\n", "\r\n")],
    ["text before and after, as openssl prints it", `subject=CN = x\n\n${DEVICE_PEM}\nthe end\n`],
    ["the base64 on one line", pem(der(DEVICE_PEM))],
    ["no line end at the end", DEVICE_PEM.trimEnd()],
  ])("takes %s", (_, text) => {
    expect(details(text).fingerprint).toBe(DEVICE_FINGERPRINT);
  });

  it.each([
    ["nothing", "", /exactly one PEM certificate.*are 0/],
    ["text that is no PEM", "hello", /exactly one/],
    ["a fingerprint", DEVICE_FINGERPRINT, /exactly one/],
    ["base64 without the PEM's lines", DEVICE_PEM.replaceAll(/-----.*-----/g, ""), /exactly one/],
    ["two certificates", DEVICE_PEM + ODD_PEM, /are 2 PEM blocks/],
    ["the same certificate twice", DEVICE_PEM + DEVICE_PEM, /are 2 PEM blocks/],
    ["a certificate and its private key", `${DEVICE_PEM}-----BEGIN PRIVATE KEY-----\nMIIB`, /private key/],
    [
      "a private key alone",
      "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----",
      /private key/,
    ],
    ["an encrypted private key", `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${DEVICE_PEM}`, /private key/],
    ["a certificate request", pem(der(DEVICE_PEM), "CERTIFICATE REQUEST"), /exactly one/],
    ["a public key", pem(der(DEVICE_PEM), "PUBLIC KEY"), /exactly one/],
    ["an empty block", pem(new Uint8Array()), /not a PEM certificate/],
    ["base64 of something else", pem(new TextEncoder().encode("not a certificate")), /not a PEM certificate/],
    ["a DER that is cut off", pem(der(DEVICE_PEM).slice(0, -10)), /not a PEM certificate/],
    ["base64 that is none", DEVICE_PEM.replace("MIIB", "!!!!"), /not a PEM certificate/],
    ["a block without an end", DEVICE_PEM.replace(/-----END.*/s, ""), /not a PEM certificate/],
  ])("refuses %s", (_, text, error) => {
    const result = readPem(text, NOW);
    expect(result).toEqual({ ok: false, error: expect.stringMatching(error) });
  });

  it("refuses a certificate from the moment after its last", () => {
    expect(readPem(EXPIRED_PEM, Date.UTC(2021, 0, 1)).ok).toBe(true);
    expect(readPem(EXPIRED_PEM, Date.UTC(2021, 0, 1) + 1)).toEqual({
      ok: false,
      error: "the certificate expired on 2021-01-01T00:00:00.000Z",
    });
  });

  it("reads one-digit days, which OpenSSL pads with a blank", () => {
    expect(details(EXPIRED_PEM, 0).details.notBefore).toBe(Date.UTC(2020, 0, 5));
  });

  it("gives no control characters of a subject on to a terminal", () => {
    const { subject } = details(ODD_PEM).details;
    expect(subject).toContain("x=1");
    expect(subject).not.toMatch(/\p{Cc}/u);
  });

  it("tells an empty subject as unknown", () => {
    expect(details(NAMELESS_PEM).details).toMatchObject({ subject: null, issuer: null, serial: "04" });
  });
});
