// Attacks on the pages in a real browser: other sites, the app on the same host, names that are scripts, races.
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Device, ENROL_PATH } from "../../src/control/contract.ts";
import { devicePath, PATHS } from "../../src/control/pages/paths.ts";
import { SESSION_COOKIE } from "../../src/session-cookie.ts";
import { launchBrowser, newPerson } from "./support/browser.ts";
import { TestEdge } from "./support/edge.ts";
import { type OtherSite, selfSendingForm, startOtherSite } from "./support/other-site.ts";
import { PageClient } from "./support/page-client.ts";
import { complaintsOf, follow, goTo, heading, pageUrl, press, signIn } from "./support/pages.ts";

let test: TestEdge;
let browser: Browser;
let other: OtherSite;
/** The victim, signed in, in a browser without a certificate, */
let page: Page;
/** and in one that the app lets in, too. */
let inApp: Page;
let tablet: Device;

beforeAll(async () => {
  [test, browser] = await Promise.all([
    TestEdge.start({ vars: { REVOCATION_DELAY_SECONDS: 0 } }),
    launchBrowser(),
  ]);
  other = await startOtherSite(test.edge);
  const credential = await test.issue("tablet");
  tablet = await test.enrol("Tablet", credential);
  const contexts = [newPerson(browser, test.edge), newPerson(browser, test.edge, { credential })];
  [page, inApp] = (await Promise.all(contexts.map(async (each) => (await each).newPage()))) as [Page, Page];
  await signIn(page, test.edge);
  await signIn(inApp, test.edge);
});

afterAll(async () => {
  await browser?.close();
  await other?.stop();
  await test?.stop();
});

async function statusOf({ user, id }: Device): Promise<string> {
  return ((await test.api("GET", `/users/${user}/devices/${id}`)) as Device).status;
}

async function cookieOf(of: BrowserContext): Promise<string | undefined> {
  return (await of.cookies()).find(({ name }) => name === SESSION_COOKIE)?.value;
}

describe("forms of other sites", () => {
  const suspend = () => pageUrl(test.edge, devicePath(tablet, "suspend"));

  it.each([
    ["another site, to which the cookie is not even sent", "evil.localhost", false],
    ["another port of the same site, to which the cookie is sent", "localhost", true],
  ])("change nothing: from %s", async (_, host, isCookieSent) => {
    other.pages.set("/form", selfSendingForm(suspend()));
    const sent = page.waitForRequest((request) => request.method() === "POST");
    const arrived = page.waitForURL(suspend());
    await page.goto(`${other.url(host)}/form`);
    await arrived;
    const { cookie = "" } = await (await sent).allHeaders();
    expect(cookie.includes(SESSION_COOKIE)).toBe(isCookieSent);
    expect(await heading(page)).toBe("That did not work");
    expect(await page.getByRole("main").innerText()).toContain("Nothing was changed");
    expect(await statusOf(tablet)).toBe("active");
  });

  it("sign nobody in", async () => {
    const stranger = await (await newPerson(browser, test.edge)).newPage();
    const target = pageUrl(test.edge, PATHS.signIn);
    other.pages.set("/sign-in", selfSendingForm(target, { token: test.edge.adminToken }));
    const arrived = stranger.waitForURL(target);
    await stranger.goto(`${other.url("evil.localhost")}/sign-in`);
    await arrived;
    expect(await heading(stranger)).toBe("That did not work");
    expect(await cookieOf(stranger.context())).toBeUndefined();
    await stranger.context().close();
  });

  it("would do it from a page of ours", async () => {
    await page.goto(pageUrl(test.edge, PATHS.devices));
    const arrived = page.waitForURL(`**${devicePath(tablet)}`);
    await page.evaluate((action) => {
      const form = document.createElement("form");
      form.method = "post";
      form.action = action;
      document.body.append(form);
      form.submit();
    }, suspend());
    await arrived;
    expect(await statusOf(tablet)).toBe("suspended");
    await test.act(tablet, "restore");
  });
});

describe("frames", () => {
  /** Where a frame ends that shows this address. */
  async function framed(page: Page, address: string): Promise<string> {
    await page.evaluate((src) => {
      const frame = document.createElement("iframe");
      frame.src = src;
      document.body.append(frame);
      return new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
    }, address);
    return page.frames().at(-1)?.url() ?? "";
  }

  it("show no page of ours: on another site, or in the app on the same host", async () => {
    const addresses = [PATHS.devices, PATHS.signIn, ENROL_PATH].map((path) => pageUrl(test.edge, path));
    other.pages.set("/", "<p>Look here");
    const hosts: [Page, string][] = [
      [page, `${other.url("evil.localhost")}/`],
      [inApp, pageUrl(test.edge, "/status/200")],
    ];
    for (const [window_, host] of hosts) {
      await window_.goto(host);
      for (const address of addresses) {
        expect(await framed(window_, address), `${address} on ${host}`).toMatch(/^chrome-error:/);
      }
    }
  });

  it("would show something else", async () => {
    await page.goto(`${other.url("evil.localhost")}/`);
    expect(await framed(page, `${other.url("evil.localhost")}/`)).toBe(`${other.url("evil.localhost")}/`);
  });
});

describe("the app on the same host", () => {
  beforeEach(async () => {
    await inApp.goto(pageUrl(test.edge, "/status/200"));
  });

  /** The `Cookie` header that reached the app. */
  async function cookiesAtApp(): Promise<string | undefined> {
    await inApp.goto(pageUrl(test.edge, "/echo"));
    const echo = JSON.parse(await inApp.locator("body").innerText()) as { headers: Record<string, string> };
    return echo.headers.cookie;
  }

  it("never gets the session's cookie", async () => {
    expect(await cookiesAtApp()).toBeUndefined();
    expect(await inApp.evaluate(() => document.cookie)).toBe("");
    expect(await cookieOf(inApp.context())).toBeDefined();
  });

  it("still gets its own cookies", async () => {
    const theme = { name: "theme", value: "dark", url: test.edge.url("localhost") };
    await inApp.context().addCookies([theme]);
    expect(await cookiesAtApp()).toBe("theme=dark");
  });

  it("reads and changes nothing with a script's requests", async () => {
    const answers = await inApp.evaluate(
      async ([read, change]) => {
        const form = { method: "POST", body: new URLSearchParams() };
        const all = await Promise.all([fetch(read), fetch(change, form)]);
        return Promise.all(all.map(async (answer) => ({ status: answer.status, text: await answer.text() })));
      },
      [PATHS.devices, devicePath(tablet, "suspend")] as const,
    );
    for (const { status, text } of answers) {
      expect(status).toBe(400);
      expect(text).not.toContain("Tablet");
    }
    expect(await statusOf(tablet)).toBe("active");
  });

  it("cannot read a page of ours that it opens in a window", async () => {
    const [opened, isCut] = await Promise.all([
      inApp.context().waitForEvent("page"),
      inApp.evaluate(async (path) => {
        const window_ = open(path);
        // The browser cuts the tie when it sees the answer's policy; frames of the screen pass until then.
        for (let frames = 0; frames < 600 && window_?.closed === false; frames += 1) {
          await new Promise((resolve) => requestAnimationFrame(resolve));
        }
        return window_?.closed;
      }, PATHS.devices),
    ]);
    await opened.waitForLoadState();
    expect(await heading(opened)).toBe("Devices");
    expect(isCut).toBe(true);
    await opened.close();
  });
});

describe("cookies", () => {
  it("are for one host: neither sent to another, nor of use there", async () => {
    const stranger = await newPerson(browser, test.edge);
    const elsewhere = await stranger.newPage();
    await signIn(elsewhere, test.edge);
    await elsewhere.goto(pageUrl(test.edge, PATHS.devices, "app.localhost"));
    expect(await heading(elsewhere)).toBe("Sign in");

    const thief = new PageClient(test.client(), test.edge.url("app.localhost"));
    thief.cookie = (await cookieOf(stranger)) ?? "";
    expect((await thief.get(PATHS.devices)).text).toContain("Your token");
    const there = new PageClient(test.client(), test.edge.url("localhost"));
    there.cookie = thief.cookie;
    expect((await there.get(PATHS.devices)).text).toContain("Sign out");
    await stranger.close();
  });

  it("that were planted before are not adopted at the sign-in", async () => {
    const attacker = new PageClient(test.client(), test.edge.url("localhost"));
    const { token } = (await test.api("POST", "/tokens", { user: null, name: "planter", scope: "read" })) as {
      token: string;
    };
    await attacker.signIn(token);
    for (const planted of [attacker.cookie, "made-up"]) {
      const victim = await newPerson(browser, test.edge);
      await victim.addCookies([
        { name: SESSION_COOKIE, value: planted, url: test.edge.url("localhost"), secure: true },
      ]);
      const window_ = await victim.newPage();
      await window_.goto(pageUrl(test.edge, PATHS.home));
      if (planted === attacker.cookie) await press(window_, "Sign out");
      await window_.getByLabel("Your token").fill(test.edge.adminToken);
      await press(window_, "Sign in");
      expect(await heading(window_)).toBe("Devices");
      expect(await cookieOf(victim)).not.toBe(planted);
      expect((await attacker.get(PATHS.invite)).text).not.toContain("Make an invitation");
      await victim.close();
    }
  });

  it("are dead after the sign-out, wherever they were copied to", async () => {
    const person = await newPerson(browser, test.edge);
    const window_ = await person.newPage();
    await signIn(window_, test.edge);
    const copy = new PageClient(test.client(), test.edge.url("localhost"));
    copy.cookie = (await cookieOf(person)) ?? "";
    expect((await copy.get(PATHS.devices)).text).toContain("Sign out");
    await press(window_, "Sign out");
    expect((await copy.get(PATHS.devices)).text).toContain("Your token");
    expect(await cookieOf(person)).toBeUndefined();
    await person.close();
  });
});

describe("names that are scripts", () => {
  const SCRIPT = '"><script>window.ran=1</script>';
  const IMAGE = "<img src=x onerror=window.ran=1>";

  it("are shown as text, and run on no page", async () => {
    const credential = await test.issue(IMAGE);
    await test.api("PUT", "/users/mallory", { name: SCRIPT });
    const device = await test.enrol(SCRIPT, credential, "mallory");
    const note = `</textarea>${SCRIPT}`;
    await test.api("PATCH", `/users/mallory/devices/${device.id}`, { note });
    await test.api("POST", "/tokens", { user: "mallory", name: IMAGE, scope: "devices" }).then((made) =>
      new PageClient(test.client(), test.edge.url("localhost")).signIn((made as { token: string }).token, {
        "user-agent": `Mozilla/5.0 ${SCRIPT}`,
      }),
    );
    const tag = await test.issue(`${IMAGE}2`);
    await test.client(tag).call("/");

    const window_ = await page.context().newPage();
    const complaints = complaintsOf(window_);
    const texts: [string, string][] = [
      [PATHS.devices, SCRIPT],
      [`${PATHS.devices}/mallory`, SCRIPT],
      [devicePath(device), SCRIPT],
      [devicePath(device, "lost"), SCRIPT],
      [PATHS.waiting, "onerror=window.ran=1"],
      [PATHS.activity, SCRIPT],
      [PATHS.sessions, IMAGE],
      [PATHS.invite, ""],
    ];
    for (const [path, text] of texts) {
      await window_.goto(pageUrl(test.edge, path));
      expect(await window_.getByRole("main").innerText(), path).toContain(text);
      expect(await window_.locator("script, main img").count(), path).toBe(0);
      expect(await window_.evaluate(() => "ran" in window), path).toBe(false);
    }
    await window_.goto(pageUrl(test.edge, devicePath(device)));
    expect(await window_.getByLabel("Note").inputValue()).toBe(note);

    // The device's own pages: what its certificate says, and what the link brings along.
    const phone = await newPerson(browser, test.edge, { credential: tag });
    const enrol = await phone.newPage();
    const more = complaintsOf(enrol);
    for (const code of [encodeURIComponent(SCRIPT), "%E0%A4%A"]) {
      await enrol.goto("about:blank");
      await enrol.goto(pageUrl(test.edge, `${ENROL_PATH}#${code}`));
      await press(enrol, "Enrol this device");
      expect(await enrol.evaluate(() => "ran" in window)).toBe(false);
    }
    expect([...complaints, ...more]).toEqual([]);
    await phone.close();
    await window_.close();
  });
});

describe("an invitation's code", () => {
  let phones: BrowserContext[] = [];

  afterEach(() => Promise.all(phones.map((phone) => phone.close())));

  async function link(): Promise<string> {
    await page.goto(pageUrl(test.edge, PATHS.invite));
    await page.getByLabel("Whose device").selectOption("alice");
    await press(page, "Make an invitation");
    return page.getByLabel("Link", { exact: true }).inputValue();
  }

  it("enrols one of two phones that race for it, and none after", async () => {
    const credentials = await Promise.all(["one", "two", "three"].map((name) => test.issue(`racer ${name}`)));
    phones = await Promise.all(
      credentials.map((credential) => newPerson(browser, test.edge, { credential })),
    );
    const windows = await Promise.all(phones.map((phone) => phone.newPage()));
    const address = await link();
    await Promise.all(windows.map((each) => each.goto(address)));
    await Promise.all(windows.slice(0, 2).map((each) => press(each, "Enrol this device")));
    const titles = await Promise.all(windows.map(heading));
    expect(titles.slice(0, 2).sort()).toEqual(["Enrol this device", "This device is enrolled"]);

    const [, , third] = windows;
    if (third === undefined) throw new Error("there are three phones");
    await press(third, "Enrol this device");
    expect(await third.getByRole("alert").innerText()).toContain("This code cannot be used");
    const { devices } = (await test.api("GET", "/users/alice/devices")) as { devices: Device[] };
    expect(devices.filter(({ name }) => name.startsWith("racer"))).toHaveLength(1);
  });

  it("that was withdrawn enrols nobody", async () => {
    const address = await link();
    await goTo(page, "Invite");
    await follow(page, () =>
      page
        .getByRole("button", { name: /^Withdraw/ })
        .first()
        .click(),
    );
    const phone = await newPerson(browser, test.edge, { credential: await test.issue("late") });
    phones = [phone];
    const window_ = await phone.newPage();
    await window_.goto(address);
    await press(window_, "Enrol this device");
    expect(await window_.getByRole("alert").innerText()).toContain("This code cannot be used");
  });
});
