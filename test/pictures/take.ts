// npm run screenshots: the pictures of README and docs, taken from the running pages with a made-up household. Look at
// each before you commit it.
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { BrowserContext, Page } from "playwright-core";
import sharp from "sharp";
import { devicePath, PATHS, WHOAMI_PATH } from "../../src/contract/paths.ts";
import { launchBrowser, newPerson, type ViewportName } from "../e2e/support/browser.ts";
import { press } from "../e2e/support/pages.ts";
import type { TlsClient } from "../e2e/support/tls-client.ts";
import { APP, startHousehold } from "./household.ts";

const FOLDER = fileURLToPath(new URL("../../docs/pictures/", import.meta.url));

const ANDROID =
  "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/150.0 Mobile Safari/537.36";

/** Everybody who opens the README loads them. */
const MOST_KIB = 60;

/** The pages are no wider than this, margins included; as high as three devices. */
const DESKTOP = { width: 800, height: 802 };

mkdirSync(FOLDER, { recursive: true });
const household = await startHousehold();
const browser = await launchBrowser();
try {
  await takeAll();
} finally {
  await browser.close();
  await household.stop();
}

async function takeAll(): Promise<void> {
  const { zone, home, link, card, suspended } = household;
  const devices = await zone.devices("alice");
  const phone = devices.find(({ name }) => name === "Pixel 9");
  if (phone === undefined) throw new Error("the household lacks its phone");

  for (const viewport of ["desktop", "phone"] as const) {
    await withPage(viewport, async (page) => {
      await page.goto(`${home}${PATHS.home}`);
      await page.getByLabel("Your token").fill(zone.edge.adminToken);
      await press(page, "Sign in");
      if (viewport === "desktop") return keep(page, "devices-desktop");
      await page.goto(`${home}${devicePath(phone, "lost")}`);
      return keep(page, "lost-phone");
    });
  }
  await withPage("phone", async (page) => {
    await page.goto(`${home}${PATHS.home}`);
    await page.getByText("I have an emergency card").click();
    await page.getByLabel("The code on the card").fill(card);
    await press(page, "Show the devices");
    await keep(page, "emergency-phone");
  });
  await withPage("phone", async (page) => {
    await page.setExtraHTTPHeaders({ "User-Agent": ANDROID });
    await page.goto(link);
    await page.getByRole("button", { name: "Get the certificate" }).click();
    await page.getByText("1. Save the file").waitFor();
    await keep(page, "certificate-phone");
  });
  await withPage("phone", async (page, context) => {
    await answerWith(context, suspended);
    await page.goto(`https://${APP}${WHOAMI_PATH}`);
    await keep(page, "whoami-phone");
  });
}

/** Playwright's browsers show a certificate to no host but localhost, so a client that has one asks in their place. */
async function answerWith(context: BrowserContext, client: TlsClient): Promise<void> {
  await context.route(`https://${APP}/**`, async (route) => {
    const request = route.request();
    const { pathname } = new URL(request.url());
    const { status, headers, body } = await client.call(pathname, {
      host: APP,
      headers: { ...(await request.allHeaders()), "accept-encoding": "identity" },
    });
    await route.fulfill({ status, contentType: headers["content-type"] ?? "", body });
  });
}

async function withPage(
  viewport: ViewportName,
  work: (page: Page, context: BrowserContext) => Promise<void>,
): Promise<void> {
  const context = await newPerson(browser, household.zone.edge, { viewport });
  const page = await context.newPage();
  if (viewport === "desktop") await page.setViewportSize(DESKTOP);
  await work(page, context);
  await context.close();
}

/** What is on the screen. A few colours are enough for these pages, and a third of the size. */
async function keep(page: Page, name: string): Promise<void> {
  const picture = sharp(await page.screenshot());
  // White pages on white: where the picture ends must be seen.
  picture.extend({ top: 1, right: 1, bottom: 1, left: 1, background: "#c8c8c8" });
  const png = await picture.png({ palette: true, colours: 32, effort: 10 }).toBuffer();
  const kib = png.length / 1024;
  process.stdout.write(`${name}.png ${kib.toFixed(0)} KiB\n`);
  if (kib > MOST_KIB) throw new Error(`${name}.png is larger than ${MOST_KIB} KiB`);
  writeFileSync(`${FOLDER}${name}.png`, png);
}
