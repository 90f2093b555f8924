// A real Chromium from an npm package, with real client certificates.
import { readFileSync } from "node:fs";
import { type Browser, type BrowserContext, chromium as playwright } from "playwright-core";
import type { Credential } from "../../../scripts/certificates/authority.ts";
import type { Edge } from "../../../scripts/edge/edge.ts";
import { chromiumPath } from "./chromium.ts";

/** A phone's and a desktop's window, in CSS pixels. */
export const VIEWPORTS = {
  phone: { width: 360, height: 740 },
  desktop: { width: 1280, height: 800 },
} as const;
export type ViewportName = keyof typeof VIEWPORTS;

export async function launchBrowser(): Promise<Browser> {
  return playwright.launch({
    executablePath: await chromiumPath(),
    args: [
      "--headless=shell",
      "--no-sandbox",
      "--disable-gpu",
      "--no-zygote",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // A context's own setting does not reach the scripts of service workers.
      "--ignore-certificate-errors",
    ],
  });
}

/** For anything on a page to be there, in milliseconds. */
const PATIENCE_MS = 10_000;

export interface PersonOptions {
  viewport?: ViewportName;
  /** The certificate that the browser shows to the apps' hosts. */
  credential?: Credential | undefined;
  javaScriptEnabled?: boolean;
  colorScheme?: "light" | "dark";
}

/** A browser of its own: no cookie and no certificate is shared with another one. */
export async function newPerson(
  browser: Browser,
  edge: Edge,
  options: PersonOptions = {},
): Promise<BrowserContext> {
  const { viewport = "desktop", credential, javaScriptEnabled = true, colorScheme = "light" } = options;
  const isPhone = viewport === "phone";
  const context = await browser.newContext({
    viewport: VIEWPORTS[viewport],
    isMobile: isPhone,
    hasTouch: isPhone,
    javaScriptEnabled,
    colorScheme,
    // The development CA is in no store of this machine.
    ignoreHTTPSErrors: true,
    ...(credential === undefined
      ? {}
      : {
          clientCertificates: ["app.localhost", "vault.localhost", "localhost"].map((host) => ({
            origin: edge.url(host),
            cert: Buffer.from(credential.certificate),
            key: Buffer.from(credential.key),
          })),
        }),
  });
  // Sooner than the test's own end, so that it is told what was waited for.
  context.setDefaultTimeout(PATIENCE_MS);
  return context;
}

/** axe-core's own source, to be run in a page. */
export const AXE_SOURCE = readFileSync(new URL(import.meta.resolve("axe-core/axe.min.js")), "utf8");
