// A page as people with other screens, other eyes and other tools have it.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { AXE_SOURCE, VIEWPORTS, type ViewportName } from "./browser.ts";

/** For a person to look at. Git ignores it. */
const SCREENSHOTS = fileURLToPath(new URL("../screenshots/", import.meta.url));

/** WCAG 2.2, level AA, and what axe-core's authors recommend besides. */
const AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** WCAG 2.2, 2.5.8: the least width and height of what is pressed, in CSS pixels. */
const LEAST_TARGET = 24;

/** Colours are all that the other scheme changes: only the rules about them are asked again. */
const COLOR_RULES = ["color-contrast", "link-in-text-block"];

const SCHEMES = ["light", "dark"] as const;

/**
 * Looks at a page in both colour schemes, at these widths, and keeps a screenshot of each. Returns all that
 * is wrong, in words: what axe-core finds, scrolling sideways, targets too small to press.
 */
export async function inspect(page: Page, name: string, widths: readonly ViewportName[]): Promise<string[]> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.evaluate(AXE_SOURCE);
  const faults: string[] = [];
  for (const width of widths) {
    await page.setViewportSize(VIEWPORTS[width]);
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      const where = `${name}-${width}-${colorScheme}`;
      await page.screenshot({ path: `${SCREENSHOTS}${where}.png`, fullPage: true });
      const found = [
        ...(await axeFaults(page, colorScheme)),
        ...(await layoutFaults(page, VIEWPORTS[width].width)),
      ];
      faults.push(...found.map((fault) => `${where}: ${fault}`));
    }
  }
  return faults;
}

async function axeFaults(page: Page, scheme: (typeof SCHEMES)[number]): Promise<string[]> {
  const asked =
    scheme === "light" ? { type: "tag", values: AXE_TAGS } : { type: "rule", values: COLOR_RULES };
  const { violations, incomplete } = await page.evaluate((runOnly) => {
    // The name that its source gives itself in the page.
    const { axe } = globalThis as unknown as { axe: { run(options: object): Promise<AxeResults> } };
    return axe.run({ runOnly, resultTypes: ["violations", "incomplete"] });
  }, asked);
  // What axe-core could not decide counts: nothing on these pages is hard to decide.
  return [...violations, ...incomplete].map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`,
  );
}

async function layoutFaults(page: Page, width: number): Promise<string[]> {
  const { scrollWidth, small } = await page.evaluate((least) => {
    const targets = [
      ...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea"),
    ];
    // A link within a sentence is as high as its line (WCAG 2.2, 2.5.8, "Inline").
    const isInSentence = (target: Element) =>
      target.tagName === "A" && target.parentElement?.textContent.trim() !== target.textContent.trim();
    return {
      scrollWidth: document.scrollingElement?.scrollWidth ?? 0,
      small: targets
        .filter((target) => {
          const { width, height } = target.getBoundingClientRect();
          return (width < least || height < least) && !isInSentence(target);
        })
        .map((target) => target.outerHTML.slice(0, 120)),
    };
  }, LEAST_TARGET);
  return [
    ...(scrollWidth > width ? [`scrolls sideways: ${scrollWidth} px`] : []),
    ...small.map((target) => `too small to press: ${target}`),
  ];
}
