// What a person does on the pages, in one line each.
import type { Page } from "playwright-core";
import type { Edge } from "../../../scripts/edge/edge.ts";
import { PATHS } from "../../../src/contract/paths.ts";

/** The app's host on which a certificate can be shown: Playwright resolves no other local name then. */
const APP_HOST = "localhost";

/** A page for people, or with another host what is there. */
export function pageUrl(edge: Edge, path: string, host = edge.apiHost): string {
  return `${edge.url(host)}${path}`;
}

/** What a device asks an app's host for, with its certificate. */
export function appUrl(edge: Edge, path: string): string {
  return pageUrl(edge, path, APP_HOST);
}

/** Does what leads to another page, and waits until that page is there. */
export async function follow(page: Page, act: () => Promise<unknown>): Promise<void> {
  await Promise.all([page.waitForEvent("load"), act()]);
}

export function press(page: Page, name: string): Promise<void> {
  return follow(page, () => page.getByRole("button", { name, exact: true }).click());
}

export function choose(page: Page, name: string): Promise<void> {
  return follow(page, () => page.getByRole("link", { name, exact: true }).click());
}

/** Goes to a page by the navigation at the top of every page. */
export function goTo(page: Page, name: string): Promise<void> {
  const links = page.getByRole("navigation").getByRole("link", { name, exact: true });
  return follow(page, () => links.click());
}

export async function signIn(page: Page, edge: Edge, token = edge.adminToken): Promise<void> {
  await page.goto(pageUrl(edge, PATHS.home));
  await page.getByLabel("Your token").fill(token);
  await press(page, "Sign in");
}

/** Goes through both steps of the enrolment page that is open: agrees to become one of this user's devices. */
export async function enrolFor(page: Page, user: string): Promise<void> {
  await press(page, "Go on");
  await press(page, `Make it one of ${user}’s devices`);
}

export async function heading(page: Page): Promise<string> {
  return page.getByRole("heading", { level: 1 }).innerText();
}

/**
 * What a page complains of from now on, as it says it: a script that failed, what a policy blocked, a
 * dialog. A status of 4xx is none: Chromium reports those of pages, too.
 */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("console", (message) => {
    const isStatus = message.text().startsWith("Failed to load resource: the server responded");
    if (message.type() === "error" && !isStatus) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return complaints;
}
