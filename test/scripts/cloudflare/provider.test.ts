// The doctor's look at the identity provider.
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import * as v from "valibot";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createAuthority, issueServerCertificate } from "../../../scripts/certificates/authority.ts";
import type { CheckStatus } from "../../../scripts/cloudflare/doctor/check.ts";
import { known, type Reading, unreadable } from "../../../scripts/cloudflare/doctor/check.ts";
import {
  judgeProvider,
  type ProviderAnswer,
  type SeenProvider,
} from "../../../scripts/cloudflare/doctor/outside/judge-provider.ts";
import { observeProvider } from "../../../scripts/cloudflare/doctor/outside/provider.ts";
import { SignInSchema } from "../../../src/contract/sign-in-settings.ts";

const ISSUER = "https://id.example.com/realms/home";
const DOCUMENT = {
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/auth`,
  token_endpoint: `${ISSUER}/token`,
  jwks_uri: `${ISSUER}/keys`,
  response_types_supported: ["code", "id_token"],
  code_challenge_methods_supported: ["plain", "S256"],
  id_token_signing_alg_values_supported: ["HS256", "ES256"],
  token_endpoint_auth_methods_supported: ["client_secret_basic", "none"],
};
const KEYS = { keys: [{ kty: "EC", kid: "1" }] };

const settings = (issuer = ISSUER) => v.parse(SignInSchema, { issuer, clientId: "latchkey" });
const answer = (json: unknown, status = 200, clockSkewMs: number | undefined = 400): ProviderAnswer => ({
  ...{ kind: "answer", status, json, clockSkewMs },
  body: JSON.stringify(json) ?? "",
});
const document = (more: object): Partial<SeenProvider> => ({ discovery: answer({ ...DOCUMENT, ...more }) });
const silence: ProviderAnswer = { kind: "silence", why: "ECONNREFUSED" };
const GOOD: SeenProvider = { discovery: answer(DOCUMENT), keys: answer(KEYS) };

// biome-ignore format: a table is read by its columns.
const TABLE: [id: string, status: CheckStatus, what: string, seen: Partial<SeenProvider>, secrets?: Reading<string[]>][] = [
  ["outside-sign-in-issuer", "failed", "nobody answers", { discovery: silence }],
  ["outside-sign-in-issuer", "failed", "a gate's refusal", { discovery: answer(undefined, 404) }],
  ["outside-sign-in-issuer", "failed", "Access asks for a sign-in there", { discovery: answer(undefined, 302) }],
  ["outside-sign-in-issuer", "failed", "it is down", { discovery: answer(undefined, 530) }],
  ["outside-sign-in-issuer", "failed", "another page", { discovery: answer(undefined) }],
  ["outside-sign-in-issuer", "failed", "another issuer, by a slash", document({ issuer: `${ISSUER}/` })],
  ["outside-sign-in-issuer", "failed", "no code flow", document({ response_types_supported: ["id_token"] })],
  ["outside-sign-in-issuer", "failed", "no code grant", document({ grant_types_supported: ["implicit"] })],
  ["outside-sign-in-issuer", "failed", "no S256", document({ code_challenge_methods_supported: ["plain"] })],
  ["outside-sign-in-issuer", "ok", "nothing said of PKCE", document({ code_challenge_methods_supported: undefined })],
  ["outside-sign-in-issuer", "failed", "signatures with a shared secret only", document({ id_token_signing_alg_values_supported: ["HS256", "none"] })],
  ["outside-sign-in-keys", "failed", "no keys", { keys: answer({ keys: [] }) }],
  ["outside-sign-in-keys", "failed", "a secret key only", { keys: answer({ keys: [{ kty: "oct" }] }) }],
  ["outside-sign-in-keys", "failed", "keys behind a gate", { keys: answer(undefined, 404) }],
  ["outside-sign-in-keys", "failed", "no answer for the keys", { keys: silence }],
  ["outside-sign-in-keys", "failed", "an address without TLS", { keys: undefined }],
  ["outside-sign-in-keys", "unknown", "no discovery", { discovery: silence, keys: undefined }],
  ["outside-sign-in-clock", "ok", "a minute behind", { discovery: answer(DOCUMENT, 200, -60_000) }],
  ["outside-sign-in-clock", "failed", "more than a minute behind", { discovery: answer(DOCUMENT, 200, -61_000) }],
  ["outside-sign-in-clock", "failed", "more than a minute ahead", { discovery: answer(DOCUMENT, 200, 3_600_000) }],
  ["outside-sign-in-clock", "unknown", "no time", { discovery: { ...answer(DOCUMENT), clockSkewMs: undefined } as ProviderAnswer }],
  ["outside-sign-in-secret", "ok", "a secret, set", document({ token_endpoint_auth_methods_supported: ["client_secret_basic"] }), known(["SIGN_IN_SECRET"])],
  ["outside-sign-in-secret", "warning", "a secret needed, and missing", document({ token_endpoint_auth_methods_supported: ["client_secret_basic"] })],
  ["outside-sign-in-secret", "warning", "a secret missing, and nothing said", document({ token_endpoint_auth_methods_supported: undefined })],
  ["outside-sign-in-secret", "unknown", "a secret missing, and no answer", { discovery: silence }],
  ["outside-sign-in-secret", "unknown", "secrets that cannot be read", {}, unreadable("the token lacks the permission X", "grant it")],
];

describe("the identity provider, as the doctor judges it", () => {
  it("passes where a sign-in would work", () => {
    const found = judgeProvider(settings(), GOOD, known([]));
    expect(found.filter(({ status }) => status !== "ok")).toEqual([]);
  });

  it.each(TABLE)("%s: %s with %s", (id, status, _, seen, secrets = known([])) => {
    const found = judgeProvider(settings(), { ...GOOD, ...seen }, secrets).find((check) => check.id === id);
    expect(found?.status).toBe(status);
    expect(found?.reason).toMatch(/^\S.*[^.\s]$/);
    expect(found?.remedy === null).toBe(status === "ok");
  });

  it("fails without TLS", () => {
    const issuer = "http://id.localhost:9000";
    const [found] = judgeProvider(settings(issuer), GOOD, known([]));
    expect(found).toMatchObject({ status: "failed", reason: `the issuer ${issuer} doesn't use TLS` });
  });
});

describe("the identity provider, over real TLS", () => {
  let server: Server;
  let ca: string;
  let issuer: string;
  let answers: Record<string, { status?: number; date?: Date; body: unknown }>;
  beforeAll(async () => {
    const authority = await createAuthority("Provider's test CA", new Date());
    const { certificate, key } = await issueServerCertificate(authority, ["localhost"], new Date());
    ca = authority.certificate;
    server = createServer({ cert: certificate, key }, (request, response) => {
      const { status = 404, date, body } = answers[request.url ?? ""] ?? { body: "Not Found" };
      if (date !== undefined) response.setHeader("Date", date.toUTCString());
      response.writeHead(status, status === 302 ? { Location: "/elsewhere" } : {}).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    issuer = `https://localhost:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));
  beforeEach(() => {
    const body = { ...DOCUMENT, issuer, jwks_uri: `${issuer}/keys` };
    answers = {
      "/.well-known/openid-configuration": { status: 200, body },
      "/keys": { status: 200, body: KEYS },
    };
  });
  const judged = async (authority: string | undefined = ca) => {
    const seen = await observeProvider(issuer, { ca: authority, timeoutMs: 5000 });
    return Object.fromEntries(
      judgeProvider(settings(issuer), seen, known([])).map(({ id, status }) => [
        id.replace("outside-sign-in-", ""),
        status,
      ]),
    );
  };

  it("is read as a stranger reads it", async () => {
    expect(await judged()).toEqual({ issuer: "ok", keys: "ok", clock: "ok", secret: "ok" });
  });

  it("is asked at its own address, and no redirect is followed", async () => {
    answers["/elsewhere"] = { status: 200, body: DOCUMENT };
    answers["/.well-known/openid-configuration"] = { status: 302, body: null };
    expect(await judged()).toMatchObject({ issuer: "failed", keys: "unknown" });
  });

  it("says by its Date header what time it has", async () => {
    const discovery = answers["/.well-known/openid-configuration"];
    if (discovery !== undefined) discovery.date = new Date(Date.now() - 300_000);
    expect(await judged()).toMatchObject({ issuer: "ok", clock: "failed" });
  });

  it("fails with a certificate that nobody knows", async () => {
    const seen = await observeProvider(issuer, { ca: undefined, timeoutMs: 5000 });
    expect(seen.discovery.kind).toBe("silence");
  });
});
