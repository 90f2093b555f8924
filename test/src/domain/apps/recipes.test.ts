import { expect, it } from "vitest";
import { APP_NAMES } from "../../../../src/domain/apps/names.ts";
import { recipesFor } from "../../../../src/domain/apps/recipes.ts";

const place = { url: "https://photos.example.com", token: `lkd_${"A".repeat(51)}`, basic: true };

it.each([undefined, ...APP_NAMES])(
  "recipes for %s have the token in each, and nothing to fill in but a topic",
  (app) => {
    const recipes = recipesFor(app, place);
    expect(new Set(recipes.map(({ title }) => title)).size).toBe(recipes.length);
    for (const { title, lines } of recipes) {
      expect(title).toMatch(/^\S.*[^.]$/);
      expect(lines.join("\n").split(place.token)).toHaveLength(2);
      for (const line of lines)
        expect(line.replace("/TOPIC", "")).not.toMatch(/[<>]|\b[A-Z]{4,}\b|undefined/);
    }
  },
);

it("recipes begin with the app's own clients, and end with any other", () => {
  expect(recipesFor("immich", place)[0]).toEqual({
    title: "Immich for Android or iOS, custom proxy headers",
    lines: [
      "server address: https://photos.example.com",
      "header name: X-Latchkey-Token",
      `header value: ${place.token}`,
    ],
  });
  expect(recipesFor("immich", place).at(-1)).toEqual({
    title: "curl",
    lines: [`curl -H 'X-Latchkey-Token: ${place.token}' https://photos.example.com/`],
  });
});
