// People who sign in with the identity provider, over the API.
import { reset } from "cloudflare:test";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { User } from "../../../src/contract/answers.ts";
import { api } from "../fixtures.ts";
import { expectProblem } from "./fixtures.ts";

beforeEach(() => api("PUT", "/users/alice", { name: "Alice" }));
afterEach(reset);

const edit = (body: unknown, user = "alice") => api("PATCH", `/users/${user}`, body);

it("a user's addresses are written in one form, and only what is given changes", async () => {
  const emails = [" B@Example.com ", "a@example.com", "b@example.com"];
  const user: User = await (await edit({ emails })).json();
  expect(user).toMatchObject({ name: "Alice", role: "member", emails: ["a@example.com", "b@example.com"] });
  expect(await (await edit({ role: "owner" })).json()).toEqual({ ...user, role: "owner" });
  expect(await (await edit({ name: "A." })).json()).toEqual({ ...user, role: "owner", name: "A." });
  expect(await (await edit({ emails: [] })).json()).toMatchObject({ role: "owner", emails: [] });
  await expectProblem(await edit({ role: "owner" }, "nobody"), "unknown-user");
});

it.each([
  ["nothing", {}],
  ["another role", { role: "admin" }],
  ["no address", { emails: ["alice"] }],
  ["an address with a display name", { emails: ["Alice <alice@example.com>"] }],
  ["two addresses in one", { emails: ["a@example.com b@example.com"] }],
  ["more addresses than anybody has", { emails: Array.from({ length: 21 }, (_, n) => `${n}@example.com`) }],
  ["something else", { role: "owner", id: "bob" }],
])("a user is not changed by %s", async (_, body) => {
  await expectProblem(await edit(body), "invalid-fields");
  expect(await (await api("GET", "/users")).json()).toMatchObject({
    users: [{ name: "Alice", role: "member", emails: [] }],
  });
});
