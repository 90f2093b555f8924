// Every page and state that the story (pages.test.ts) does not come by, looked at in both widths and schemes.
import { writeFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Credential, issueSelfSignedCertificate } from "../../scripts/certificates/authority.ts";
import { startEdge } from "../../scripts/edge/edge.ts";
import type { Device } from "../../src/contract/answers.ts";
import { devicePath, ENROL_PATH, PATHS } from "../../src/contract/paths.ts";
import { SIGN_INS_AN_HOUR } from "../../src/domain/credential.ts";
import { launchBrowser, newPerson } from "./support/browser.ts";
import { serialOf } from "./support/certificate.ts";
import { TestEdge } from "./support/edge.ts";
import { inspect } from "./support/inspect.ts";
import { PageClient } from "./support/page-client.ts";
import { appUrl, choose, goTo, heading, pageUrl, press, signIn } from "./support/pages.ts";
import { breakRegistry } from "./support/registry-files.ts";

const DAY_MS = 86_400_000;
/** Long enough to enrol a device, in days. */
const ENDING_DAYS = 2_500 / DAY_MS;

/** As long as names and notes may be, and without a place to break the line. */
const LONG_NAME = "W".repeat(64);
const LONG_NOTE = "M".repeat(500);

let test: TestEdge;
let browser: Browser;
let owner: Page;
let laptop: Device;

beforeAll(async () => {
  [test, browser] = await Promise.all([TestEdge.start(), launchBrowser()]);
  owner = await (await newPerson(browser, test.edge)).newPage();
  laptop = await test.enrol("Laptop", await test.issue("laptop"));
});

afterAll(async () => {
  await browser?.close();
  await test?.stop();
});

/** The page that is there has this heading, and nothing is wrong with it. */
async function expectPage(page: Page, title: string, name: string): Promise<void> {
  expect(await heading(page)).toBe(title);
  expect(await inspect(page, name)).toEqual([]);
}

/** Opens a page with the status that it is to have. */
async function open(page: Page, path: string, status = 200): Promise<void> {
  const response = await page.goto(pageUrl(test.edge, path));
  expect(response?.status()).toBe(status);
}

/** Lets a form be sent with what its own page would not take. */
function unchecked(page: Page): Promise<void> {
  return page.locator("form").evaluateAll((forms) => {
    for (const form of forms) form.setAttribute("novalidate", "");
  });
}

function validFor(days: number) {
  const now = Date.now();
  return { notBefore: new Date(now - 60 * DAY_MS), notAfter: new Date(now + days * DAY_MS) };
}

describe("signing in", () => {
  it("asks for a token, and says when it is wrong", async () => {
    await open(owner, PATHS.home);
    await expectPage(owner, "Sign in", "sign-in");
    await owner.getByLabel("Your token").fill("a wrong one");
    await press(owner, "Sign in");
    expect(await owner.getByRole("alert").innerText()).toContain("This token is not valid");
    await expectPage(owner, "Sign in", "sign-in-wrong");
  });

  it("says when the session was over as a form was sent, and that nothing was changed", async () => {
    await signIn(owner, test.edge);
    await goTo(owner, "Waiting");
    await expectPage(owner, "Waiting", "waiting-for-nothing");
    await goTo(owner, "Invite");
    await test.api("DELETE", "/sessions");
    await owner.getByLabel("Short id").fill("nobody");
    await press(owner, "Add");
    expect(await owner.getByRole("alert").innerText()).toContain("Nothing was changed");
    await expectPage(owner, "Sign in", "sign-in-again");
    const { users } = (await test.api("GET", "/users")) as { users: { id: string }[] };
    expect(users.map(({ id }) => id)).not.toContain("nobody");
  });
});

describe("the owner's pages", () => {
  beforeAll(() => signIn(owner, test.edge));

  it("show people, and change their role and addresses", async () => {
    await test.api("PUT", "/users/carla", { name: "Carla & <i>sons</i>" });
    await test.api("PATCH", "/users/carla", { emails: [`${"long".repeat(20)}@example.com`] });
    const of = { user: "carla", issuer: "https://id.example.com", boundAt: new Date().toISOString() };
    const identity = { id: crypto.randomUUID(), subject: "x".repeat(255), email: null, ...of };
    const none = { users: [], tokens: [], unknownCertificates: [] };
    await test.api("POST", "/restore", { ...none, madeAt: of.boundAt, identities: [identity] });
    await goTo(owner, "People");
    for (const summary of await owner.locator("summary").all()) await summary.click();
    await expectPage(owner, "People", "people");
    const card = owner.locator("li.card", { hasText: "Carla" });
    await card.getByLabel("Role").selectOption("owner");
    await card.getByLabel("Addresses").fill("carla@example.com c@example.org");
    await card.getByRole("button", { name: "Save" }).click();
    const changed = owner.locator("li.card", { hasText: "Carla" });
    await changed.getByText("c@example.org, carla@example.com").waitFor();
    await changed.getByRole("button", { name: "Unbind" }).click();
    await owner.getByRole("button", { name: "Unbind" }).waitFor({ state: "detached" });
    await expectPage(owner, "People", "people-changed");
  });

  it("show devices of every kind", async () => {
    await test.api("PUT", "/users/bob", { name: "Bob & <i>sons</i>" });
    await test.api("PUT", "/users/empty", {});
    const ending = await test.issue("ending", validFor(12));
    await test.enrol("Ending soon", ending);
    // The registry takes none that has ended: this one ends while the others are made.
    await test.enrol("Ended", await test.issue("ended", validFor(ENDING_DAYS)));
    await test.act(await test.enrol("In repair", await test.issue("repair")), "suspend");
    await test.act(await test.enrol("Stolen", await test.issue("stolen")), "lost", { confirm: "Stolen" });
    await test.act(await test.enrol("Old one", await test.issue("old"), "bob"), "revoke");
    const long = await test.enrol(LONG_NAME, await test.issue("long"), "bob");
    await test.api("PATCH", `/users/bob/devices/${long.id}`, { note: LONG_NOTE });
    await test.client(ending).call("/");

    const shown = async () => {
      await open(owner, PATHS.devices);
      return owner.getByRole("main").innerText();
    };
    await expect.poll(shown, { timeout: 5_000 }).toContain("Certificate expired");
    await expectPage(owner, "Devices", "devices");
    await open(owner, `${PATHS.devices}/bob`);
    await expectPage(owner, "Bob & <i>sons</i>’s devices", "devices-of-bob");
    await open(owner, devicePath(long));
    await expectPage(owner, LONG_NAME, "device-long");
    await open(owner, devicePath(laptop));
    await expectPage(owner, "Laptop", "device");
  });

  it("ask before each act", async () => {
    await open(owner, devicePath(laptop, "suspend"));
    await expectPage(owner, "Suspend Laptop?", "suspend");
    await press(owner, "Suspend Laptop");
    await expectPage(owner, "Laptop", "suspended");
    await choose(owner, "Let back in Laptop");
    await expectPage(owner, "Let Laptop back in?", "reinstate");
    await press(owner, "Let Laptop back in");
    await choose(owner, "Lost… Laptop");
    await expectPage(owner, "Report Laptop as lost?", "lost");
    await owner.getByLabel("Type the device’s name, Laptop").fill("Desktop");
    await press(owner, "Report Laptop as lost");
    expect(await owner.getByRole("alert").innerText()).toContain("This is not the device’s name");
    await expectPage(owner, "Report Laptop as lost?", "lost-wrong-name");
    await owner.getByLabel("Type the device’s name, Laptop").fill("laptop");
    await press(owner, "Report Laptop as lost");
    await expectPage(owner, "Laptop", "is-lost");
    await choose(owner, "Revoke… Laptop");
    await press(owner, "Revoke Laptop");
    await choose(owner, "Forget Laptop");
    await expectPage(owner, "Forget Laptop?", "forget");
    await press(owner, "Forget Laptop");
    expect(await heading(owner)).toBe("Devices");
  });

  it("show who waits", async () => {
    await test.client(await test.issue("CN=<b>tablet</b>")).call("/");
    await goTo(owner, "Waiting");
    await expectPage(owner, "Waiting", "waiting-certificate");
  });

  it("show sessions, and a log that is searched in vain", async () => {
    await goTo(owner, "Sessions");
    await expectPage(owner, "Sessions", "sessions");
    await goTo(owner, "Activity");
    await owner.getByLabel("Search", { exact: true }).fill("nothing like this");
    await press(owner, "Search");
    await expectPage(owner, "Activity", "activity-nothing");
  });

  // One template makes them all: not each is looked at.
  it("say what is wrong on pages of their own", async () => {
    const { id } = laptop;
    await open(owner, devicePath(laptop), 404);
    await expectPage(owner, "This user has no such device", "error-unknown-device");
    await open(owner, PATHS.users, 405);
    expect(await heading(owner)).toBe("Nothing to see here");
    await open(owner, devicePath({ user: "alice", id }, "explode"), 404);
    await open(owner, `${PATHS.activity}?before=x`, 400);
    expect(await heading(owner)).toBe("That did not work");

    const phone = await test.enrol("Phone", await test.issue("phone"));
    await open(owner, devicePath(phone, "reinstate"), 409);
    expect(await heading(owner)).toBe("The device's status does not allow this");
    await open(owner, devicePath(phone));
    await owner.getByLabel("Name").fill("stolen");
    await press(owner, "Save");
    expect(await owner.getByRole("alert").innerText()).toBe(
      "Another device is named stolen. Nothing was changed.",
    );
    expect(await owner.getByLabel("Name").inputValue()).toBe("stolen");
    await expectPage(owner, "Phone", "device-name-taken");
    await goTo(owner, "Devices");
    await open(owner, devicePath(phone));
    await owner.getByLabel("Note").fill("blue");
    await press(owner, "Save");
    expect(await owner.getByRole("status").innerText()).toBe("Saved.");
    await open(owner, "/.latchkey/nope", 404);
    await expectPage(owner, "Nothing here", "error-not-found");
    await goTo(owner, "Devices");
    await open(owner, PATHS.invite);
    await unchecked(owner);
    await owner.getByLabel("Short id").fill("Not An Id");
    await press(owner, "Add");
    await expectPage(owner, "Please check what you entered", "error-fields");
    await open(owner, devicePath(phone));
    await owner.getByLabel("Note").evaluate((note: HTMLTextAreaElement) => {
      note.removeAttribute("maxlength");
      note.value = "n".repeat(70_000);
    });
    await press(owner, "Save");
    expect(await heading(owner)).toBe("That is too much text");
  });

  it("give a reader no buttons", async () => {
    const wanted = { user: null, name: "reader", scope: "read" };
    const { token } = (await test.api("POST", "/tokens", wanted)) as { token: string };
    const context = await newPerson(browser, test.edge);
    const reader = await context.newPage();
    await signIn(reader, test.edge, token);
    expect(await reader.getByRole("button").allInnerTexts()).toEqual(["Sign out"]);
    await expectPage(reader, "Devices", "reader-devices");
    await open(reader, PATHS.invite, 404);
    await expectPage(reader, "Nothing here", "error-not-yours");
    await context.close();
  });
});

describe("the page of an invitation's link", () => {
  const WRONG = "0".repeat(26);

  async function device(credential?: Credential): Promise<Page> {
    const page = await (await newPerson(browser, test.edge, { credential })).newPage();
    await page.goto(appUrl(test.edge, `${ENROL_PATH}#${WRONG}`));
    return page;
  }

  it("tells how to install a certificate where there is none", async () => {
    const page = await device();
    await expectPage(page, "No certificate yet", "enrol-without-certificate");
    await page.context().close();
  });

  it.each([
    ["unverified", "could not verify", () => issueSelfSignedCertificate("self-signed")],
    ["expired", "has expired", () => test.issue("expired", validFor(-1))],
    [
      "revoked",
      "was revoked",
      async () => {
        const revoked = await test.issue("revoked at Cloudflare");
        writeFileSync(test.edge.paths.revoked, `${serialOf(revoked)}\n`);
        return revoked;
      },
    ],
  ])("says that a certificate does not work that is %s", async (name, words, issue) => {
    const page = await device(await issue());
    expect(await page.getByRole("main").innerText()).toContain(words);
    expect(await heading(page)).toBe("This certificate does not work");
    // The others differ in one sentence.
    if (name === "expired") await expectPage(page, "This certificate does not work", "enrol-expired");
    await page.context().close();
  });

  it("says that a code is wrong, and keeps what was typed", async () => {
    const page = await device(await test.issue("phone"));
    await press(page, "Go on");
    expect(await page.getByRole("alert").innerText()).toContain("This code can’t be used");
    expect(await page.getByLabel("Invitation code").inputValue()).toBe(WRONG);
    await expectPage(page, "Enrol this device", "enrol-wrong-code");
    await page.getByLabel("Invitation code").fill("too short");
    await press(page, "Go on");
    expect(await page.getByRole("alert").innerText()).toContain("This code can’t be used");
    await page.context().close();
  });
});

describe("on a host where it is not", () => {
  it("the page of an invitation's link says where to open it", async () => {
    await open(owner, ENROL_PATH, 404);
    await expectPage(owner, "Not on this host", "enrol-on-admin-host");
  });
});

describe("when it does not work at all", () => {
  it("says how long to wait after many sign-ins with one token", async () => {
    await test.api("PUT", "/users/carol", {});
    const made = await test.api("POST", "/tokens", { user: "carol", name: "busy", scope: "read" });
    const { token } = made as { token: string };
    const person = new PageClient(test.client(), test.edge.url(test.edge.apiHost));
    for (let times = 0; times < SIGN_INS_AN_HOUR; times += 1) {
      expect((await person.signIn(token)).status).toBe(303);
    }
    const page = await (await newPerson(browser, test.edge)).newPage();
    await open(page, PATHS.home);
    await page.getByLabel("Your token").fill(token);
    await press(page, "Sign in");
    const message = await page.getByRole("alert").innerText();
    expect(message).toMatch(/^You signed in 20 times within an hour with this token\. Wait \d+ minutes/);
    await expectPage(page, "Sign in", "sign-in-too-often");
  });

  it("says so when the registry does not answer", async () => {
    const { folder, registry } = test.edge.paths;
    await test.edge.stop();
    breakRegistry(registry);
    const broken = await startEdge({ port: 0, stateDir: folder });
    try {
      const page = await (await newPerson(browser, broken)).newPage();
      await signIn(page, broken);
      await expectPage(page, "Please try again", "error-registry");
    } finally {
      await broken.stop();
    }
  });
});
