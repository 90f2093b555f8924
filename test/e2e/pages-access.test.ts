// The pages without a mouse, and without JavaScript: every essential act can be done.
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../src/contract/answers.ts";
import { devicePath, ENROL_PATH, PATHS } from "../../src/contract/paths.ts";
import { launchBrowser, newPerson } from "./support/browser.ts";
import { TestEdge } from "./support/edge.ts";
import { Keyboard } from "./support/keyboard.ts";
import { appUrl, choose, enrolFor, follow, goTo, heading, pageUrl, press, signIn } from "./support/pages.ts";

const PATIENCE = { timeout: 10_000 };

let test: TestEdge;
let browser: Browser;

beforeAll(async () => {
  [test, browser] = await Promise.all([
    TestEdge.start({ vars: { REVOCATION_DELAY_SECONDS: 0 } }),
    launchBrowser(),
  ]);
});

afterAll(async () => {
  await browser?.close();
  await test?.stop();
});

async function statusOf({ user, id }: Pick<Device, "user" | "id">): Promise<string> {
  return ((await test.api("GET", `/users/${user}/devices/${id}`)) as Device).status;
}

async function deviceNamed(name: string): Promise<Device> {
  const { devices } = (await test.api("GET", "/users/alice/devices")) as { devices: Device[] };
  const found = devices.find((device) => device.name === name);
  if (found === undefined) throw new Error(`no device is named ${name}`);
  return found;
}

describe("with the keyboard alone", () => {
  let context: BrowserContext;
  let page: Page;
  let keyboard: Keyboard;

  beforeAll(async () => {
    context = await newPerson(browser, test.edge, { viewport: "desktop" });
    page = await context.newPage();
    keyboard = new Keyboard(page);
  });

  afterAll(() => context.close());

  it("signs in, past the link that skips to the content", async () => {
    await page.goto(pageUrl(test.edge, PATHS.home));
    await keyboard.tabTo("Skip to the content");
    expect(keyboard.stops).toEqual(["Skip to the content"]);
    await page.keyboard.press("Enter");
    await keyboard.tabTo("Your token");
    await page.keyboard.type(test.edge.adminToken);
    await follow(page, () => page.keyboard.press("Enter"));
    expect(await heading(page)).toBe("Devices");
  });

  it("skips the navigation", async () => {
    await keyboard.tabTo("Skip to the content");
    await page.keyboard.press("Enter");
    await test.enrol("Tablet", await test.issue("tablet"));
    await page.reload();
    await keyboard.tabTo("Skip to the content");
    await page.keyboard.press("Enter");
    keyboard.stops.length = 0;
    await keyboard.tabTo("Tablet");
    expect(keyboard.stops).toEqual(["Tablet"]);
  });

  it("suspends a device in two steps, and comes by every link in the order of the page", async () => {
    const tablet = await deviceNamed("Tablet");
    await page.goto(pageUrl(test.edge, PATHS.devices));
    keyboard.stops.length = 0;
    await keyboard.tabTo("Suspend Tablet");
    expect(keyboard.stops).toEqual([
      ...[
        "Skip to the content",
        "Devices",
        "Waiting",
        "Activity",
        "Invite",
        "People",
        "Sessions",
        "Sign out",
      ],
      ...["Tablet", "Suspend Tablet"],
    ]);
    await keyboard.enter();
    await keyboard.tabTo("Suspend Tablet");
    await keyboard.enter();
    expect(await statusOf(tablet)).toBe("suspended");
  });

  it("invites: lists and boxes, too", async () => {
    await page.goto(pageUrl(test.edge, PATHS.invite));
    await keyboard.tabTo("Valid for");
    await page.keyboard.press("ArrowDown");
    await keyboard.tabTo("Require my approval");
    await page.keyboard.press("Space");
    await keyboard.tabTo("Create invitation");
    await keyboard.enter();
    expect(await page.getByLabel("Link", { exact: true }).inputValue()).toContain(ENROL_PATH);
    const { invitations } = (await test.api("GET", "/users/alice/invitations")) as {
      invitations: { approval: boolean; createdAt: string; expiresAt: string }[];
    };
    const [made] = invitations;
    expect(made?.approval).toBe(true);
    const hours = (Date.parse(made?.expiresAt ?? "") - Date.parse(made?.createdAt ?? "")) / 3_600_000;
    expect(hours).toBe(72);
  });

  it("reports a device lost, its name typed", async () => {
    const tablet = await deviceNamed("Tablet");
    await page.goto(pageUrl(test.edge, devicePath(tablet, "lost")));
    await keyboard.tabTo("Type the device’s name, Tablet");
    await page.keyboard.type("Tablet");
    await keyboard.tabTo("Report Tablet as lost");
    await keyboard.enter();
    expect(await statusOf(tablet)).toBe("lost");
  });

  it("signs out", async () => {
    await keyboard.tabTo("Sign out");
    await keyboard.enter();
    expect(await heading(page)).toBe("Sign in");
  });
});

describe("without JavaScript", () => {
  let owner: Page;
  let phone: Page;
  let code: string;

  beforeAll(async () => {
    const credential = await test.issue("pixel");
    const [first, second] = await Promise.all([
      newPerson(browser, test.edge, { javaScriptEnabled: false }),
      newPerson(browser, test.edge, { javaScriptEnabled: false, viewport: "phone", credential }),
    ]);
    owner = await first.newPage();
    phone = await second.newPage();
  });

  it("invites, with a code to be typed", async () => {
    await signIn(owner, test.edge);
    await goTo(owner, "Invite");
    await owner.getByLabel("Owner").selectOption("alice");
    await owner.getByLabel("Require my approval").check();
    await press(owner, "Create invitation");
    code = await owner.locator(".code").innerText();
    expect(code).toMatch(/^([0-9A-Z]{1,5}-){5}[0-9A-Z]{1,5}$/);
  });

  it("enrols by the typed code, in small letters and with blanks", async () => {
    await phone.goto(appUrl(test.edge, ENROL_PATH));
    expect(await phone.getByLabel("Invitation code").inputValue()).toBe("");
    await phone.getByLabel("Name of this device").fill("Pixel");
    await phone.getByLabel("Invitation code").fill(code.toLowerCase().replaceAll("-", " "));
    await press(phone, "Go on");
    expect(await heading(phone)).toBe("Make this one of alice’s devices?");
    // The way back keeps what was typed.
    await press(phone, "Back");
    expect(await phone.getByLabel("Name of this device").inputValue()).toBe("Pixel");
    await enrolFor(phone, "alice");
    expect(await heading(phone)).toBe("Almost there");
  });

  it("approves, and the phone looks again by a link", async () => {
    await goTo(owner, "Waiting");
    await choose(owner, "Approve Pixel");
    await press(owner, "Approve Pixel");
    // Whoever asked within the last two seconds is told again what it was told then.
    await expect
      .poll(async () => {
        if ((await heading(phone)) === "Almost there") await choose(phone, "Check again");
        return heading(phone);
      }, PATIENCE)
      .toBe("This device is enrolled");
    await choose(phone, "Open the app");
    expect(await heading(phone)).toBe("You are through the gate");
  });

  it("renames, suspends, restores, revokes and forgets", async () => {
    const pixel = await deviceNamed("Pixel");
    await owner.goto(pageUrl(test.edge, devicePath(pixel)));
    await owner.getByLabel("Name").fill("Pixel 9");
    await owner.getByLabel("Note").fill("blue\ncover");
    await press(owner, "Save");
    expect(await deviceNamed("Pixel 9")).toMatchObject({ note: "blue\ncover" });
    await choose(owner, "Suspend Pixel 9");
    await press(owner, "Suspend Pixel 9");
    expect((await phone.goto(appUrl(test.edge, "/")))?.status()).toBe(404);
    await choose(owner, "Let back in Pixel 9");
    await press(owner, "Let Pixel 9 back in");
    // A refusal is remembered for two seconds.
    await expect
      .poll(async () => (await phone.goto(appUrl(test.edge, "/")))?.status(), { timeout: 10_000 })
      .toBe(200);
    await choose(owner, "Revoke… Pixel 9");
    await press(owner, "Revoke Pixel 9");
    expect((await phone.goto(appUrl(test.edge, "/")))?.status()).toBe(404);
    await choose(owner, "Forget Pixel 9");
    await press(owner, "Forget Pixel 9");
    await expect(deviceNamed("Pixel 9")).rejects.toThrow();
  });

  it("enrols or dismisses an unknown certificate", async () => {
    await test.client(await test.issue("watch")).call("/");
    await test.client(await test.issue("unknown thing")).call("/");
    await goTo(owner, "Waiting");
    await press(owner, "Dismiss unknown thing");
    await owner.getByLabel("Device name").fill("Watch");
    await owner.getByLabel("Owner").selectOption("alice");
    await press(owner, "Enrol");
    expect(await heading(owner)).toBe("Watch");
    expect(await test.api("GET", "/unknown-certificates")).toMatchObject({ unknownCertificates: [] });
  });

  it("searches and exports the log", async () => {
    await goTo(owner, "Activity");
    await owner.getByLabel("Show", { exact: true }).selectOption("user:alice");
    await owner.getByLabel("Search", { exact: true }).fill("pixel");
    await press(owner, "Search");
    const lines = await owner.getByRole("main").getByRole("listitem").allInnerTexts();
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines) expect(line.toLowerCase()).toContain("pixel");
    const [download] = await Promise.all([
      owner.waitForEvent("download"),
      owner.getByRole("link", { name: "Download as CSV" }).click(),
    ]);
    expect(download.suggestedFilename()).toBe("latchkey-activity.csv");
    expect(await download.failure()).toBeNull();
  });

  it("withdraws an invitation", async () => {
    await goTo(owner, "Invite");
    await press(owner, "Create invitation");
    await goTo(owner, "Invite");
    const open = owner.getByRole("button", { name: /^Withdraw/ });
    const before = await open.count();
    await follow(owner, () => open.first().click());
    expect(await open.count()).toBe(before - 1);
  });

  it("signs another browser out, and then all", async () => {
    const other = await (await newPerson(browser, test.edge, { javaScriptEnabled: false })).newPage();
    await signIn(other, test.edge);
    await goTo(owner, "Sessions");
    await press(owner, "Sign out Chrome on Linux");
    await other.reload();
    expect(await heading(other)).toBe("Sign in");
    await press(owner, "Sign out everywhere");
    expect(await heading(owner)).toBe("Sign in");
  });
});
