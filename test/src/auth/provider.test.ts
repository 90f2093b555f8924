import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { failureOf } from "../../../src/auth/issuer/failure.ts";
import {
  ASKED,
  CLAIMS,
  CLIENT_ID,
  callback,
  type ForgingIssuer,
  forged,
  forgingIssuer,
  ISSUER,
  NOW,
  NOW_SECONDS,
  newKey,
  SECRET,
  type SigningKey,
  signed,
} from "./forging-issuer.ts";

let key: SigningKey;
let otherKey: SigningKey;
beforeAll(async () => {
  [key, otherKey] = await Promise.all([newKey("first"), newKey("first")]);
});
afterEach(() => {
  vi.useRealTimers();
});

const DISCOVERY = "/.well-known/openid-configuration";
const NOT_OURS = { ok: false, error: { code: "not-ours" } };
const UNAVAILABLE = { ok: false, error: { code: "issuer-unavailable" } };
const MISCONFIGURED = { ok: false, error: { code: "misconfigured" } };

/** An issuer whose ID token says this of alice. */
function issuerSaying(claims: Record<string, unknown> = {}, settings = {}): ForgingIssuer {
  return forgingIssuer(() => signed({ ...CLAIMS, ...claims }, key), [key], settings);
}

function exchange({ provider }: ForgingIssuer, address = callback()) {
  return provider.exchange(address, ASKED);
}

describe("the way to the issuer", () => {
  it("asks for a code, with PKCE", async () => {
    const { provider } = issuerSaying();
    const result = await provider.authorize(ASKED, false);
    const url = result.ok ? result.value : new URL("about:blank");
    expect(`${url.origin}${url.pathname}`).toBe(`${ISSUER}/authorize`);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      tenant: "home",
      response_type: "code",
      client_id: CLIENT_ID,
      redirect_uri: ASKED.redirectUri,
      scope: "openid email profile",
      state: ASKED.state,
      nonce: ASKED.nonce,
      // SHA-256 of 43 times "v", computed with openssl.
      code_challenge: CHALLENGE,
      code_challenge_method: "S256",
    });
  });

  it("makes the person sign in again if that is wanted, and forgets it for the next one", async () => {
    const { provider } = issuerSaying();
    const fresh = await provider.authorize(ASKED, true);
    expect(fresh.ok && Object.fromEntries(fresh.value.searchParams)).toMatchObject({
      prompt: "login",
      max_age: "0",
    });
    const next = await provider.authorize(ASKED, false);
    expect(next.ok && next.value.searchParams.has("prompt")).toBe(false);
  });
});

const CHALLENGE = "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM";

describe("who signed in", () => {
  it("is who the ID token says", async () => {
    const issuer = issuerSaying({ sid: "the-session", auth_time: NOW_SECONDS - 5 });
    expect(await exchange(issuer)).toEqual({
      ok: true,
      value: {
        person: {
          issuer: ISSUER,
          subject: CLAIMS.sub,
          email: "alice@example.com",
          isEmailVerified: true,
          name: "Alice Example",
        },
        session: "the-session",
        authTime: NOW - 5_000,
      },
    });
    expect(issuer.requests).toEqual([`GET ${DISCOVERY}`, "POST /token", "GET /keys"]);
  });

  it("has neither session nor time of authentication if the issuer says nothing of them", async () => {
    expect(await exchange(issuerSaying())).toMatchObject({ value: { session: null, authTime: null } });
  });

  it("may be signed with an elliptic curve", async () => {
    const curve = await newKey("curve", "ES256");
    expect(await exchange(forgingIssuer(() => signed(CLAIMS, curve), [key, curve]))).toMatchObject({
      ok: true,
    });
  });

  it.each([
    ["said to be verified", { email_verified: true }, false, true],
    ["said to be verified, as a string", { email_verified: "true" }, false, true],
    ["said not to be verified", { email_verified: false }, false, false],
    ["of which nothing is said", { email_verified: undefined }, false, false],
    ["of which nothing is said, by an issuer that verifies", { email_verified: undefined }, true, true],
    ["said not to be verified, by an issuer that verifies", { email_verified: false }, true, false],
    ["said not to be, as a string, by an issuer that verifies", { email_verified: "false" }, true, false],
    ["of which null is said, by an issuer that verifies", { email_verified: null }, true, false],
    ["of which a number is said", { email_verified: 1 }, false, false],
  ])("has an address %s", async (_, claims, verifiesEmails, isEmailVerified) => {
    expect(await exchange(issuerSaying(claims, { verifiesEmails }))).toMatchObject({
      value: { person: { email: "alice@example.com", isEmailVerified } },
    });
  });

  it("has no address that is none", async () => {
    expect(await exchange(issuerSaying({ email: "alice" }))).toMatchObject({
      value: { person: { email: null, isEmailVerified: false } },
    });
  });

  it.each([
    ["none", undefined, null],
    ["no string", 7, null],
    ["empty", " ", null],
    ["turned around", "Al\u202eice", null],
    ["with line breaks", "Al\nice", null],
    ["long", "\u{1f511}".repeat(150), "\u{1f511}".repeat(100)],
    ["with spaces around it", " Alice ", "Alice"],
  ])("has a name that is %s", async (_, name, shown) => {
    expect(await exchange(issuerSaying({ name }))).toMatchObject({ value: { person: { name: shown } } });
  });
});

describe("the userinfo endpoint", () => {
  const ASIDE = { email: undefined, email_verified: undefined, name: undefined };
  const ALICE = { sub: CLAIMS.sub, email: "alice@example.com", email_verified: true, name: "Alice" };

  it("is asked for the address if the ID token has none", async () => {
    const issuer = issuerSaying(ASIDE);
    let authorization: string | null = null;
    issuer.answers["/userinfo"] = (request) => {
      authorization = request.headers.get("Authorization");
      return Response.json(ALICE);
    };
    expect(await exchange(issuer)).toMatchObject({
      value: { person: { email: ALICE.email, isEmailVerified: true, name: "Alice" } },
    });
    expect(authorization).toBe("Bearer the-access-token");
  });

  it("says itself whether its address is verified", async () => {
    const issuer = issuerSaying({ email: undefined, email_verified: true });
    issuer.answers["/userinfo"] = () => Response.json({ ...ALICE, email_verified: undefined });
    expect(await exchange(issuer)).toMatchObject({
      value: { person: { email: ALICE.email, isEmailVerified: false } },
    });
  });

  const signedAnswer = (by: () => SigningKey) => async () =>
    new Response(await signed({ ...ALICE, iss: ISSUER, aud: CLIENT_ID }, by()), {
      headers: { "Content-Type": "application/jwt" },
    });
  const SIGNS = { userinfo_signing_alg_values_supported: ["RS256"] };

  it("may sign its answer", async () => {
    const issuer = issuerSaying(ASIDE);
    issuer.document = SIGNS;
    issuer.answers["/userinfo"] = signedAnswer(() => key);
    expect(await exchange(issuer)).toMatchObject({ value: { person: { email: ALICE.email } } });
  });

  it.each<[string, () => Response | Promise<Response>]>([
    ["speaks of somebody else", () => Response.json({ ...ALICE, sub: "mallory" })],
    ["speaks of nobody", () => Response.json({ ...ALICE, sub: undefined })],
    ["fails", () => new Response("", { status: 500 })],
    ["refuses", () => new Response("", { status: 401, headers: { "WWW-Authenticate": "Bearer" } })],
    ["answers with a page", () => new Response("<html>")],
    ["signs with another key", signedAnswer(() => otherKey)],
  ])("gives no address if it %s", async (_, answer) => {
    const issuer = issuerSaying(ASIDE);
    issuer.document = SIGNS;
    issuer.answers["/userinfo"] = answer;
    expect(await exchange(issuer)).toMatchObject({
      ok: true,
      value: { person: { subject: CLAIMS.sub, email: null, isEmailVerified: false, name: null } },
    });
  });

  it("is not missed", async () => {
    const issuer = issuerSaying(ASIDE);
    issuer.document = { userinfo_endpoint: undefined };
    expect(await exchange(issuer)).toMatchObject({ value: { person: { email: null } } });
  });
});

describe("a callback is not ours", () => {
  it.each([
    ["with a forged state", { state: "forged" }],
    ["with an empty state", { state: "" }],
    ["of another issuer (RFC 9207)", { iss: "https://evil.example.com" }],
    ["of another issuer, which says no", { iss: "https://evil.example.com", error: "access_denied" }],
    ["with a forged state, and an error", { state: "forged", error: "access_denied" }],
    ["without a code", { code: "" }],
    ["with tokens in it", { id_token: "x" }],
  ])("%s, and nothing is exchanged", async (_, parameters) => {
    const issuer = issuerSaying();
    expect(await exchange(issuer, callback(parameters as Record<string, string>))).toMatchObject(NOT_OURS);
    expect(issuer.requests).toEqual([`GET ${DISCOVERY}`]);
  });

  it.each(["state", "code", "iss"])("with two of %s", async (name) => {
    const address = callback({ iss: ISSUER });
    address.searchParams.append(name, address.searchParams.get(name) ?? "");
    const issuer = issuerSaying();
    expect(await exchange(issuer, address)).toMatchObject(NOT_OURS);
    expect(issuer.requests).toEqual([`GET ${DISCOVERY}`]);
  });

  it("without a state", async () => {
    const address = callback();
    address.searchParams.delete("state");
    expect(await exchange(issuerSaying(), address)).toMatchObject(NOT_OURS);
  });

  it("without an issuer, if the issuer always names itself", async () => {
    const issuer = issuerSaying();
    issuer.document = { authorization_response_iss_parameter_supported: true };
    expect(await exchange(issuer)).toMatchObject(NOT_OURS);
    expect(await exchange(issuer, callback({ iss: ISSUER }))).toMatchObject({ ok: true });
  });
});

describe("an error in the callback", () => {
  it.each([
    ["access_denied", { code: "refused", error: "access_denied" }],
    ["login_required", { code: "refused", error: "login_required" }],
    ["<b>made up</b>", { code: "refused", error: "other" }],
    ["server_error", { code: "issuer-unavailable" }],
    ["temporarily_unavailable", { code: "issuer-unavailable" }],
    ["unauthorized_client", { code: "misconfigured" }],
    ["invalid_scope", { code: "misconfigured" }],
  ])("%s", async (error, failure) => {
    const address = callback({ error, error_description: "<script>", error_uri: "https://evil.example.com" });
    address.searchParams.delete("code");
    const result = await exchange(issuerSaying(), address);
    expect(result).toMatchObject({ ok: false, error: failure });
    expect(JSON.stringify(result)).not.toMatch(/<|evil/);
  });
});

describe("an ID token is not ours", () => {
  it.each<[string, Record<string, unknown>]>([
    ["for another sign-in", { nonce: "another" }],
    ["for no sign-in in particular", { nonce: undefined }],
    ["of another issuer", { iss: "https://evil.example.com" }],
    ["of the issuer with one more slash", { iss: `${ISSUER}/` }],
    ["of no issuer", { iss: undefined }],
    ["for another client", { aud: "another" }],
    ["for nobody", { aud: undefined }],
    ["for others as well, who do not say for whom it was made", { aud: [CLIENT_ID, "another"] }],
    ["made for another client", { aud: [CLIENT_ID, "another"], azp: "another" }],
    ["that has expired", { exp: NOW_SECONDS - 61 }],
    ["that never expires", { exp: undefined }],
    ["that expires at a word", { exp: "tomorrow" }],
    ["from the future", { iat: NOW_SECONDS + 61 }],
    ["from no time", { iat: undefined }],
    ["that is not valid yet", { nbf: NOW_SECONDS + 62 }],
    ["about nobody", { sub: undefined }],
    ["about nobody's name", { sub: "" }],
    ["about a number", { sub: 7 }],
    ["about somebody whose name is too long", { sub: "a".repeat(256) }],
    ["about somebody whose name is turned around", { sub: "al\u202eice" }],
  ])("%s", async (_, claims) => {
    expect(await exchange(issuerSaying(claims))).toMatchObject(NOT_OURS);
  });

  it.each<[string, () => string | Promise<string>]>([
    ["signed with another key of the same name", () => signed(CLAIMS, otherKey)],
    ["signed with an unknown key", () => signed(CLAIMS, otherKey, { kid: "unknown" })],
    ["without a signature", () => forged({ alg: "none" }, CLAIMS)],
    ["without a signature, by a known key", () => forged({ alg: "RS256", kid: "first" }, CLAIMS)],
    ["signed with the client's secret", () => forged({ alg: "HS256" }, CLAIMS, SECRET)],
    [
      "signed with the public key as a secret",
      () => forged({ alg: "HS256", kid: "first" }, CLAIMS, JSON.stringify(key.publicJwk)),
    ],
    [
      "that brings its own key",
      () => signed(CLAIMS, otherKey, { jwk: otherKey.publicJwk, jku: "https://evil.example.com/keys" }),
    ],
    [
      "that was changed afterwards",
      async () => {
        const [header, , signature] = (await signed(CLAIMS, key)).split(".");
        const [, payload] = (await forged({}, { ...CLAIMS, sub: "bob" })).split(".");
        return [header, payload, signature].join(".");
      },
    ],
    ["with critical extensions", () => forged({ alg: "RS256", kid: "first", crit: ["x"] }, CLAIMS)],
    ["that is encrypted", () => "a.b.c.d.e"],
    ["with a signature that is no base64", async () => `${await signed(CLAIMS, key)}!`],
  ])("%s", async (_, idToken) => {
    const issuer = forgingIssuer(idToken, [key], { clientSecret: SECRET });
    expect(await exchange(issuer)).toMatchObject(NOT_OURS);
    expect(issuer.requests.filter((each) => each.includes("evil"))).toEqual([]);
  });

  it("where there is none", async () => {
    const issuer = issuerSaying();
    issuer.answers["/token"] = () => Response.json({ access_token: "x", token_type: "Bearer" });
    expect(await exchange(issuer)).toMatchObject(NOT_OURS);
  });

  it("whose key cannot be read", async () => {
    const issuer = issuerSaying();
    issuer.keys = [{ ...key.publicJwk, n: "AQAB" }];
    expect(await exchange(issuer)).toMatchObject(NOT_OURS);
  });
});

describe("the issuer's clock", () => {
  it.each([
    ["behind", { exp: NOW_SECONDS - 58 }],
    ["ahead", { iat: NOW_SECONDS + 59, nbf: NOW_SECONDS + 59 }],
  ])("may be a minute %s", async (_, claims) => {
    expect(await exchange(issuerSaying(claims))).toMatchObject({ ok: true });
  });
});

describe("the token endpoint", () => {
  const page = (status: number) => () => new Response("<html>", { status });
  const error = (error: string, status = 400) =>
    Response.json({ error, error_description: "<b>" }, { status });

  it.each<[string, () => Response | Promise<Response>, object]>([
    ["knows no such code (any more)", () => error("invalid_grant"), NOT_OURS],
    ["does not know the client", () => error("invalid_client", 401), MISCONFIGURED],
    ["wants other credentials", () => challenge(), MISCONFIGURED],
    ["refuses the client", () => error("unauthorized_client"), MISCONFIGURED],
    ["has errors of its own", () => error("<b>"), MISCONFIGURED],
    ["fails", page(500), UNAVAILABLE],
    ["has too much to do", page(429), UNAVAILABLE],
    ["answers with a page", page(200), UNAVAILABLE],
    ["refuses with a page", page(403), UNAVAILABLE],
    ["answers with nothing", () => new Response(null, { status: 204 }), UNAVAILABLE],
    ["sends us elsewhere", () => Response.redirect("https://evil.example.com/", 302), UNAVAILABLE],
    ["answers with too much", () => Response.json({ access_token: "x".repeat(256 * 1024) }), UNAVAILABLE],
    ["is not there", () => Promise.reject(new TypeError("<b>")), UNAVAILABLE],
  ])("%s", async (_, answer, failure) => {
    const issuer = issuerSaying();
    issuer.answers["/token"] = answer;
    const result = await exchange(issuer);
    expect(result).toMatchObject(failure);
    expect(JSON.stringify(result)).not.toMatch(/<|evil/);
  });

  it("must not be asked without TLS", async () => {
    const issuer = issuerSaying();
    issuer.document = { token_endpoint: "http://id.example.com/token" };
    expect(await exchange(issuer)).toMatchObject(MISCONFIGURED);
    expect(issuer.requests).toEqual([`GET ${DISCOVERY}`]);
  });
});

const challenge = () =>
  Response.json({ error: "invalid_client" }, { status: 401, headers: { "WWW-Authenticate": "Basic" } });

describe("our credentials", () => {
  /** Accepts a client by this method only, as issuers do that know a client's registration. */
  function issuerTaking(method: "basic" | "post", supported: string[] | undefined): ForgingIssuer {
    const issuer = issuerSaying({}, { clientSecret: SECRET });
    issuer.document = { token_endpoint_auth_methods_supported: supported };
    const good = issuer.answers["/token"];
    issuer.answers["/token"] = async (request) => {
      const [, basic] = request.headers.get("Authorization")?.split(" ") ?? [];
      const form = await request.clone().formData();
      expect(form.get("code_verifier")).toBe(ASKED.verifier);
      const [id, secret] =
        basic === undefined
          ? [form.get("client_id"), form.get("client_secret")]
          : atob(basic).split(":").map(decodeURIComponent);
      const isGood = id === CLIENT_ID && secret === SECRET && (basic === undefined) === (method === "post");
      return good !== undefined && isGood ? good(request) : challenge();
    };
    return issuer;
  }
  const asked = ({ requests }: ForgingIssuer) => requests.filter((each) => each === "POST /token").length;
  const BOTH = ["private_key_jwt", "client_secret_basic", "client_secret_post"];

  it.each([
    ["post", "by post", ["client_secret_post"], 1],
    ["post", "by either", BOTH, 1],
    ["basic", "by either", BOTH, 2],
    ["basic", "by basic", ["client_secret_basic"], 1],
    ["basic", "in a way that it does not name", undefined, 1],
    ["basic", "in ways that we do not know", ["private_key_jwt"], 1],
  ] as const)("go by %s if the issuer takes them %s", async (method, _, supported, questions) => {
    const issuer = issuerTaking(method, supported === undefined ? undefined : [...supported]);
    expect(await exchange(issuer)).toMatchObject({ ok: true });
    expect(asked(issuer)).toBe(questions);
    // What was accepted goes first from then on.
    expect(await exchange(issuer)).toMatchObject({ ok: true });
    expect(asked(issuer)).toBe(questions + 1);
  });

  it("are refused with the wrong secret, and the log names the settings", async () => {
    const issuer = issuerTaking("basic", BOTH);
    issuer.answers["/token"] = challenge;
    const result = await exchange(issuer);
    expect(result).toMatchObject(MISCONFIGURED);
    expect(!result.ok && "message" in result.error && result.error.message).toContain("SIGN_IN_SECRET");
    expect(asked(issuer)).toBe(2);
  });

  it("are PKCE alone if there is no secret", async () => {
    const issuer = issuerSaying();
    const good = issuer.answers["/token"] ?? challenge;
    issuer.answers["/token"] = async (request) => {
      const form = await request.clone().formData();
      const isGood = !request.headers.has("Authorization") && form.get("client_id") === CLIENT_ID;
      return isGood && !form.has("client_secret") ? good(request) : challenge();
    };
    expect(await exchange(issuer)).toMatchObject({ ok: true });
  });

  it("are not sent again after any other error", async () => {
    const issuer = issuerTaking("post", BOTH);
    issuer.answers["/token"] = () => Response.json({ error: "invalid_grant" }, { status: 400 });
    expect(await exchange(issuer)).toMatchObject(NOT_OURS);
    expect(asked(issuer)).toBe(1);
  });
});

describe("discovery", () => {
  const answers: [string, () => Response | Promise<Response>, object, string][] = [
    ["fails", () => new Response("", { status: 503 }), UNAVAILABLE, "status 503"],
    ["is not there", () => Promise.reject(new TypeError("<b>")), UNAVAILABLE, `${ISSUER}${DISCOVERY}`],
    ["is a page", () => new Response("<html>"), UNAVAILABLE, "malformed"],
    ["is too long", () => new Response("x".repeat(256 * 1024 + 1)), UNAVAILABLE, "256 KiB"],
    ["does not exist", () => new Response("", { status: 404 }), MISCONFIGURED, "SIGN_IN.issuer"],
  ];
  it.each(answers)("%s", async (_, answer, failure, message) => {
    const issuer = issuerSaying();
    issuer.answers[DISCOVERY] = answer;
    const result = await issuer.provider.authorize(ASKED, false);
    expect(result).toMatchObject(failure);
    expect(!result.ok && "message" in result.error && result.error.message).toContain(message);
  });

  it.each([
    ["names another issuer", { issuer: "https://evil.example.com" }, '"https://evil.example.com"'],
    ["names the issuer with one more slash", { issuer: `${ISSUER}/` }, `"${ISSUER}/"`],
    ["names an issuer that is no address", { issuer: "<b>" }, "names no issuer"],
    ["names no issuer", { issuer: undefined }, "names no issuer"],
    ["has no keys", { jwks_uri: undefined }, "jwks_uri"],
    ["has keys without TLS", { jwks_uri: "http://id.example.com/keys" }, "jwks_uri"],
    ["has no way in", { authorization_endpoint: undefined }, "authorization_endpoint"],
    [
      "has a way in without TLS",
      { authorization_endpoint: "http://id.example.com" },
      "authorization_endpoint",
    ],
    [
      "has a script for a way in",
      { authorization_endpoint: "javascript:alert(1)" },
      "authorization_endpoint",
    ],
  ])("%s", async (_, document, message) => {
    const issuer = issuerSaying();
    issuer.document = document;
    const result = await issuer.provider.authorize(ASKED, false);
    expect(result).toMatchObject(MISCONFIGURED);
    expect(!result.ok && "message" in result.error && result.error.message).toContain(message);
  });

  const questions = ({ requests }: ForgingIssuer) =>
    requests.filter((each) => each.endsWith(DISCOVERY)).length;

  it("is kept for an hour, and asked once by all who come at the same time", async () => {
    let now = NOW;
    const issuer = forgingIssuer(
      () => signed(CLAIMS, key),
      [key],
      {},
      () => now,
    );
    const ask = () => issuer.provider.authorize(ASKED, false);
    await Promise.all([ask(), ask(), ask()]);
    now += 60 * 60_000 - 1;
    await ask();
    expect(questions(issuer)).toBe(1);
    now += 1;
    await ask();
    expect(questions(issuer)).toBe(2);
  });

  it("is not asked again for ten seconds after a failure", async () => {
    let now = NOW;
    const issuer = forgingIssuer(
      () => signed(CLAIMS, key),
      [key],
      {},
      () => now,
    );
    const good = issuer.answers[DISCOVERY] ?? challenge;
    issuer.answers[DISCOVERY] = () => new Response("", { status: 500 });
    const ask = () => issuer.provider.authorize(ASKED, false);
    expect(await ask()).toMatchObject(UNAVAILABLE);
    issuer.answers[DISCOVERY] = good;
    now += 9_999;
    expect(await ask()).toMatchObject(UNAVAILABLE);
    expect(questions(issuer)).toBe(1);
    now += 1;
    expect(await ask()).toMatchObject({ ok: true });
  });

  it("ends after ten seconds without an answer", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const issuer = issuerSaying();
    issuer.answers[DISCOVERY] = ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
    const result = issuer.provider.authorize(ASKED, false);
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
    vi.advanceTimersByTime(10_000);
    expect(await result).toMatchObject({ error: { message: expect.stringContaining("within 10 s") } });
  });
});

describe("keys", () => {
  const questions = ({ requests }: ForgingIssuer) => requests.filter((each) => each === "GET /keys").length;

  it("are asked for again for an unknown one, once a minute", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOW });
    const next = await newKey("next");
    let current = key;
    const claims = () => ({ ...CLAIMS, iat: Date.now() / 1000, exp: Date.now() / 1000 + 300 });
    const issuer = forgingIssuer(() => signed(claims(), current), [key], {}, Date.now);
    expect(await exchange(issuer)).toMatchObject({ ok: true });
    expect(questions(issuer)).toBe(1);

    current = next;
    vi.setSystemTime(NOW + 59_000);
    expect(await exchange(issuer)).toMatchObject(NOT_OURS);
    expect(questions(issuer)).toBe(1);
    vi.setSystemTime(NOW + 60_000);
    expect(await exchange(issuer)).toMatchObject(NOT_OURS);
    expect(await exchange(issuer)).toMatchObject(NOT_OURS);
    expect(questions(issuer)).toBe(2);

    issuer.keys = [next.publicJwk];
    vi.setSystemTime(NOW + 120_000);
    expect(await exchange(issuer)).toMatchObject({ ok: true });
    expect(questions(issuer)).toBe(3);
  });

  it("are waited for by each exchange itself: another one may be cancelled", async () => {
    const issuer = issuerSaying();
    const results = await Promise.all([exchange(issuer), exchange(issuer)]);
    expect(results).toMatchObject([{ ok: true }, { ok: true }]);
    expect(questions(issuer)).toBe(2);
  });

  it.each<[string, () => Response | Promise<Response>]>([
    ["that are not there", () => new Response("", { status: 500 })],
    ["that are a page", () => new Response("<html>")],
    ["that are too long", () => new Response("x".repeat(256 * 1024 + 1))],
  ])("%s let nobody in", async (_, answer) => {
    const issuer = issuerSaying();
    issuer.answers["/keys"] = answer;
    expect(await exchange(issuer)).toMatchObject(UNAVAILABLE);
  });
});

it("an error that nobody expected lets nobody in, and repeats nothing", () => {
  expect(failureOf(new RangeError("<b>"))).toEqual({ code: "not-ours", message: "RangeError" });
  expect(failureOf("<b>")).toEqual({ code: "not-ours", message: "error" });
});
