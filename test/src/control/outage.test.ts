import { expect, it } from "vitest";
import { Authenticator } from "../../../src/control/authenticate.ts";
import { newToken } from "../../../src/control/secrets.ts";
import { QUESTIONS_A_NETWORK } from "../../../src/control/stranger-budget.ts";
import { RegistryUnavailable } from "../../../src/registry/call.ts";
import type { Principal } from "../../../src/registry/credential.ts";
import type { Credentials } from "../../../src/registry/credentials.ts";
import { ok } from "../../../src/result.ts";
import { ALICE, by } from "../registry/fixtures.ts";

// A directory that fails is our fault: whoever tried meanwhile is not taken for a stranger.

const ADMIN_TOKEN = "an-admin-token-of-more-than-32-characters";
const PRINCIPAL: Principal = { scope: "devices", user: ALICE, actor: "token alice/laptop", session: null };

/** An authenticator whose directory is down until `isDown` is set to false. */
function authenticator() {
  const state = { isDown: true };
  const answer = async <T>(value: T): Promise<T> => {
    if (state.isDown) throw new RegistryUnavailable("down");
    return value;
  };
  const credentials = { principal: () => answer(PRINCIPAL), signIn: () => answer(ok(null)) };
  return { state, it: new Authenticator(ADMIN_TOKEN, credentials as unknown as Credentials, () => 1_000) };
}

it("a token is taken again after an outage, however often it was tried", async () => {
  const { token } = await newToken();
  const request = new Request("https://app.example.com/", { headers: { Authorization: `Bearer ${token}` } });
  const { state, it: asked } = authenticator();
  for (let n = 0; n < QUESTIONS_A_NETWORK + 1; n++) {
    await expect(asked.ofBearer(request)).rejects.toThrow(RegistryUnavailable);
  }
  state.isDown = false;
  expect(await asked.ofBearer(request)).toEqual(PRINCIPAL);
});

it("a sign-in goes on after an outage, however often it was tried", async () => {
  const { token } = await newToken();
  const { state, it: asked } = authenticator();
  const from = { request: new Request("https://app.example.com/"), hostname: "app.example.com", by: by() };
  for (let n = 0; n < QUESTIONS_A_NETWORK + 1; n++) {
    await expect(asked.signIn(from, token)).rejects.toThrow(RegistryUnavailable);
  }
  state.isDown = false;
  expect((await asked.signIn(from, token)).ok).toBe(true);
});
