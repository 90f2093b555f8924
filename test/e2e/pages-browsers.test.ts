// What the owner and others see of browsers whose people signed in, looked at in both widths and schemes.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { devicePath, PATHS } from "../../src/contract/paths.ts";
import { launchBrowser, newPerson } from "./support/browser.ts";
import { TestEdge } from "./support/edge.ts";
import { inspect } from "./support/inspect.ts";
import { heading, pageUrl, press } from "./support/pages.ts";

const APP = "app.localhost";
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Nobody answers there, and nobody is asked. */
const SIGN_IN = { issuer: "https://id.example.com", clientId: "latchkey", label: "Pocket ID" };

let test: TestEdge;
let browser: Browser;
let owner: Page;

/** As a backup has it. `ends`: from now, in milliseconds. */
function signedIn(index: number, name: string, ends: number, change: Record<string, unknown> = {}) {
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();
  return {
    ...{ id: idOf(index), user: "alice", name, status: "active" },
    ...{ statusSince: at(-DAY_MS), statusReason: null, note: null, enrolledAt: at(-DAY_MS) },
    ...{ kind: "browser", apps: [APP, "vault.localhost"], countries: null, expiresAt: null, paths: null },
    credentials: [
      {
        ...{ fingerprint: String(index).padEnd(64, "b"), subject: null, issuer: null, serial: null },
        ...{ notBefore: at(-DAY_MS), notAfter: at(ends), addedAt: at(-DAY_MS) },
        ...{ retiredAt: null, retireBy: null, replaces: null },
      },
    ],
    lastSeen: { at: at(-HOUR_MS), app: APP, country: "CH", ip: "198.51.100.7" },
    ...{ wipe: null, comparisonCode: null },
    ...change,
  };
}

function idOf(index: number): string {
  return `00000000-0000-4000-8000-00000000000${index}`;
}

beforeAll(async () => {
  const APPS = {
    [APP]: { signIn: true },
    "vault.localhost": { profile: "bitwarden", signIn: true },
    localhost: {},
  };
  [test, browser] = await Promise.all([TestEdge.start({ vars: { APPS, SIGN_IN } }), launchBrowser()]);
  const now = new Date().toISOString();
  await test.api("POST", "/users/alice/restore", {
    madeAt: now,
    devices: [
      signedIn(1, "Firefox on Windows", 20 * DAY_MS),
      signedIn(2, "Chrome on macOS", HOUR_MS, { expiresAt: new Date(Date.now() + HOUR_MS).toISOString() }),
      signedIn(3, "Safari on iOS", -DAY_MS),
      signedIn(4, "Edge on Windows", 20 * DAY_MS, {
        ...{ status: "lost", wipe: { firstAt: now, lastAt: now, count: 1, tokenRefresh: false } },
      }),
    ],
  });
  owner = await (await newPerson(browser, test.edge)).newPage();
});

afterAll(async () => {
  await browser?.close();
  await test?.stop();
});

it("the sign-in page offers the provider first, as the main button", async () => {
  await owner.goto(pageUrl(test.edge, PATHS.home));
  const button = owner.getByRole("link", { name: "Sign in with Pocket ID" });
  const [main, other] = await Promise.all([
    button.evaluate((element) => getComputedStyle(element).backgroundColor),
    owner.locator("body").evaluate((element) => getComputedStyle(element).backgroundColor),
  ]);
  expect(main).not.toBe(other);
  expect(await inspect(owner, "sign-in-with-provider")).toEqual([]);
  await owner.getByText("I have a token").click();
  await owner.getByLabel("Your token").fill(test.edge.adminToken);
  await press(owner, "Sign in");
  expect(await heading(owner)).toBe("Devices");
});

it.each([
  ["their list", PATHS.devices, "Devices"],
  ["one of them", devicePath({ user: "alice", id: idOf(1) }), "Firefox on Windows"],
  ["a lost one", devicePath({ user: "alice", id: idOf(4) }), "Edge on Windows"],
  ["its limits", devicePath({ user: "alice", id: idOf(1) }, "limits"), "Limits of Firefox on Windows"],
  [
    "what lost means",
    devicePath({ user: "alice", id: idOf(1) }, "lost"),
    "Report Firefox on Windows as lost?",
  ],
  ["what revoke means", devicePath({ user: "alice", id: idOf(1) }, "revoke"), "Revoke Firefox on Windows?"],
])("nothing is wrong with the page of %s", async (name, path, title) => {
  await owner.goto(pageUrl(test.edge, path));
  expect(await heading(owner)).toBe(title);
  expect(await inspect(owner, `browsers-${name.replaceAll(" ", "-")}`)).toEqual([]);
});

it("a browser can be limited only to apps where people can sign in", async () => {
  await owner.goto(pageUrl(test.edge, devicePath({ user: "alice", id: idOf(1) }, "limits")));
  expect(
    await owner.getByRole("checkbox").evaluateAll((boxes) => boxes.map((box) => box.getAttribute("value"))),
  ).toEqual([APP, "vault.localhost"]);
});

it("the page that offers a sign-in has one main button", async () => {
  const stranger = await (await newPerson(browser, test.edge)).newPage();
  const response = await stranger.goto(pageUrl(test.edge, "/album", APP));
  expect(response?.status()).toBe(404);
  expect(await stranger.locator(".button.go").allInnerTexts()).toEqual(["Sign in"]);
  expect(await inspect(stranger, "offer")).toEqual([]);
});
