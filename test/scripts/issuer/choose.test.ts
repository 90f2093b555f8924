// From the command line's choice to the variables of the Worker, with an issuer of the test's own as the real one.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ProviderChoice } from "../../../scripts/edge/provider-choice.ts";
import type { SignInDoor } from "../../../scripts/edge/sign-in.ts";
import { statePaths } from "../../../scripts/edge/state/paths.ts";
import { chooseProvider, withSignIn } from "../../../scripts/issuer/choose.ts";
import { findProvider, readClientSecret } from "../../../scripts/issuer/elsewhere.ts";
import { type LocalIssuer, startIssuer } from "../../../scripts/issuer/issuer.ts";
import type { Prompt } from "../../../scripts/terminal/prompt.ts";
import { CLIENT_ID, REDIRECT_URI } from "./relying-party.ts";

const APPS = { "app.localhost": { countries: ["CH"] }, localhost: {}, "vault.example.com": { signIn: true } };

let issuer: LocalIssuer;
const door: SignInDoor = {
  url: new URL(REDIRECT_URI).origin,
  ca: "",
  paths: statePaths("unused"),
  vars: { APPS, SIGN_IN: { issuer: "https://id.example.com", clientId: "other" } },
  onError: () => undefined,
};

beforeAll(async () => {
  issuer = await startIssuer({
    people: [],
    clientId: CLIENT_ID,
    clientSecret: null,
    redirectUris: [REDIRECT_URI],
  });
});
afterAll(() => issuer.close());

const chosen = async (choice: ProviderChoice, given = {}, environment = {}) =>
  (await chooseProvider(choice, given, environment))(door);

describe("a provider of the owner's", () => {
  const choice = () => ({ settings: { issuer: issuer.issuer, clientId: CLIENT_ID, label: "Pocket ID" } });

  it("takes the place of that of wrangler.toml, with the secret from the environment", async () => {
    const { vars, origins } = await chosen(choice(), {}, { SIGN_IN_SECRET: "the secret" });
    expect(vars).toEqual({
      APPS: { ...APPS, "app.localhost": { countries: ["CH"], signIn: true } },
      SIGN_IN: { issuer: issuer.issuer, clientId: CLIENT_ID, label: "Pocket ID" },
      SIGN_IN_SECRET: "the secret",
    });
    expect(origins).toEqual([issuer.issuer]);
  });

  it("leaves apps alone that the command line names", async () => {
    expect((await chosen(choice(), { APPS: {} })).vars.APPS).toBeUndefined();
  });

  it("needs no secret, and nobody is asked where nobody is there to answer", async () => {
    expect((await chosen(choice())).vars.SIGN_IN_SECRET).toBeUndefined();
  });

  it.each([
    ["an answer", "typed", "typed"],
    ["no answer", "", null],
  ])("asks for the secret in a terminal: %s", async (_, answer, secret) => {
    const prompt = { interactive: true, secret: async () => answer } as unknown as Prompt;
    expect(await readClientSecret({}, prompt)).toBe(secret);
    expect(await readClientSecret({ SIGN_IN_SECRET: "set" }, prompt)).toBe("set");
  });
});

it("none removes what wrangler.toml has", async () => {
  expect(await chosen("none")).toEqual({
    vars: {
      APPS: { "app.localhost": { countries: ["CH"] }, localhost: {}, "vault.example.com": {} },
      SIGN_IN: undefined,
    },
    origins: [],
  });
});

it.each([["nope"], [undefined], [{ "app.localhost": 7 }]])(
  "leaves malformed apps to the Worker: %j",
  (apps) => {
    expect(withSignIn(apps, true)).toEqual(apps);
  },
);

describe("a provider that cannot be used ends the start", () => {
  const bodies: Record<string, [number, string]> = {
    "/plain": [200, "<html>"],
    "/gone": [404, "{}"],
    "/other": [200, '{"issuer":"https://id.example.com/"}'],
    "/spread": [200, ""],
  };
  const server = createServer((request, response) => {
    const [status, body] = bodies[(request.url ?? "").replace("/.well-known/openid-configuration", "")] ?? [
      500,
      "",
    ];
    response.writeHead(status).end(body);
  });
  let base: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  const find = (address: string) => findProvider({ issuer: address, clientId: CLIENT_ID }, null);

  it.each([
    ["/plain", "(not JSON)"],
    ["/gone", "(status 404)"],
  ])("%s", async (path, why) => {
    await expect(find(base + path)).rejects.toMatchObject({
      exitCode: 1,
      message: `the identity provider does not describe itself at ${base}${path}/.well-known/openid-configuration ${why}`,
      hint: expect.stringContaining("--sign-in"),
    });
  });

  it("and nothing listens there", async () => {
    const gone = await startIssuer({ people: [], clientId: CLIENT_ID, clientSecret: null, redirectUris: [] });
    await gone.close();
    await expect(find(gone.issuer)).rejects.toThrow("(ECONNREFUSED)");
  });

  it("and it has another name, which the Worker would not accept", async () => {
    await expect(find(`${base}/other`)).rejects.toMatchObject({
      message: `the provider calls itself https://id.example.com/, not ${base}/other`,
      hint: expect.stringContaining("slash"),
    });
  });

  it("but one whose endpoints are elsewhere is reached there, too", async () => {
    bodies["/spread"] = [
      200,
      JSON.stringify({
        issuer: `${base}/spread`,
        authorization_endpoint: "https://people.example.com/",
        token_endpoint: "https://tokens.example.com/token",
        jwks_uri: "https://tokens.example.com/keys",
        userinfo_endpoint: 7,
      }),
    ];
    expect((await find(`${base}/spread`)).origins).toEqual([base, "https://tokens.example.com"]);
  });
});
