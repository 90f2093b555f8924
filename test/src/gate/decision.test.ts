import { describe, expect, it } from "vitest";
import { keyOf } from "../../../src/domain/credential-key.ts";
import { DEVICE_STATUSES, type Standing } from "../../../src/domain/device.ts";
import type { Limits } from "../../../src/domain/limits.ts";
import { REASONS, type Reason } from "../../../src/domain/reason.ts";
import type { Certificate } from "../../../src/domain/request/certificate.ts";
import type { Shown } from "../../../src/domain/request/shown.ts";
import type { UserId } from "../../../src/domain/user.ts";
import * as decision from "../../../src/gate/decision.ts";
import { type DecisionInput, refuse } from "../../../src/gate/decision.ts";
import { certificateKey, fingerprint, standingOf } from "../fixtures.ts";

const NOW = Date.UTC(2026, 10, 24, 12);

const CERTIFICATE = {
  kind: "verified",
  key: certificateKey(1),
  fingerprint: fingerprint(1),
  notBefore: NOW - 1_000,
  notAfter: NOW + 1_000,
  subject: "CN=phone",
  issuer: "CN=Household CA",
  serial: "0A1B2C",
} as const satisfies Certificate;

const TOKEN: Shown = { kind: "token", key: keyOf("token", fingerprint(1)) };
const FEED: Shown = { kind: "feed", key: keyOf("feed", fingerprint(1)) };
const BROWSER: Shown = { kind: "browser", key: keyOf("browser", fingerprint(1)) };

/** What a decision depends on, with the facts of the request among the rest. */
interface Facts extends Omit<DecisionInput, "shown" | "request"> {
  certificate: Shown;
  country: string | null;
  host: string;
  method: string;
  path: string;
  headers: Record<string, string>;
}

function input({ certificate, country, host, method, path, headers, ...rest }: Facts): DecisionInput {
  const address = `https://${host}${path}`;
  const url = new URL(address);
  const request = {
    hostname: host,
    method,
    address,
    url,
    country,
    request: { headers: new Headers(headers) },
  };
  return { ...rest, shown: certificate, request };
}

const decide = (facts: Facts) => decision.decide(input(facts));
const screen = (facts: Facts) => decision.screen(input(facts));

/** Everything is as it should be: each test changes one fact. */
const GOOD: Facts = {
  isBlocked: false,
  app: { countries: new Set(["CH", "LI"]), signIn: true },
  isOpen: false,
  certificate: CERTIFICATE,
  country: "CH",
  host: "photos.example.com",
  method: "GET",
  path: "/feed/all.xml",
  headers: {},
  standing: standingOf("active"),
  now: NOW,
};

/** An active device with these limits, and the end of its token or secret. */
function limited(limits: Partial<Limits>, validUntil: number | null = null): Standing {
  const standing = standingOf("active", limits);
  return standing.kind === "device" ? { ...standing, validUntil } : standing;
}

/** A feed that may read what the request asks for. */
const READS = {
  certificate: FEED,
  standing: limited({ kind: "feed", paths: ["/feed/*"] }, NOW + 1),
} as const;

/** A browser whose person signed in on this app. */
const SIGNED_IN = {
  certificate: BROWSER,
  standing: limited({ kind: "browser", apps: ["photos.example.com"] }, NOW + 1),
} as const;
const OWN = { Origin: "https://photos.example.com", "Sec-Fetch-Site": "same-origin" };
const SOCKET = { Upgrade: "websocket" };
const POST = { ...SIGNED_IN, method: "POST" } as const;

/** What no type allows, but a newer registry or a bug may bring. */
const bad = <T>(value: unknown) => value as T;

/** Every reason that `decide` gives, with the facts that alone make it. */
const REFUSALS: Record<
  Exclude<Reason, "misconfigured" | "internal-error">,
  [what: string, change: Partial<Facts>][]
> = {
  blocked: [["a certificate that the configuration blocks", { isBlocked: true }]],
  "unknown-app": [["no app has this host", { app: undefined }]],
  country: [
    ["another country", { country: "DE" }],
    ["no country", { country: null }],
    ["Tor", { country: "T1" }],
    ["not known to Cloudflare", { country: "XX" }],
    ["lower case", { country: "ch" }],
    ["an empty text", { country: "" }],
    ["a blank more", { country: "CH " }],
    ["two at once", { country: "CH,LI" }],
    ["a property of every object", { country: "constructor" }],
    ["an app open to no country", { app: { countries: new Set(), signIn: true } }],
    ["a country that the device is not limited to", { standing: limited({ countries: ["LI"] }) }],
    ["a device that is limited to no country", { standing: limited({ countries: [] }) }],
  ],
  "cross-site": [
    ["a form that says nothing of where it comes from", POST],
    [
      "a form of another site",
      { ...POST, headers: { Origin: "https://evil.example", "Sec-Fetch-Site": "cross-site" } },
    ],
    [
      "a form of a sibling host",
      { ...POST, headers: { Origin: "https://a.example.com", "Sec-Fetch-Site": "same-site" } },
    ],
    [
      "the same from a browser that sends only the origin",
      { ...POST, headers: { Origin: "https://a.example.com" } },
    ],
    [
      "an origin that begins alike",
      { ...POST, headers: { Origin: "https://photos.example.com.evil.example" } },
    ],
    ["an origin that ends sooner", { ...POST, headers: { Origin: "https://photos.example.co" } }],
    ["an origin without TLS", { ...POST, headers: { Origin: "http://photos.example.com" } }],
    ["the origin of a sandbox", { ...POST, headers: { Origin: "null" } }],
    ["a form typed in by nobody", { ...POST, headers: { "Sec-Fetch-Site": "none" } }],
    ["an own origin, but another site", { ...POST, headers: { ...OWN, "Sec-Fetch-Site": "cross-site" } }],
    [
      "a foreign origin, but the same site",
      { ...POST, headers: { ...OWN, Origin: "https://a.example.com" } },
    ],
    [
      "deletion from elsewhere",
      { ...SIGNED_IN, method: "DELETE", headers: { "Sec-Fetch-Site": "same-site" } },
    ],
    ["a method that nobody knows", { ...SIGNED_IN, method: "PROPFIND" }],
    ["a WebSocket that says nothing", { ...SIGNED_IN, headers: SOCKET }],
    [
      "a WebSocket of a sibling host",
      { ...SIGNED_IN, headers: { ...SOCKET, Origin: "https://a.example.com" } },
    ],
    ["a WebSocket of another site", { ...SIGNED_IN, headers: { ...SOCKET, Origin: "https://evil.example" } }],
  ],
  "no-certificate": [["none presented", { certificate: { kind: "absent" } }]],
  "unverified-certificate": [
    ["a certificate that failed", { certificate: { kind: "unverified", short: "0badcafe" } }],
    ["the same without a fingerprint", { certificate: { kind: "unverified", short: null } }],
  ],
  "revoked-certificate": [
    ["a certificate revoked at Cloudflare", { certificate: { kind: "revoked", short: "0badcafe" } }],
  ],
  "malformed-certificate": [
    ["a certificate that cannot be read", { certificate: { kind: "malformed", short: null } }],
    [
      "a kind of certificate that nobody knows",
      { certificate: bad({ ...CERTIFICATE, kind: "post-quantum" }) },
    ],
  ],
  "expired-certificate": [
    ["a millisecond too late", { now: CERTIFICATE.notAfter + 1 }],
    ["a millisecond too early", { now: CERTIFICATE.notBefore - 1 }],
    ["an end that is no number", { certificate: { ...CERTIFICATE, notAfter: Number.NaN } }],
    ["a beginning that is no number", { certificate: { ...CERTIFICATE, notBefore: Number.NaN } }],
    ["a clock that is no number", { now: Number.NaN }],
    ["a clock that is nothing", { now: bad(undefined) }],
    [
      "an end before the beginning",
      { certificate: { ...CERTIFICATE, notBefore: NOW + 1, notAfter: NOW - 1 } },
    ],
  ],
  "registry-unavailable": [
    ["a registry that was not asked", { standing: undefined }],
    ["a registry that failed", { standing: { kind: "unavailable" } }],
    ["null instead of a standing", { standing: bad(null) }],
    ["a kind of standing that nobody knows", { standing: bad({ kind: "guest", status: "active" }) }],
    ["a standing without a kind", { standing: bad({ status: "active" }) }],
    ["a status of a later version", { standing: bad({ kind: "device", status: "trusted" }) }],
    ["a device without a status", { standing: bad({ kind: "device" }) }],
    ["a status in capitals", { standing: bad({ kind: "device", status: "ACTIVE" }) }],
    ["a token of a registry that says no limits", { certificate: TOKEN, standing: standingOf("active") }],
    [
      "a token without limits of its own",
      { certificate: TOKEN, standing: bad({ ...standingOf("active"), limits: undefined }) },
    ],
    [
      "a feed that the registry takes for a token",
      { certificate: FEED, standing: limited({ kind: "token", apps: [GOOD.host] }, NOW + 1) },
    ],
    [
      "a certificate that the registry takes for a token",
      { standing: limited({ kind: "token", apps: [GOOD.host] }, NOW + 1) },
    ],
    [
      "a token without an end",
      { certificate: TOKEN, standing: limited({ kind: "token", apps: [GOOD.host] }) },
    ],
    ["a list of a status", { standing: bad({ kind: "device", status: ["active"] }) }],
  ],
  "unknown-device": [["a certificate that nobody enrolled", { standing: { kind: "unknown" } }]],
  "device-pending": [["a device not yet approved", { standing: standingOf("pending") }]],
  "device-suspended": [["a suspended device", { standing: standingOf("suspended") }]],
  "device-lost": [["a lost device", { standing: standingOf("lost") }]],
  "device-revoked": [["a revoked device", { standing: standingOf("revoked") }]],
  "device-expired": [
    ["in the first millisecond after its end", { standing: standingOf("active", { expiresAt: NOW }) }],
    ["an end that is no number", { standing: standingOf("active", { expiresAt: Number.NaN }) }],
    [
      "with a token",
      { certificate: TOKEN, standing: limited({ kind: "token", expiresAt: NOW - 1 }, NOW + 1) },
    ],
  ],
  "expired-credential": [
    ["in the first millisecond after it", { certificate: TOKEN, standing: limited({ kind: "token" }, NOW) }],
    ["an end that is no number", { certificate: FEED, standing: limited({ kind: "feed" }, Number.NaN) }],
  ],
  "wrong-app": [
    ["another app", { standing: limited({ apps: ["music.example.com"] }) }],
    [
      "a browser of a user to whom the app is not open",
      { ...SIGNED_IN, app: { countries: null, signIn: new Set(["bob" as UserId]) } },
    ],
    ["a browser where nobody signs in any more", { ...SIGNED_IN, app: { countries: null, signIn: false } }],
    ["no app at all", { standing: limited({ apps: [] }) }],
    ["a part of the name", { standing: limited({ apps: ["example.com", "photos.example.co"] }) }],
    ["a feed that writes", { ...READS, method: "POST" }],
    ["a feed that asks what it may do", { ...READS, method: "OPTIONS" }],
    ["a feed that writes by another verb", { ...READS, method: "PROPFIND" }],
    ["a feed's other path", { ...READS, path: "/api/delete" }],
    ["a feed's path with dots", { ...READS, path: "/feed/../api/delete" }],
    ["a feed's path, encoded", { ...READS, path: "/feed/%2e%2e/api/delete" }],
    ["a feed without paths", { certificate: FEED, standing: limited({ kind: "feed", paths: [] }, NOW + 1) }],
    ["a feed whose paths are missing", { certificate: FEED, standing: limited({ kind: "feed" }, NOW + 1) }],
  ],
};

describe("a request is let through", () => {
  it.each<[string, Partial<Facts>]>([
    ["when everything is as it should be", {}],
    [
      "with a token",
      { certificate: TOKEN, standing: limited({ kind: "token", apps: [GOOD.host] }, NOW + 1) },
    ],
    ["with a feed's secret", READS],
    ["in a signed-in browser", SIGNED_IN],
    [
      "in a signed-in browser of a user to whom the app is open",
      { ...SIGNED_IN, app: { countries: null, signIn: new Set(["alice" as UserId]) } },
    ],
    [
      "in a signed-in browser, by a link elsewhere",
      { ...SIGNED_IN, headers: { "Sec-Fetch-Site": "cross-site" } },
    ],
    ["in a signed-in browser, which writes from the app itself", { ...POST, headers: OWN }],
    ["the same, if it says only the origin", { ...POST, headers: { Origin: OWN.Origin } }],
    ["the same, if it says only the site", { ...POST, headers: { "Sec-Fetch-Site": "same-origin" } }],
    ["in a signed-in browser, by a WebSocket of the app", { ...SIGNED_IN, headers: { ...SOCKET, ...OWN } }],
    ["the same, of an older browser", { ...SIGNED_IN, headers: { ...SOCKET, Origin: OWN.Origin } }],
    [
      "with a certificate, whatever the site",
      { method: "POST", headers: { "Sec-Fetch-Site": "cross-site" } },
    ],
    ["with a feed's secret, to look only", { ...READS, method: "HEAD" }],
    [
      "on each app that the device is limited to",
      { standing: limited({ apps: ["a.example.com", GOOD.host] }) },
    ],
    ["from each country that the device is limited to", { standing: limited({ countries: ["LI", "CH"] }) }],
    ["in the last millisecond before the device's end", { standing: limited({ expiresAt: NOW + 1 }) }],
    [
      "by an older registry, which knows no limits",
      { standing: bad({ ...standingOf("active"), limits: undefined }) },
    ],
    ["from each country that the app names", { country: "LI" }],
    [
      "from anywhere, when the app names no country",
      { app: { countries: null, signIn: false }, country: "BR" },
    ],
    ["by Tor, when the app names no country", { app: { countries: null, signIn: false }, country: "T1" }],
    [
      "without a country, when the app names none",
      { app: { countries: null, signIn: false }, country: null },
    ],
    ["in the first millisecond of the certificate", { now: CERTIFICATE.notBefore }],
    ["in the last millisecond of the certificate", { now: CERTIFICATE.notAfter }],
    [
      "whatever subject, issuer and serial are",
      { certificate: { ...CERTIFICATE, subject: null, issuer: null, serial: null } },
    ],
  ])("%s", (_, change) => {
    expect(decide({ ...GOOD, ...change })).toEqual({ kind: "allow" });
  });
});

describe.each(Object.entries(REFUSALS))("%s", (reason, cases) => {
  it.each(cases)("is the reason to refuse: %s", (_, change) => {
    expect(decide({ ...GOOD, ...change })).toEqual({ kind: "refuse", reason });
  });
});

describe("the reasons", () => {
  it("are each tested here, but for the two that are given before or around a decision", () => {
    const tested = Object.entries(REFUSALS).flatMap(([reason, cases]) => (cases.length > 0 ? [reason] : []));
    expect(new Set([...tested, "misconfigured", "internal-error"])).toEqual(new Set(REASONS));
  });

  it("are named once each, in kebab-case", () => {
    expect(new Set(REASONS).size).toBe(REASONS.length);
    for (const reason of REASONS) expect(reason).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });

  it("are told of every status but active", () => {
    for (const status of DEVICE_STATUSES) {
      expect(decide({ ...GOOD, standing: standingOf(status) })).toEqual(
        status === "active" ? { kind: "allow" } : { kind: "refuse", reason: `device-${status}` },
      );
    }
  });

  it("are given as frozen values, so that none can be turned into an allow", () => {
    for (const reason of REASONS) {
      expect(refuse(reason)).toEqual({ kind: "refuse", reason });
      expect(Object.isFrozen(refuse(reason))).toBe(true);
    }
    expect(Object.isFrozen(decide(GOOD))).toBe(true);
  });
});

describe("of several reasons, the first in this order is told", () => {
  /** Each of these facts alone is a reason; the later ones must not be told before the earlier. */
  const ORDER: [Reason, Partial<Facts>][] = [
    ["blocked", { isBlocked: true }],
    ["unknown-app", { app: undefined }],
    ["country", { country: "DE" }],
    ["no-certificate", { certificate: { kind: "absent" } }],
    ["device-revoked", { standing: standingOf("revoked") }],
  ];
  it.each(ORDER.map(([reason], index) => [reason, index] as const))("%s", (reason, index) => {
    const change = Object.assign({}, ...ORDER.slice(index).map(([, fact]) => fact));
    expect(decide({ ...GOOD, ...change })).toEqual({ kind: "refuse", reason });
  });

  it.each<[Reason, Partial<Facts>]>([
    ["expired-credential", { standing: limited({ expiresAt: NOW, apps: [], countries: [] }, NOW) }],
    ["device-expired", { standing: limited({ expiresAt: NOW, apps: [], countries: [] }) }],
    ["device-expired", { ...READS, path: "/", standing: limited({ kind: "feed", expiresAt: NOW }, NOW + 1) }],
    ["wrong-app", { standing: limited({ apps: [], countries: [] }) }],
    [
      "wrong-app",
      { ...READS, path: "/", standing: limited({ kind: "feed", paths: [], countries: [] }, NOW + 1) },
    ],
  ])("%s, of those that the standing brings", (reason, change) => {
    expect(decide({ ...GOOD, ...change })).toEqual(refuse(reason));
  });

  it("expired-certificate, before the standing", () => {
    expect(decide({ ...GOOD, now: CERTIFICATE.notAfter + 1, standing: standingOf("revoked") })).toEqual(
      refuse("expired-certificate"),
    );
  });
});

describe("a certificate that the configuration blocks", () => {
  it.each<[string, Partial<Facts>]>([
    ["on an open path", { isOpen: true }],
    ["of an active device", {}],
    ["of a lost device, which is not told to wipe then", { standing: standingOf("lost") }],
    ["from another country", { country: "DE" }],
    ["outside of its dates", { now: CERTIFICATE.notAfter + 1 }],
    ["on a host that is no app", { app: undefined }],
  ])("is refused for that, and nobody is asked: %s", (_, change) => {
    const facts = { ...GOOD, ...change, isBlocked: true };
    expect(screen(facts)).toBe(refuse("blocked"));
    expect(decide(facts)).toBe(refuse("blocked"));
  });
});

describe("a path that the app leaves open", () => {
  const OPEN: Facts = { ...GOOD, isOpen: true, certificate: { kind: "absent" }, standing: undefined };

  it("passes without a certificate, and without asking the registry", () => {
    expect(screen(OPEN)).toEqual({ kind: "allow" });
    expect(decide(OPEN)).toEqual({ kind: "allow" });
  });

  it("is bound by the app's countries, and needs an app", () => {
    expect(decide({ ...OPEN, country: "DE" })).toEqual(refuse("country"));
    expect(decide({ ...OPEN, country: null })).toEqual(refuse("country"));
    expect(decide({ ...OPEN, app: undefined })).toEqual(refuse("unknown-app"));
  });
});

describe("a lost device", () => {
  const LOST: Facts = { ...GOOD, standing: standingOf("lost") };

  it("is told wherever it is: its certificate is asked about in every country", () => {
    expect(screen({ ...LOST, country: "BR" })).toBeUndefined();
    expect(decide({ ...LOST, country: "BR" })).toEqual(refuse("device-lost"));
  });

  it.each<[string, Partial<Facts>]>([
    ["without a certificate", { certificate: { kind: "absent" } }],
    ["with one that failed", { certificate: { kind: "unverified", short: null } }],
    ["with one revoked at Cloudflare", { certificate: { kind: "revoked", short: null } }],
    ["with one that cannot be read", { certificate: { kind: "malformed", short: null } }],
    ["with one that has expired", { now: CERTIFICATE.notAfter + 1 }],
    ["with one that is not valid yet", { now: CERTIFICATE.notBefore - 1 }],
    ["at no app", { app: undefined }],
  ])("is not told %s", (_, change) => {
    expect(decide({ ...LOST, ...change })).not.toEqual(refuse("device-lost"));
    expect(decide({ ...LOST, ...change, country: "BR" })).not.toEqual(refuse("device-lost"));
  });

  it("is the only one to be told so: other devices elsewhere are refused for the country", () => {
    for (const status of DEVICE_STATUSES.filter((status) => status !== "lost")) {
      expect(decide({ ...GOOD, country: "BR", standing: standingOf(status) })).toEqual(refuse("country"));
    }
    expect(decide({ ...GOOD, country: "BR", standing: { kind: "unknown" } })).toEqual(refuse("country"));
    expect(decide({ ...GOOD, country: "BR", standing: undefined })).toEqual(refuse("country"));
  });
});

describe("without asking the registry", () => {
  const ASKED: Reason[] = [
    ...(["registry-unavailable", "unknown-device", "device-pending"] as const),
    ...(["device-suspended", "device-lost", "device-revoked"] as const),
    ...(["device-expired", "expired-credential", "wrong-app", "cross-site"] as const),
  ];

  it.each(Object.entries(REFUSALS))("%s is refused when it can be", (reason, cases) => {
    for (const [, change] of cases) {
      // A verified certificate from elsewhere is asked about, since the device may be lost.
      const asked = (ASKED as string[]).includes(reason) || reason === "country";
      expect(screen({ ...GOOD, ...change })).toEqual(asked ? undefined : { kind: "refuse", reason });
    }
  });

  it("a stranger from elsewhere is refused for the country", () => {
    expect(screen({ ...GOOD, country: "DE", certificate: { kind: "absent" } })).toEqual(refuse("country"));
    expect(screen({ ...GOOD, country: "DE", now: CERTIFICATE.notAfter + 1 })).toEqual(refuse("country"));
  });

  it("nothing is let through: to pass the screen is not to be allowed", () => {
    expect(screen(GOOD)).toBeUndefined();
    expect(decide({ ...GOOD, standing: undefined })).toEqual(refuse("registry-unavailable"));
  });
});
