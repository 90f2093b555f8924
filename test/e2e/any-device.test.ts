// A device without a certificate on the pages, in a real browser: made, used through the edge, limited, and asked who it is.
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PATHS, WHOAMI_PATH } from "../../src/contract/paths.ts";
import { launchBrowser, newPerson } from "./support/browser.ts";
import { TestEdge } from "./support/edge.ts";
import { inspect } from "./support/inspect.ts";
import { appUrl, choose, complaintsOf, goTo, heading, pageUrl, press, signIn } from "./support/pages.ts";

let test: TestEdge;
let browser: Browser;

beforeAll(async () => {
  [test, browser] = await Promise.all([
    TestEdge.start({ vars: { REVOCATION_DELAY_SECONDS: 0 } }),
    launchBrowser(),
  ]);
  await test.api("PUT", "/users/alice", { name: "Alice Example" });
});

afterAll(async () => {
  await browser?.close();
  await test?.stop();
});

async function look(page: Page, name: string): Promise<void> {
  expect(await inspect(page, `any-device-${name}`)).toEqual([]);
}

describe("a TV", () => {
  let contexts: BrowserContext[] = [];
  let owner: Page;
  let complaints: string[];
  let token: string;

  beforeAll(async () => {
    const context = await newPerson(browser, test.edge);
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    contexts.push(context);
    owner = await context.newPage();
    complaints = complaintsOf(owner);
    await signIn(owner, test.edge);
  });

  afterAll(async () => {
    await Promise.all(contexts.map((context) => context.close()));
    contexts = [];
  });

  const statusOf = async (headers: Record<string, string>) =>
    (await test.client().call("/", { host: "app.localhost", headers })).status;

  it("is made with a token, which is shown once and can be copied", async () => {
    await choose(owner, "Add a device without a certificate");
    await look(owner, "new");
    await owner.getByLabel("Device name").fill("TV");
    await owner.getByLabel("app.localhost", { exact: true }).check();
    await owner.getByLabel("localhost", { exact: true }).check();
    await press(owner, "Make the token");
    expect(await heading(owner)).toBe("The token of TV");
    token = await owner.getByLabel("Token", { exact: true }).inputValue();
    expect(token).toMatch(/^lkd_/);
    await owner.getByRole("button", { name: "Copy Header" }).click();
    await expect
      .poll(() => owner.evaluate(() => navigator.clipboard.readText()))
      .toBe(`X-Latchkey-Token: ${token}`);
    await owner.getByText("Curl").first().click();
    await look(owner, "token");
  });

  it("is let in with it, and nobody without", async () => {
    expect(await statusOf({ "x-latchkey-token": token })).toBe(200);
    expect(
      await statusOf({ "x-latchkey-token": `${token.slice(0, -1)}${token.endsWith("_") ? "-" : "_"}` }),
    ).toBe(404);
    expect(await statusOf({})).toBe(404);
  });

  it("is limited to another app, and refused at the first", async () => {
    await goTo(owner, "Devices");
    await look(owner, "list");
    await choose(owner, "TV");
    await look(owner, "device");
    await choose(owner, "Change limits");
    await owner.getByLabel("app.localhost", { exact: true }).uncheck();
    await owner.getByLabel("Let in until").fill("2020-01-01T10:00");
    await press(owner, "Save");
    expect(await owner.getByRole("alert").innerText()).toContain("The time must be in the future");
    expect(await owner.getByLabel("app.localhost", { exact: true }).isChecked()).toBe(false);
    await look(owner, "limits-wrong");
    await owner.getByLabel("Let in until").fill("");
    await press(owner, "Save");
    expect(await owner.getByRole("status").innerText()).toBe("Saved.");
    expect(await statusOf({ "x-latchkey-token": token })).toBe(404);
  });

  it("sees who it is, whether it is let in, and why not", async () => {
    const tv = await newPerson(browser, test.edge);
    contexts.push(tv);
    await tv.setExtraHTTPHeaders({ "X-Latchkey-Token": token });
    const page = await tv.newPage();
    await page.goto(appUrl(test.edge, WHOAMI_PATH));
    expect(await heading(page)).toBe("This device is let in");
    await look(page, "whoami-let-in");
    await page.goto(pageUrl(test.edge, WHOAMI_PATH, "app.localhost"));
    expect(await heading(page)).toBe("This device is refused");
    expect(await page.getByRole("main").innerText()).toContain(
      "It may use other apps, but not app.localhost",
    );
    await look(page, "whoami-refused");
  });

  it("is given a new token", async () => {
    await choose(owner, "Give it a new token");
    await look(owner, "next");
    await press(owner, "Make a new token");
    expect(await heading(owner)).toBe("The token of TV");
    const next = await owner.getByLabel("Token", { exact: true }).inputValue();
    const local = async (headers: Record<string, string>) =>
      (await test.client().call("/", { host: "localhost", headers })).status;
    expect(await local({ "x-latchkey-token": token })).toBe(200);
    expect(await local({ "x-latchkey-token": next })).toBe(200);
    expect(await local({ "x-latchkey-token": token })).toBe(404);
    expect(complaints).toEqual([]);
  });
});

describe("without JavaScript", () => {
  let context: BrowserContext;
  let owner: Page;

  beforeAll(async () => {
    context = await newPerson(browser, test.edge, { javaScriptEnabled: false });
    owner = await context.newPage();
    await signIn(owner, test.edge);
  });

  afterAll(() => context.close());

  it("a feed is made, and reads its path", async () => {
    await goTo(owner, "Invite");
    await choose(owner, "Add a device without a certificate");
    await choose(owner, "Feed URL");
    await owner.getByLabel("Device name").fill("Calendar");
    await owner.getByLabel("app.localhost", { exact: true }).check();
    await owner.getByLabel("Paths").fill("/echo");
    await press(owner, "Make the feed URL");
    expect(await heading(owner)).toBe("The feed URL of Calendar");
    const url = new URL(await owner.getByLabel("Feed URL", { exact: true }).inputValue());
    expect(url.origin).toBe(pageUrl(test.edge, "", "app.localhost"));
    const client = test.client();
    expect(await client.call(url.pathname + url.search)).toMatchObject({ status: 200 });
    expect((await client.call(`/${url.search}`)).status).toBe(404);
  });

  it("a guest is invited", async () => {
    await goTo(owner, "Invite");
    await owner.getByText("Limits, for a guest’s device").click();
    await owner.getByLabel("Only these:").check();
    await owner.getByLabel("app.localhost", { exact: true }).check();
    await owner.getByLabel("Let in until").fill("2035-06-01T12:00");
    await press(owner, "Create invitation");
    expect(await owner.getByRole("main").innerText()).toContain("only on app.localhost, until 1 Jun 2035");
  });
});

describe("the same pages", () => {
  it("have nothing wrong in them in other states", async () => {
    const owner = await (await newPerson(browser, test.edge)).newPage();
    await signIn(owner, test.edge);
    await owner.goto(pageUrl(test.edge, `${PATHS.addDevice}?kind=feed`));
    await look(owner, "new-feed");
    await owner.getByLabel("Device name").fill("News");
    await owner.getByLabel("app.localhost", { exact: true }).check();
    await owner.getByLabel("Paths").fill("/rss/*\n/atom.xml");
    await press(owner, "Make the feed URL");
    await look(owner, "feed");
    await goTo(owner, "Invite");
    await owner.getByText("Limits, for a guest’s device").click();
    await look(owner, "guest");
    await goTo(owner, "Activity");
    await look(owner, "activity");
    await owner.context().close();
  });
});
