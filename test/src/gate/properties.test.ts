import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEVICE_STATUSES } from "../../../src/domain/device.ts";
import type { AppRules } from "../../../src/domain/request/app.ts";
import { readCertificate } from "../../../src/domain/request/certificate.ts";
import { parseOpenSslTime } from "../../../src/domain/request/openssl-time.ts";
import { type DecisionInput, decide, screen } from "../../../src/gate/decision.ts";
import { fingerprint, tlsClientAuth } from "../fixtures.ts";

const RUNS = 3_000;
const NOW = Date.UTC(2026, 10, 24, 12);

/** Mostly `value`, so that a combination of many often has one or two wrong parts only. */
const mostly = (value: unknown, ...others: fc.Arbitrary<unknown>[]) =>
  fc.oneof({ arbitrary: fc.constant(value), weight: 12 }, ...others);

const anything = fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true, maxDepth: 2 });
const FIELDS = Object.entries(tlsClientAuth()) as [string, string][];
const NEAR: Record<string, fc.Arbitrary<unknown>> = {
  certPresented: fc.constantFrom("0", 1, true, "01"),
  certVerified: fc.constantFrom("NONE", "FAILED", "FAILED:certificate has expired", "success", ["SUCCESS"]),
  certRevoked: fc.constantFrom("1", 0, false, "", undefined),
  certFingerprintSHA256: fc.constantFrom("", fingerprint(2).slice(1), `${fingerprint(2)} `, "AB".repeat(32)),
  certNotBefore: fc.constantFrom("Jan  1 00:00:00 2099 GMT", "", "Feb 30 00:00:00 2020 GMT"),
  certNotAfter: fc.constantFrom("Jan  1 00:00:00 2021 GMT", "", "2099-01-01"),
};

/** `tlsClientAuth` with some fields missing or wrong, or anything at all. */
const authentication = fc.oneof(
  {
    arbitrary: fc.record(
      Object.fromEntries(
        FIELDS.map(([name, value]) => [name, mostly(value, NEAR[name] ?? anything, anything)]),
      ),
      { requiredKeys: [] },
    ),
    weight: 3,
  },
  {
    arbitrary: fc.record(
      Object.fromEntries(
        FIELDS.map(([name, value]) => [name, mostly(value, NEAR[name] ?? anything, anything)]),
      ),
    ),
    weight: 12,
  },
  fc.jsonValue(),
  anything,
);

const app = mostly(
  { countries: null },
  fc.constant({ countries: new Set(["CH", "LI"]) }),
  fc.constant(undefined),
);
const country = mostly("CH", fc.constantFrom("LI", "DE", "T1", "XX", "ch", "", null, undefined), fc.string());
const standing = mostly(
  { kind: "device", status: "active" },
  fc.constantFrom(...DEVICE_STATUSES).map((status) => ({ kind: "device", status })),
  fc.constantFrom({ kind: "unknown" }, { kind: "unavailable" }, undefined, null, { status: "active" }),
  fc.jsonValue(),
);
const isOpen = fc.boolean();
const isBlocked = mostly(false, fc.constant(true));
const now = mostly(NOW, fc.double(), fc.date({ noInvalidDate: false }).map(Number));

const facts = fc.record({ isBlocked, app, isOpen, tlsClientAuth: authentication, country, standing, now });

/**
 * The policy in other words than the code's: straight from the input, field by field. What this
 * does not allow must be refused.
 */
function mayPass(input: {
  isBlocked: unknown;
  app: unknown;
  isOpen: boolean;
  tlsClientAuth: unknown;
  country: unknown;
  standing: unknown;
  now: unknown;
}): boolean {
  const auth = (input.tlsClientAuth ?? {}) as Record<string, unknown>;
  const rules = input.app as AppRules | undefined;
  const device = (input.standing ?? {}) as Record<string, unknown>;
  const begin = parseOpenSslTime(auth.certNotBefore);
  const end = parseOpenSslTime(auth.certNotAfter);
  if (input.isBlocked === true || rules === undefined) return false;
  if (rules.countries !== null && !rules.countries.has(input.country as string)) return false;
  if (input.isOpen) return true;
  return (
    auth.certPresented === "1" &&
    auth.certVerified === "SUCCESS" &&
    auth.certRevoked === "0" &&
    typeof auth.certFingerprintSHA256 === "string" &&
    /^[0-9a-f]{64}$/i.test(auth.certFingerprintSHA256.replaceAll(":", "")) &&
    begin !== undefined &&
    end !== undefined &&
    typeof input.now === "number" &&
    input.now >= begin &&
    input.now <= end &&
    device.kind === "device" &&
    device.status === "active"
  );
}

function asInput({
  tlsClientAuth,
  country,
  ...input
}: {
  tlsClientAuth: unknown;
  country: unknown;
}): DecisionInput {
  const request = {
    hostname: "app.example.com",
    method: "GET",
    address: "https://app.example.com/",
    country,
  };
  const facts = {
    ...input,
    shown: readCertificate(tlsClientAuth),
    request: { ...request, url: { pathname: "/" } },
  };
  return facts as unknown as DecisionInput;
}

const decideOn = (input: {
  isBlocked: unknown;
  app: unknown;
  isOpen: boolean;
  tlsClientAuth: unknown;
  country: unknown;
  standing: unknown;
  now: unknown;
}) => decide(asInput(input));

describe("no input whatsoever", () => {
  it("turns a refusal into an allow, and none that may pass is refused", () => {
    let allowed = 0;
    let refused = 0;
    fc.assert(
      fc.property(facts, (input) => {
        const allows = decideOn(input).kind === "allow";
        expect(allows).toBe(mayPass(input));
        if (allows) allowed++;
        else refused++;
      }),
      { numRuns: RUNS },
    );
    // Else the property would say little: both sides of the border were seen.
    expect(allowed).toBeGreaterThan(RUNS / 20);
    expect(refused).toBeGreaterThan(RUNS / 20);
  });

  it("makes good again what one wrong field has spoilt", () => {
    const good = {
      app: { countries: new Set(["CH"]) },
      isBlocked: false,
      isOpen: false,
      tlsClientAuth: tlsClientAuth(),
      country: "CH",
      standing: { kind: "device", status: "active" },
      now: NOW,
    };
    expect(decideOn(good).kind).toBe("allow");
    const needed = ["certPresented", "certVerified", "certRevoked"] as const;
    fc.assert(
      fc.property(fc.constantFrom(...needed), anything, facts, (field, value, others) => {
        fc.pre(value !== tlsClientAuth()[field]);
        const spoilt = { ...tlsClientAuth(), [field]: value };
        expect(decideOn({ ...good, tlsClientAuth: spoilt }).kind).toBe("refuse");
        expect(decideOn({ ...others, isOpen: false, tlsClientAuth: spoilt }).kind).toBe("refuse");
      }),
      { numRuns: RUNS / 3 },
    );
  });

  it("lets the screen say anything else than the decision", () => {
    fc.assert(
      fc.property(facts, (input) => {
        const all = asInput(input);
        const refusal = screen(all);
        if (refusal !== undefined) expect(decide(all)).toBe(refusal);
        else expect(all.shown.kind).toBe("verified");
      }),
      { numRuns: RUNS / 3 },
    );
  });

  it("makes reading a certificate throw, or gives a fingerprint to one that is not verified", () => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(fc.oneof(authentication, anything, fc.jsonValue()), (value) => {
        const certificate = readCertificate(value);
        kinds.add(certificate.kind);
        if (certificate.kind === "verified") expect(certificate.fingerprint).toMatch(/^[0-9a-f]{64}$/);
        else expect(certificate).not.toHaveProperty("fingerprint");
      }),
      { numRuns: RUNS },
    );
    expect(kinds).toEqual(new Set(["absent", "unverified", "revoked", "malformed", "verified"]));
  });
});

describe("OpenSSL's times", () => {
  it("come back as they were, for every second that has four digits of a year", () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date("1000-01-01"), max: new Date("9999-12-31"), noInvalidDate: true }),
        fc.boolean(),
        (date, padded) => {
          const ms = Math.floor(date.getTime() / 1000) * 1000;
          // toUTCString: "Tue, 24 Nov 2026 12:00:00 GMT"
          const [, day = "", month, year, time] = new Date(ms).toUTCString().split(" ");
          const shortDay = padded ? String(Number(day)).padStart(2, " ") : String(Number(day));
          expect(parseOpenSslTime(`${month} ${shortDay} ${time} ${year} GMT`)).toBe(ms);
        },
      ),
      { numRuns: 500 },
    );
  });
});
