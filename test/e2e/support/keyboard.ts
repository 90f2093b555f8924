import type { Page } from "playwright-core";
import { expect } from "vitest";
import { follow } from "./pages.ts";

/** More than any page has to stop at. */
const MOST_STOPS = 60;

/** A person who has no mouse. Each stop of theirs must be seen: with a ring around it, and on the screen. */
export class Keyboard {
  /** What the focus was on, in order. */
  readonly stops: string[] = [];
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Presses Tab until the focus is on what has this name. Throws when it never is. */
  async tabTo(name: string): Promise<void> {
    for (let count = 0; count < MOST_STOPS; count += 1) {
      await this.#page.keyboard.press("Tab");
      const stop = await this.#focused();
      if (stop === undefined) continue;
      this.stops.push(stop);
      if (stop === name) return;
    }
    throw new Error(`Tab never comes to ${name}, but to ${this.stops.join(", ")}`);
  }

  /** Follows the link or presses the button that has the focus. */
  async enter(): Promise<void> {
    await follow(this.#page, () => this.#page.keyboard.press("Enter"));
    this.stops.length = 0;
  }

  /** The name of what has the focus; `undefined` for the page itself. */
  async #focused(): Promise<string | undefined> {
    const focused = await this.#page.evaluate(() => {
      const element = document.activeElement;
      if (!(element instanceof HTMLElement) || element === document.body) return undefined;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      const box = element.getBoundingClientRect();
      const labels = "labels" in element ? (element.labels as NodeListOf<HTMLElement> | null) : null;
      return {
        name: (labels?.[0]?.textContent ?? element.textContent).replace(/\s+/g, " ").trim(),
        hasRing: outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2,
        isOnScreen:
          box.left >= 0 &&
          box.top >= 0 &&
          box.right <= innerWidth &&
          box.bottom <= innerHeight &&
          box.width > 1,
      };
    });
    if (focused !== undefined) expect(focused).toMatchObject({ hasRing: true, isOnScreen: true });
    return focused?.name;
  }
}
