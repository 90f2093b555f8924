import { describe, expect, it } from "vitest";
import { formOf, formsOf, idFormOf } from "../../../scripts/cloudflare/prove/form.ts";
import { type Report, withoutSecrets } from "../../../scripts/cloudflare/prove/report.ts";
import type { Sight } from "../../../scripts/cloudflare/prove/sight.ts";

describe("the form of a field", () => {
  it.each([
    ["certVerified", "SUCCESS", "SUCCESS"],
    ["certVerified", "FAILED:self signed certificate", "FAILED:self signed certificate"],
    // A verdict that would hold a name.
    ["certVerified", "FAILED:alice@example.com", "text of 24 characters"],
    ["certFingerprintSHA256", "3a".repeat(32), "lower-case hex, 64 digits"],
    ["certSerial", "3A:1B:09", "upper-case hex with colons"],
    ["certNotAfter", "Dec  2 19:39:00 2018 GMT", "Aaa  9 99:99:99 9999 AAA"],
    ["certRFC9440", ":aGVsbG8=:", "byte sequence of RFC 9440"],
    ["certSubjectDN", "CN=alice pixel-9,O=Latchkey,1.2.3=x", "attributes CN O"],
    ["certSubjectDNLegacy", "/O=Latchkey/CN=alice", "attributes O CN"],
    ["certSubjectDN", "alice", "attributes "],
    ["certSKI", "alice", "text of 5 characters"],
    ["certSKI", "", "empty"],
    ["certSKI", null, "null"],
    ["certRFC9440TooLarge", false, "false"],
    ["certOther", { alice: 1 }, "object"],
  ])("of %s %j", (name, value, form) => {
    expect(formOf(name, value)).toBe(form);
  });

  it("of ids", () => {
    expect(idFormOf("2d3a1f6e-95a4-4f4c-b1f0-1c3f3c8f4f1a")).toBe("UUID with hyphens");
    expect(idFormOf("2d3a1f6e95a44f4cb1f01c3f3c8f4f1a")).toBe("lower-case hex, 32 digits");
  });

  it("counts fields with names that nobody knows", () => {
    const tlsClientAuth = { certPresented: "1", "alice's": "x", certNew: "x" };
    const sight: Sight = {
      prove: 1,
      tlsClientAuth,
      tlsVersion: "",
      httpProtocol: "",
      colo: "",
      bytes: 0,
      headers: [],
    };
    expect(formsOf(sight)).toEqual({
      certPresented: "1",
      certNew: "text of 1 characters",
      otherFields: "1",
    });
  });
});

it("a measurement with a name or a secret is removed, wherever it stands", () => {
  const report: Report = {
    ...{
      latchkeyProve: 1,
      date: "2026-11-29",
      api: "cloudflare",
      dataCentres: 1,
      complete: true,
      undone: true,
    },
    versions: { latchkey: "", node: "", openssl: "", system: "" },
    probes: [
      {
        ...{ id: "x", question: "?", outcome: "seen", reason: null, seconds: 1 },
        measurements: {
          plain: "status 403",
          host: "it is Prove.Example.COM.",
          list: ["ok", "prove.example.com", 403],
          "prove.example.com": 1,
          count: 3,
        },
      },
    ],
  };
  // A name of three letters is part of many words.
  expect(withoutSecrets(report, ["prove.example.com", "sta"]).probes[0]?.measurements).toEqual({
    plain: "status 403",
    host: "(removed: it held a name)",
    list: ["ok", "(removed: it held a name)", 403],
    count: 3,
  });
});
