// Attacks on the pages in a real browser: other sites, the app on the same host, names that are scripts, races.
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Device } from "../../src/contract/answers.ts";
import { devicePath, ENROL_PATH, PATHS } from "../../src/contract/paths.ts";
import { SESSION_COOKIE } from "../../src/domain/request/own-cookies.ts";
import { launchBrowser, newPerson } from "./support/browser.ts";
import { TestEdge } from "./support/edge.ts";
import { HOSTILE_PATHS, type HostileApp, type SeenByWorker, startHostileApp } from "./support/hostile-app.ts";
import { type OtherSite, selfSendingForm, startOtherSite } from "./support/other-site.ts";
import { PageClient } from "./support/page-client.ts";
import { appUrl, complaintsOf, follow, goTo, heading, pageUrl, press, signIn } from "./support/pages.ts";

const APP = "app.home.localhost";

let test: TestEdge;
let browser: Browser;
let other: OtherSite;
let app: HostileApp;
/** The victim, signed in, in a browser without a certificate. */
let page: Page;
let tablet: Device;

beforeAll(async () => {
  app = await startHostileApp();
  const vars = {
    // The app lets everybody in, so that a browser needs no certificate; devices are enrolled at the other.
    APPS: { localhost: {}, "app.localhost": {}, [APP]: { public: HOSTILE_PATHS } },
    // To browsers, of one site with the app: as latchkey.example.com and vault.example.com are.
    ADMIN_HOST: "latchkey.home.localhost",
    REVOCATION_DELAY_SECONDS: 0,
  };
  [test, browser] = await Promise.all([TestEdge.start({ vars, origin: app.url }), launchBrowser()]);
  other = await startOtherSite(test.edge);
  tablet = await test.enrol("Tablet", await test.issue("tablet"));
  page = await (await newPerson(browser, test.edge)).newPage();
  await signIn(page, test.edge);
});

afterAll(async () => {
  await browser?.close();
  await other?.stop();
  await test?.stop();
  await app?.stop();
});

async function statusOf({ user, id }: Device): Promise<string> {
  return ((await test.api("GET", `/users/${user}/devices/${id}`)) as Device).status;
}

async function cookieOf(of: BrowserContext): Promise<string | undefined> {
  const cookies = await of.cookies(test.edge.url(test.edge.apiHost));
  return cookies.find(({ name }) => name === SESSION_COOKIE)?.value;
}

describe("forms of other sites", () => {
  const suspend = () => pageUrl(test.edge, devicePath(tablet, "suspend"));

  it.each([
    ["another site, to which the cookie is not even sent", "evil.localhost", false],
    ["another host of the same site, to which the cookie is sent", APP, true],
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
    await test.act(tablet, "reinstate");
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

  it("show no page of ours: on another site, or in an app of the same site", async () => {
    const addresses = [
      ...[PATHS.devices, PATHS.signIn].map((path) => pageUrl(test.edge, path)),
      pageUrl(test.edge, ENROL_PATH, APP),
    ];
    other.pages.set("/", "<p>Look here");
    for (const host of [`${other.url("evil.localhost")}/`, pageUrl(test.edge, "/page", APP)]) {
      await page.goto(host);
      for (const address of addresses) {
        expect(await framed(page, address), `${address} on ${host}`).toMatch(/^chrome-error:/);
      }
    }
  });

  it("would show something else", async () => {
    await page.goto(`${other.url("evil.localhost")}/`);
    expect(await framed(page, `${other.url("evil.localhost")}/`)).toBe(`${other.url("evil.localhost")}/`);
  });
});

describe("an app on the same site", () => {
  const inApp = (path: string) => pageUrl(test.edge, path, APP);

  beforeEach(async () => {
    await page.goto(inApp("/page"));
  });

  /** The `Cookie` header that reached the app. */
  async function cookiesAtApp(): Promise<string | undefined> {
    await page.goto(inApp("/echo"));
    const echo = JSON.parse(await page.locator("body").innerText()) as { headers: Record<string, string> };
    return echo.headers.cookie;
  }

  it("never gets the session's cookie, not even one that is left on its own host", async () => {
    expect(await cookieOf(page.context())).toBeDefined();
    expect(await cookiesAtApp()).toBeUndefined();
    const left = {
      name: SESSION_COOKIE,
      value: "left",
      url: test.edge.url(APP),
      secure: true,
      httpOnly: true,
    };
    await page.context().addCookies([left]);
    expect(await cookiesAtApp()).toBeUndefined();
    expect(await page.evaluate(() => document.cookie)).toBe("");
    await page.context().clearCookies({ domain: APP });
  });

  it("still gets its own cookies", async () => {
    await page.context().addCookies([{ name: "theme", value: "dark", url: test.edge.url(APP) }]);
    expect(await cookiesAtApp()).toBe("theme=dark");
    await page.context().clearCookies({ domain: APP });
  });

  it("sets no cookie that the session would notice", async () => {
    const before = await cookieOf(page.context());
    await page.goto(inApp("/plant"));
    expect(await cookieOf(page.context())).toBe(before);
    await page.goto(pageUrl(test.edge, PATHS.devices));
    expect(await heading(page)).toBe("Devices");
  });

  it("reads and changes nothing with a script's requests", async () => {
    const answers = await page.evaluate(
      async ([read, change]) => {
        const form = { method: "POST", body: new URLSearchParams() };
        const ours = { credentials: "include" } as const;
        const readable = [fetch(read, ours), fetch(change, { ...form, ...ours })];
        const blind = [
          fetch(read, { mode: "no-cors", ...ours }),
          fetch(change, { ...form, mode: "no-cors", ...ours }),
        ];
        const settled = await Promise.allSettled([...readable, ...blind]);
        return settled.map((each) => (each.status === "fulfilled" ? each.value.type : each.status));
      },
      [pageUrl(test.edge, PATHS.devices), pageUrl(test.edge, devicePath(tablet, "suspend"))] as const,
    );
    // Who may not read an answer sees a failure, or an answer without anything in it.
    expect(answers).toEqual([
      "rejected",
      "rejected",
      expect.stringMatching(/opaque|rejected/),
      expect.stringMatching(/opaque|rejected/),
    ]);
    expect(await statusOf(tablet)).toBe("active");
  });

  it("loses a page of ours that it opens in a window", async () => {
    const [opened, isCut] = await Promise.all([
      page.context().waitForEvent("page"),
      page.evaluate(
        async (address) => {
          const window_ = open(address);
          // The browser cuts the tie when it sees the answer's policy; frames of the screen pass until then.
          for (let frames = 0; frames < 600 && window_?.closed === false; frames += 1) {
            await new Promise((resolve) => requestAnimationFrame(resolve));
          }
          return window_?.closed;
        },
        pageUrl(test.edge, PATHS.devices),
      ),
    ]);
    await opened.waitForLoadState();
    expect(await heading(opened)).toBe("Devices");
    expect(isCut).toBe(true);
    await opened.close();
  });
});

// Security review, finding 7: it read every page of ours on its host, and the ADMIN_TOKEN in the sign-in form.
describe("a service worker of an app", () => {
  let person: BrowserContext;
  let window_: Page;

  beforeAll(async () => {
    person = await newPerson(browser, test.edge);
    window_ = await person.newPage();
    await window_.goto(pageUrl(test.edge, "/page", APP));
    await window_.evaluate(async () => {
      await navigator.serviceWorker.register("/sw.js", { scope: "/" });
      await navigator.serviceWorker.ready;
    });
  });

  afterAll(() => person?.close());

  async function seenByWorker(): Promise<SeenByWorker[]> {
    await window_.goto(pageUrl(test.edge, "/page", APP));
    return window_.evaluate(async () => (await fetch("/seen")).json());
  }

  it("sees no page of ours but the one that enrols a device, and no form that takes a token", async () => {
    const paths = [PATHS.home, PATHS.signIn, PATHS.devices, PATHS.invite, "/.latchkey", ENROL_PATH];
    for (const path of paths) await window_.goto(pageUrl(test.edge, path, APP));
    expect(await heading(window_)).toBe("No certificate yet");
    const seen = await seenByWorker();
    const statusOf = Object.fromEntries(seen.map(({ url, status }) => [new URL(url).pathname, status]));
    expect(statusOf).toMatchObject(
      Object.fromEntries(paths.map((path) => [path, path === ENROL_PATH ? 200 : 404])),
    );
    for (const { url, page: text } of seen) {
      expect(text, url).not.toMatch(/type="password"|name="token"/);
      if (!url.endsWith(ENROL_PATH)) expect(text, url).not.toContain("Latchkey");
    }
  });

  it("sees nothing of a sign-in beside it, which works, and lasts while the app plants a cookie", async () => {
    await signIn(window_, test.edge);
    expect(await heading(window_)).toBe("Devices");
    await window_.goto(pageUrl(test.edge, "/plant", APP));
    await window_.goto(pageUrl(test.edge, PATHS.devices));
    expect(await heading(window_)).toBe("Devices");
    const seen = await seenByWorker();
    expect(seen.map(({ url }) => new URL(url).hostname)).toContain(APP);
    expect(seen.map(({ url }) => new URL(url).hostname)).not.toContain(test.edge.apiHost);
    expect(JSON.stringify(seen)).not.toContain(test.edge.adminToken);
  });
});

describe("cookies", () => {
  it("are for one host: of no use on another", async () => {
    const thief = new PageClient(test.client(), test.edge.url(APP));
    thief.cookie = (await cookieOf(page.context())) ?? "";
    expect(await thief.get(PATHS.devices)).toMatchObject({ status: 404, text: "Not Found" });
    const there = new PageClient(test.client(), test.edge.url(test.edge.apiHost));
    there.cookie = thief.cookie;
    expect((await there.get(PATHS.devices)).text).toContain("Sign out");
  });

  it("that were planted before are not adopted at the sign-in", async () => {
    const attacker = new PageClient(test.client(), test.edge.url(test.edge.apiHost));
    const { token } = (await test.api("POST", "/tokens", { user: null, name: "planter", scope: "read" })) as {
      token: string;
    };
    await attacker.signIn(token);
    for (const planted of [attacker.cookie, "made-up"]) {
      const victim = await newPerson(browser, test.edge);
      await victim.addCookies([
        { name: SESSION_COOKIE, value: planted, url: test.edge.url(test.edge.apiHost), secure: true },
      ]);
      const window_ = await victim.newPage();
      await window_.goto(pageUrl(test.edge, PATHS.home));
      if (planted === attacker.cookie) await press(window_, "Sign out");
      await window_.getByLabel("Your token").fill(test.edge.adminToken);
      await press(window_, "Sign in");
      expect(await heading(window_)).toBe("Devices");
      expect(await cookieOf(victim)).not.toBe(planted);
      expect((await attacker.get(PATHS.invite)).text).not.toContain("Create invitation");
      await victim.close();
    }
  });

  it("are dead after the sign-out, wherever they were copied to", async () => {
    const person = await newPerson(browser, test.edge);
    const window_ = await person.newPage();
    await signIn(window_, test.edge);
    const copy = new PageClient(test.client(), test.edge.url(test.edge.apiHost));
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
      new PageClient(test.client(), test.edge.url(test.edge.apiHost)).signIn(
        (made as { token: string }).token,
        {
          "user-agent": `Mozilla/5.0 ${SCRIPT}`,
        },
      ),
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
      await enrol.goto(appUrl(test.edge, `${ENROL_PATH}#${code}`));
      await press(enrol, "Go on");
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
    await page.getByLabel("Owner").selectOption("alice");
    await press(page, "Create invitation");
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
    await Promise.all(
      windows.map(async (each, index) => {
        await each.getByLabel("Name of this device").fill(`racer ${index}`);
        await press(each, "Go on");
      }),
    );
    const agree = (window_: Page) => press(window_, "Make it one of alice’s devices");
    await Promise.all(windows.slice(0, 2).map(agree));
    const titles = await Promise.all(windows.map(heading));
    expect(titles.slice(0, 2).sort()).toEqual(["Enrol this device", "This device is enrolled"]);

    const [, , third] = windows;
    if (third === undefined) throw new Error("there are three phones");
    await agree(third);
    expect(await third.getByRole("alert").innerText()).toContain("This code can’t be used");
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
    await press(window_, "Go on");
    expect(await window_.getByRole("alert").innerText()).toContain("This code can’t be used");
  });
});
