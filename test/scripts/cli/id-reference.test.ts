import { describe, expect, it } from "vitest";
import { findById, idArgument } from "../../../scripts/cli/command/id-reference.ts";
import { findToken } from "../../../scripts/cli/credentials/tokens.ts";
import type { Token } from "../../../src/contract/answers.ts";

// Ids of the real registry are random: those that begin alike are made up here.
const things = ["3f2a1b9c-0000-4000-8000-000000000000", "3f2a1b9c-1111-4000-8000-000000000000", "77aa"].map(
  (id) => ({ id }),
);
const kind = {
  one: "invitation",
  many: "invitations",
  list: "latchkey invitations",
  describe: () => "alice, open",
};

const find = (text: string) => findById(things, idArgument(text, kind), kind);

describe("the beginning of an id", () => {
  it.each([
    ["77aa", "77aa"],
    ["77AA", "77aa"],
    ["3f2a1b9c-1", "3f2a1b9c-1111-4000-8000-000000000000"],
    ["3f2a1b9c-0000-4000-8000-000000000000", "3f2a1b9c-0000-4000-8000-000000000000"],
  ])("%s stands for the one that begins so", (text, id) => {
    expect(find(text)).toEqual({ id });
  });

  it("of several is refused, and they are listed", () => {
    expect(() => find("3f2a1b9c")).toThrow(
      expect.objectContaining({
        exitCode: 1,
        message: "the ids of 2 invitations begin with 3f2a1b9c",
        hint: "give more characters",
        list: things.slice(0, 2).map(({ id }) => `${id}  alice, open`),
      }),
    );
  });

  it("of none is refused", () => {
    expect(() => find("beef")).toThrow(
      expect.objectContaining({
        exitCode: 1,
        message: "the id of no invitation begins with beef",
        hint: "list them with: latchkey invitations",
      }),
    );
  });

  it.each(["", "77a", "laptop", "77aa*", "3f2a1b9c-0000-4000-8000-0000000000000"])(
    "is misuse when it cannot be one: '%s'",
    (text) => {
      expect(() => find(text)).toThrow(
        expect.objectContaining({
          exitCode: 2,
          message: `'${text}' is not the id of an invitation`,
          hint: "give the id, or at least its first 4 characters; latchkey invitations lists them",
        }),
      );
    },
  );
});

describe("a token", () => {
  const token = (id: string, user: string | null, name: string): Token => ({
    ...{ id, user, name, scope: "read", createdAt: "", expiresAt: null, lastUsedAt: null },
  });
  const tokens = [
    token("aaaa1111", "alice", "laptop"),
    token("aaaa2222", "bob", "laptop"),
    token("bbbb1111", "alice", "Phone"),
    token("bbbb2222", "alice", "phone"),
    token("cccc1111", null, "grafana"),
    token("dddd1111", "carol", "cccc1111"),
  ];

  it.each([
    ["alice/laptop", "aaaa1111"],
    ["BOB/Laptop", "aaaa2222"],
    ["alice/Phone", "bbbb1111"],
    ["phone", "bbbb2222"],
    ["grafana", "cccc1111"],
    ["*/grafana", "cccc1111"],
    ["aaaa2", "aaaa2222"],
  ])("%s is found by its name, or by its id", (reference, id) => {
    expect(findToken(tokens, reference).id).toBe(id);
  });

  it("that is named as another one's id is found by its name", () => {
    expect(findToken(tokens, "cccc1111").id).toBe("dddd1111");
  });

  it.each(["laptop", "alice/PHONE"])("is not guessed where %s means two", (reference) => {
    expect(() => findToken(tokens, reference)).toThrow(
      expect.objectContaining({
        exitCode: 1,
        message: `2 tokens are named '${reference}'`,
        hint: "give the id of the one you mean",
      }),
    );
  });

  it("that is mistyped has a near one in the hint", () => {
    expect(() => findToken(tokens, "grafanna")).toThrow(
      expect.objectContaining({ message: "there is no token 'grafanna'", hint: "did you mean grafana" }),
    );
    expect(() => findToken(tokens, "bbbb")).toThrow("the ids of 2 tokens begin with bbbb");
  });
});
