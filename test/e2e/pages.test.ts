// The pages' one story, in a real browser over real TLS: a device is invited, enrolled, let in and shut out.
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ENROL_PATH, PATHS } from "../../src/contract/paths.ts";
import { launchBrowser, newPerson, type ViewportName } from "./support/browser.ts";
import { TestEdge } from "./support/edge.ts";
import { inspect } from "./support/inspect.ts";
import {
  appUrl,
  choose,
  complaintsOf,
  follow,
  goTo,
  heading,
  pageUrl,
  press,
  signIn,
} from "./support/pages.ts";
import type { TlsClient } from "./support/tls-client.ts";

/** A revoked device is refused everywhere after this long. */
const DELAY_SECONDS = 1;
const PATIENCE = { timeout: 10_000 };

let test: TestEdge;
let browser: Browser;

beforeAll(async () => {
  [test, browser] = await Promise.all([
    TestEdge.start({ vars: { REVOCATION_DELAY_SECONDS: DELAY_SECONDS } }),
    launchBrowser(),
  ]);
});

afterAll(async () => {
  await browser?.close();
  await test?.stop();
});

describe.each<[ViewportName, string, string]>([
  ["phone", "maria", "Pixel 9"],
  ["desktop", "noah", "Laptop"],
])("at the width of a %s", (viewport, user, device) => {
  let contexts: BrowserContext[];
  let owner: Page;
  let phone: Page;
  let sibling: TlsClient;
  let link: string;
  let complaints: string[];

  const look = async (page: Page, name: string) => {
    expect(await inspect(page, `story-${name}`, [viewport])).toEqual([]);
  };

  beforeAll(async () => {
    const credential = await test.issue(`${user} ${device}`);
    contexts = await Promise.all([
      // The owner's browser has no certificate: the pages ask for none.
      newPerson(browser, test.edge, { viewport }),
      newPerson(browser, test.edge, { viewport, credential }),
    ]);
    [owner, phone] = (await Promise.all(contexts.map((context) => context.newPage()))) as [Page, Page];
    complaints = complaintsOf(owner);
    // The phone's own clock, so that no test waits for it.
    await phone.clock.install();
  });

  afterAll(() => Promise.all(contexts.map((context) => context.close())));

  it("lets the owner sign in, add a user and invite them", async () => {
    await signIn(owner, test.edge);
    expect(await heading(owner)).toBe("Devices");
    await goTo(owner, "Invite");
    await owner.getByLabel("Short id").fill(user);
    await press(owner, "Add");
    await owner.getByLabel("Owner").selectOption(user);
    await owner.getByLabel("Require my approval").check();
    await look(owner, "invite");
    await press(owner, "Create invitation");
    await look(owner, "invitation");
    const made = new URL(await owner.getByLabel("Link", { exact: true }).inputValue());
    expect(made.hostname).toBe(test.edge.appHost);
    made.hostname = new URL(appUrl(test.edge, "/")).hostname;
    link = made.href;
    expect(await owner.getByRole("img", { name: "QR code of the link" }).isVisible()).toBe(true);
    expect(link).toMatch(/\/\.latchkey\/enrol#[0-9A-HJKMNP-TV-Z]{26}$/);

    const other = await test.issue(`${user}'s other device`);
    await test.enrol("Other device", other, user);
    sibling = test.client(other);
    expect((await sibling.call("/")).status).toBe(200);
  });

  it("does not let the device in before", async () => {
    const response = await phone.goto(appUrl(test.edge, "/"));
    expect(response?.status()).toBe(404);
    expect(await phone.locator("body").innerText()).toBe("Not Found");
  });

  it("takes the code from the link, and asks the owner", async () => {
    await phone.goto(link);
    expect(await phone.getByLabel("Invitation code").inputValue()).toBe(link.split("#")[1]);
    // The code stays in no history and no address bar.
    expect(phone.url()).toBe(appUrl(test.edge, ENROL_PATH));
    await phone.getByLabel("Name of this device").fill(device);
    await look(phone, "enrol");
    await press(phone, "Go on");
    expect(await heading(phone)).toBe(`Make this one of ${user}’s devices?`);
    await look(phone, "agree");
    expect((await test.api("GET", `/users/${user}/devices`)) as object).toMatchObject({
      devices: [{ name: "Other device" }],
    });
    await press(phone, `Make it one of ${user}’s devices`);
    expect(await heading(phone)).toBe("Almost there");
    expect(await phone.getByRole("main").innerText()).toContain(
      `This is ${device}, one of ${user}’s devices.`,
    );
    await look(phone, "almost-there");
    expect((await phone.request.get(appUrl(test.edge, "/"))).status()).toBe(404);
  });

  it("shows both the same code, and the device sees by itself that it was approved", async () => {
    await goTo(owner, "Waiting");
    await look(owner, "waiting");
    const code = await phone.locator(".code").innerText();
    expect(code).toMatch(/^\d{3} \d{3}$/);
    expect(await owner.getByRole("main").innerText()).toContain(code);
    await choose(owner, `Approve ${device}`);
    expect(await owner.locator(".code").innerText()).toBe(code);
    await look(owner, "approve");
    await press(owner, `Approve ${device}`);
    expect(await owner.getByRole("status").innerText()).toContain("Active since");

    // Whoever asked within the last two seconds is told again what it was told then.
    await expect
      .poll(async () => {
        await follow(phone, () => phone.clock.runFor("00:10"));
        return heading(phone);
      }, PATIENCE)
      .toBe("This device is enrolled");
    expect(await phone.getByRole("main").innerText()).toContain(
      `This is ${device}, one of ${user}’s devices.`,
    );
    await look(phone, "enrolled");
  });

  it("leads the device to the app", async () => {
    await choose(phone, "Open the app");
    expect(await heading(phone)).toBe("You are through the gate");
  });

  it("revokes it in two taps, from a browser without a certificate", async () => {
    await goTo(owner, "Devices");
    await look(owner, "devices");
    await choose(owner, `Revoke… ${device}`);
    await look(owner, "revoke");
    expect(await owner.getByRole("main").innerText()).toContain(`within ${DELAY_SECONDS} second`);
    await press(owner, `Revoke ${device}`);
    expect(await owner.getByRole("status").innerText()).toContain("Revoked at");
    await look(owner, "revoked");
  });

  it("refuses the device within the delay, and no other", async () => {
    const status = async () => (await phone.goto(appUrl(test.edge, "/")))?.status();
    await expect.poll(status, PATIENCE).toBe(404);
    expect(await phone.locator("body").innerText()).toBe("Not Found");
    expect((await sibling.call("/")).status).toBe(200);
    const title = async () => {
      await phone.goto(appUrl(test.edge, ENROL_PATH));
      return heading(phone);
    };
    await expect.poll(title, PATIENCE).toBe("This device is not let in");
    await look(phone, "shut-out");
  });

  it("tells it all under Activity, and ends with a sign-out", async () => {
    await goTo(owner, "Activity");
    await look(owner, "activity");
    const told = await owner.getByRole("main").getByRole("paragraph").allInnerTexts();
    const User = user.charAt(0).toUpperCase() + user.slice(1);
    for (const line of [
      `User ${user} was added.`,
      `${User} was invited to enrol a device.`,
      `${User}’s ${device} was enrolled by invitation and waits for approval.`,
      `${User}’s ${device} was approved.`,
      `${User}’s ${device} was revoked.`,
    ]) {
      expect(told.filter((each) => each === line)).toHaveLength(1);
    }
    await press(owner, "Sign out");
    expect(await owner.getByRole("status").innerText()).toBe("You are signed out.");
    await owner.goto(pageUrl(test.edge, PATHS.devices));
    expect(await heading(owner)).toBe("Sign in");
    expect(complaints).toEqual([]);
  });
});
