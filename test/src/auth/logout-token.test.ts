import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  CLAIMS,
  CLIENT_ID,
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

const EVENT = "http://schemas.openid.net/event/backchannel-logout";
const LOGOUT = {
  iss: ISSUER,
  aud: CLIENT_ID,
  sub: CLAIMS.sub,
  sid: "the-session",
  iat: NOW_SECONDS,
  exp: NOW_SECONDS + 120,
  jti: "the-token",
  events: { [EVENT]: {} },
};
const NOT_OURS = { ok: false, error: { code: "not-ours" } };

let key: SigningKey;
let otherKey: SigningKey;
beforeAll(async () => {
  [key, otherKey] = await Promise.all([newKey("first"), newKey("first")]);
});
afterEach(() => {
  vi.useRealTimers();
});

function newIssuer(now = () => NOW): ForgingIssuer {
  return forgingIssuer(() => "", [key], { clientSecret: SECRET }, now);
}

describe("a logout token", () => {
  const token = (claims: object, type?: string) =>
    signed({ ...LOGOUT, ...claims }, key, type === undefined ? {} : { typ: type });

  it.each([
    ["a session", {}, "logout+jwt", { subject: CLAIMS.sub, session: "the-session" }],
    ["all of a person's", { sid: undefined }, "JWT", { subject: CLAIMS.sub, session: null }],
    [
      "a session of nobody in particular",
      { sub: undefined },
      undefined,
      { subject: null, session: "the-session" },
    ],
    ["a session, for others as well", { aud: ["another", CLIENT_ID] }, "application/logout+jwt", {}],
    ["a session, a minute too late", { exp: NOW_SECONDS - 58 }, "logout+jwt", {}],
  ])("ends %s", async (_, claims, type, ended) => {
    expect(await newIssuer().provider.readLogout(await token(claims, type))).toMatchObject({
      ok: true,
      value: ended,
    });
  });

  it.each<[string, object]>([
    ["with a nonce, as ID tokens have", { nonce: "the-nonce" }],
    ["without events", { events: undefined }],
    ["with another event", { events: { "http://schemas.openid.net/event/other": {} } }],
    ["with an event that is no object", { events: { [EVENT]: true } }],
    ["with events that are a list", { events: [EVENT] }],
    ["of another issuer", { iss: "https://evil.example.com" }],
    ["of no issuer", { iss: undefined }],
    ["for another client", { aud: "another" }],
    ["for nobody", { aud: undefined }],
    ["that has expired", { exp: NOW_SECONDS - 61 }],
    ["that never expires", { exp: undefined }],
    ["that is old", { iat: NOW_SECONDS - 661 }],
    ["from the future", { iat: NOW_SECONDS + 61 }],
    ["from no time", { iat: undefined }],
    ["without an id of its own", { jti: undefined }],
    ["with a number for an id", { jti: 7 }],
    ["about nobody and nothing", { sub: undefined, sid: undefined }],
    ["about what is no name", { sub: 7, sid: "" }],
  ])("is not ours %s", async (_, claims) => {
    expect(await newIssuer().provider.readLogout(await token(claims))).toMatchObject(NOT_OURS);
  });

  it.each<[string, () => string | Promise<string>]>([
    ["signed with another key of the same name", () => signed(LOGOUT, otherKey)],
    ["without a signature", () => forged({ alg: "none" }, LOGOUT)],
    ["signed with the client's secret", () => forged({ alg: "HS256" }, LOGOUT, SECRET)],
    ["of another type", () => token({}, "at+jwt")],
    ["that is empty", () => ""],
    ["that is none", () => "<b>"],
    ["that is too long", () => token({ more: "x".repeat(16 * 1024) })],
  ])("is not ours %s", async (_, forgery) => {
    const result = await newIssuer().provider.readLogout(await forgery());
    expect(result).toMatchObject(NOT_OURS);
    expect(JSON.stringify(result)).not.toContain("<");
  });
});

describe("the keys of logout tokens", () => {
  const questions = ({ requests }: ForgingIssuer) => requests.filter((each) => each === "GET /keys").length;

  it("are asked for again for an unknown one, once a minute", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: NOW });
    const issuer = newIssuer(Date.now);
    const next = await newKey("next");
    const read = async () => {
      const at = Date.now() / 1000;
      return issuer.provider.readLogout(await signed({ ...LOGOUT, iat: at, exp: at + 120 }, next));
    };
    expect(await read()).toMatchObject(NOT_OURS);
    expect(await read()).toMatchObject(NOT_OURS);
    expect(questions(issuer)).toBe(1);

    issuer.keys = [next.publicJwk];
    vi.setSystemTime(NOW + 59_000);
    expect(await read()).toMatchObject(NOT_OURS);
    vi.setSystemTime(NOW + 60_000);
    expect(await read()).toMatchObject({ ok: true });
    expect(questions(issuer)).toBe(2);
  });

  it.each<[string, () => Response]>([
    ["not there", () => new Response("", { status: 500 })],
    ["not JSON", () => new Response("<html>")],
    ["no set of keys", () => Response.json({ keys: "none" })],
    ["elsewhere", () => Response.redirect("https://evil.example.com/", 302)],
  ])("that are %s end no session", async (_, answer) => {
    const issuer = newIssuer();
    issuer.answers["/keys"] = answer;
    expect(await issuer.provider.readLogout(await signed(LOGOUT, key))).toMatchObject({
      error: { code: "issuer-unavailable" },
    });
  });
});
