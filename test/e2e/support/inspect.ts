// A page as people with other screens, other eyes and other tools have it.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { AxeResults, RunOnly } from "axe-core";
import type { Page } from "playwright-core";
import { AXE_SOURCE, VIEWPORTS, type ViewportName } from "./browser.ts";

/** For a person to look at. Git ignores it. */
const SCREENSHOTS = fileURLToPath(new URL("../screenshots/", import.meta.url));

/** WCAG 2.2, level AA, and what axe-core's authors recommend besides. */
const ALL: RunOnly = {
  type: "tag",
  values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
};

/** WCAG 2.2, 2.5.8: the least width and height of what is pressed, in CSS pixels. */
const LEAST_TARGET = 24;

/** Of these, what colours and layout decide: the document is the same in the dark and at every width. */
const COLORS = ["color-contrast", "link-in-text-block"];
const OF_COLORS: RunOnly = { type: "rule", values: COLORS };
const OF_LAYOUT: RunOnly = {
  type: "rule",
  values: [...COLORS, "target-size", "scrollable-region-focusable"],
};

/**
 * Looks at a page at these widths and in both colour schemes, and keeps a screenshot of each. Returns all that
 * is wrong, in words: what axe-core finds, scrolling sideways, targets too small to press.
 */
export async function inspect(
  page: Page,
  name: string,
  widths: readonly ViewportName[] = ["phone", "desktop"],
): Promise<string[]> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.evaluate(AXE_SOURCE);
  const faults: string[] = [];
  for (const width of widths) {
    await page.setViewportSize(VIEWPORTS[width]);
    await page.emulateMedia({ colorScheme: "light" });
    await keep(page, `${name}-${width}-light`);
    faults.push(...(await axeFaults(page, width === widths[0] ? ALL : OF_LAYOUT)));
    faults.push(...(await layoutFaults(page, VIEWPORTS[width].width)));
    await page.emulateMedia({ colorScheme: "dark" });
    await keep(page, `${name}-${width}-dark`);
  }
  faults.push(...(await axeFaults(page, OF_COLORS)));
  return faults.map((fault) => `${name}: ${fault}`);
}

/** JPEG is half the time of PNG. */
async function keep(page: Page, name: string): Promise<void> {
  const path = `${SCREENSHOTS}${name}.jpeg`;
  await page.screenshot({ path, type: "jpeg", quality: 80, fullPage: true });
}

async function axeFaults(page: Page, asked: RunOnly): Promise<string[]> {
  const found = await page.evaluate(async (runOnly) => {
    // The name that its source gives itself in the page.
    const { axe } = globalThis as unknown as { axe: { run(options: object): Promise<AxeResults> } };
    const { violations, incomplete } = await axe.run({ runOnly, resultTypes: ["violations", "incomplete"] });
    // What axe-core could not decide counts: nothing on these pages is hard to decide.
    return [...violations, ...incomplete];
  }, asked);
  return found.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 120)).join(" | ")}`,
  );
}

async function layoutFaults(page: Page, width: number): Promise<string[]> {
  const { scrollWidth, small } = await page.evaluate((least) => {
    const targets = [
      ...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea"),
    ];
    return {
      scrollWidth: document.scrollingElement?.scrollWidth ?? 0,
      small: targets
        .filter((target) => {
          const { width, height } = target.getBoundingClientRect();
          return target.checkVisibility() && (width < least || height < least);
        })
        .map((target) => target.outerHTML.slice(0, 120)),
    };
  }, LEAST_TARGET);
  return [
    ...(scrollWidth > width ? [`scrolls sideways: ${scrollWidth} px`] : []),
    ...small.map((target) => `too small to press, at ${width} px: ${target}`),
  ];
}
