import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { API_PATH } from "../../../../src/contract/paths.ts";
import type { SecretDigest } from "../../../../src/domain/credential.ts";
import { api, bearer, keyedSecrets, makeToken } from "../../fixtures.ts";
import { Isolate } from "../../gate/fixtures.ts";
import { ALICE, by, directory, directoryStub, dump } from "../fixtures.ts";

// The key under which tokens and codes carry their check, and the tokens that carry none.

beforeEach(async () => {
  await directory().putUser(by(), ALICE, undefined);
});
afterEach(reset);

const me = async (token: string) => (await new Isolate().fetch(`${API_PATH}/me`, bearer(token))).status;

async function backup(): Promise<{ tokens: { id: string; digest: SecretDigest }[] }> {
  return (await api("GET", "/backup")).json();
}

/** Restores tokens as `restore` does. */
async function restore(tokens: object[]) {
  const users = [{ id: "alice", name: null, createdAt: new Date(0).toISOString() }];
  const body = { madeAt: new Date(0).toISOString(), users, tokens, unknownCertificates: [] };
  const response = await api("POST", "/restore", body);
  expect(response.status).toBe(200);
  return response.json();
}

it("the key is in no backup, and in no list of the API", async () => {
  await makeToken("alice", "devices");
  const { key } = await directory().credentialCheck();
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  for (const path of ["/backup", "/tokens", "/sessions", "/audit", "/users"]) {
    expect(await (await api("GET", path)).text()).not.toContain(key);
  }
  expect(JSON.stringify(await dump(directoryStub()))).toContain(key);
});

describe("a token out of a backup of another registry", () => {
  it("is taken in an isolate that has just begun, and known by its digest", async () => {
    const { token } = await makeToken("alice", "devices");
    const { tokens } = await backup();
    await reset();
    expect(await me(token), "it was made under another key").toBe(401);
    await restore(tokens);
    expect((await directory().credentialCheck()).exempt).toEqual(tokens.map(({ digest }) => digest));
    expect(await me(token)).toBe(200);
    // In the same registry, what is made now needs no list.
    const { token: own } = await makeToken("alice", "read");
    expect(await me(own)).toBe(200);
    expect((await directory().credentialCheck()).exempt).toHaveLength(1);
  });

  it("may be an emergency card: only its digest was in the backup", async () => {
    const { token } = await makeToken("alice", "emergency");
    const { tokens } = await backup();
    expect(JSON.stringify(tokens)).not.toContain(token);
    await reset();
    expect(await me(token)).toBe(401);
    await restore(tokens);
    expect(await me(token.toLowerCase())).toBe(200);
    expect((await api("DELETE", `/tokens/${tokens[0]?.id}`)).status).toBe(204);
    expect(await me(token)).toBe(401);
  });

  it("leaves the list with the next restore after its end; repeating a restore changes nothing", async () => {
    const [first, second] = [await makeToken("alice", "devices"), await makeToken("alice", "read")];
    const { tokens } = await backup();
    const [one, two] = [first.id, second.id].map((id) => tokens.filter((token) => token.id === id));
    await reset();
    await restore(one ?? []);
    await restore(one ?? []);
    expect((await directory().credentialCheck()).exempt).toEqual(one?.map(({ digest }) => digest));
    await api("DELETE", `/tokens/${first.id}`);
    await restore(two ?? []);
    expect((await directory().credentialCheck()).exempt).toEqual(two?.map(({ digest }) => digest));
    expect(await me(second.token)).toBe(200);
    expect(await me(first.token)).toBe(401);
  });
});

it("an exempt one can be revoked like any other, and is not remembered as valid", async () => {
  const { id, token } = await makeToken("alice", "devices");
  const { tokens } = await backup();
  await reset();
  await restore(tokens);
  const isolate = new Isolate();
  const ask = async () => (await isolate.fetch(`${API_PATH}/me`, bearer(token))).status;
  expect(await ask()).toBe(200);
  await api("DELETE", `/tokens/${id}`);
  expect(await ask()).toBe(401);
});

it("is asked for by whoever does not know it yet, even in two places: there is one key", async () => {
  const { token, digest } = await keyedSecrets().newToken();
  expect(await keyedSecrets().readToken(token)).toBe(digest);
});
