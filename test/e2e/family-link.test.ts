// The link that brings a certificate to a phone, the whole way: the command line has it signed, a real browser decrypts
// it, OpenSSL opens the file, and a TLS handshake with it is let in.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Credential } from "../../scripts/certificates/authority.ts";
import type { AuditList, NewInvitation } from "../../src/contract/answers.ts";
import { PATHS } from "../../src/contract/paths.ts";
import { type LocalZone, startLocalZone } from "../cloudflare/zone.ts";
import { runHere } from "../scripts/cli/run-here.ts";
import { apiOf } from "./support/api.ts";
import { launchBrowser, newPerson } from "./support/browser.ts";
import { inspect } from "./support/inspect.ts";
import { complaintsOf } from "./support/pages.ts";
import { TlsClient } from "./support/tls-client.ts";

let zone: LocalZone;
let browser: Browser;
const people: BrowserContext[] = [];

beforeAll(async () => {
  [zone, browser] = await Promise.all([
    startLocalZone({ REVOCATION_DELAY_SECONDS: 0, APPS: { localhost: {}, "app.localhost": {} } }),
    launchBrowser(),
  ]);
});
afterEach(async () => {
  for (const context of people.splice(0)) await context.close();
});
afterAll(async () => {
  await browser?.close();
  await zone?.stop();
});

async function command(...words: string[]): Promise<NewInvitation> {
  const done = await runHere([...words, "--json"], zone.environment);
  expect(done.code, done.stderr).toBe(0);
  return JSON.parse(done.stdout);
}

const invite = (name: string, ...words: string[]) =>
  command("invite", "alice", "--with-certificate", name, ...words);

/** A page in a browser of its own, at this address. */
async function open(link: string, complaints: string[] = []): Promise<Page> {
  const context = await newPerson(browser, zone.edge, { viewport: "phone" });
  people.push(context);
  const page = await context.newPage();
  const found = complaintsOf(page);
  page.on("close", () => complaints.push(...found));
  await page.goto(link);
  return page;
}

async function get(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Get the certificate" }).click();
}

const nextYear = new Date().getUTCFullYear() + 1;

const GONE = "This link doesn’t work here.";

async function expectGone(page: Page): Promise<void> {
  await expect.poll(() => page.getByText(GONE).isVisible()).toBe(true);
  expect(await page.locator("#password").innerText()).toBe("");
}

/** Looks at the page with other screens and other eyes, and keeps pictures of it. */
async function expectWell(page: Page, name: string): Promise<void> {
  expect(await inspect(page, `link-${name}`)).toEqual([]);
}

async function save(page: Page, button: string): Promise<{ path: string; name: string }> {
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByText(button, { exact: true }).click(),
  ]);
  const path = join(zone.folder(), download.suggestedFilename());
  await download.saveAs(path);
  return { path, name: download.suggestedFilename() };
}

/** What OpenSSL finds in the file. */
function opened(path: string, password: string): Credential {
  const words = ["pkcs12", "-in", path, "-nodes", "-passin", `pass:${password}`];
  const pem = execFileSync("openssl", words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const block = (label: string) =>
    new RegExp(`-----BEGIN ${label}-----[^]*?-----END ${label}-----\n`).exec(pem)?.[0] ?? "";
  return { certificate: block("CERTIFICATE"), key: block("PRIVATE KEY") };
}

async function statusWith(credential: Credential): Promise<number> {
  const client = new TlsClient(zone.edge, credential);
  try {
    return (await client.call("/")).status;
  } finally {
    client.close();
  }
}

const password = (page: Page) => page.locator("#password").innerText();
const limits = (page: Page) => page.locator("[data-state=ready] [data-limits]");
const device = async (name: string) => (await zone.devices("alice")).find((each) => each.name === name);

/** Gets the certificate in this page, and what is in its file. */
async function fetched(page: Page): Promise<Credential> {
  await get(page);
  await page.getByText("1. Save the file").waitFor();
  const { path } = await save(page, "Save the .p12 file");
  return opened(path, await password(page));
}

describe("the link", () => {
  it("leads to a certificate that OpenSSL opens and the gate lets in; its key is sent to nobody", async () => {
    const { link, bundle } = await invite("pixel-9");
    expect(bundle).toMatchObject({ name: "pixel-9", renews: null });
    const [, code = "", key = ""] = /#([0-9A-Z]{26})\.([\w-]{43})$/.exec(link) ?? [];
    expect(key).not.toBe("");
    const complaints: string[] = [];
    const sent: string[] = [];
    const page = await open("about:blank", complaints);
    page.on("request", (request) => sent.push(`${request.url()} ${request.postData() ?? ""}`));
    await page.goto(link);
    await expectWell(page, "start");
    // A program that previews the link does as much.
    expect(await device("pixel-9")).toBeUndefined();
    expect(sent.some((request) => request.includes(code))).toBe(false);

    const credential = await fetched(page);
    expect((await device("pixel-9"))?.status).toBe("active");
    expect(await page.getByText("This is for pixel-9, one of alice’s devices.").isVisible()).toBe(true);
    expect(await password(page)).toMatch(/^\w{4}(-\w{4}){3}$/);

    await page.getByRole("button", { name: "Is it working?" }).click();
    await expect.poll(() => page.locator("#seen").innerText()).toContain("Not yet");
    expect(await statusWith(credential)).toBe(200);
    await page.getByRole("button", { name: "Is it working?" }).click();
    await expect.poll(() => page.locator("#seen").innerText()).toContain("Yes.");
    await expectWell(page, "working");

    const secrets = [key, await password(page)];
    expect(sent.filter((request) => secrets.some((secret) => request.includes(secret)))).toEqual([]);
    const { entries } = (await apiOf(zone.edge)("GET", "/users/alice/audit")) as AuditList;
    expect(entries.find(({ act }) => act === "fetch-certificate")).toMatchObject({
      ...{ actor: "invitation", ip: "127.0.0.1", target: { name: "pixel-9" } },
      detail: { client: expect.stringContaining("Chrome") },
    });

    // The certificate was seen: nobody gets it any more, and its own browser is told why.
    await page.goto("about:blank");
    await page.goto(link);
    await get(page);
    await page.getByText("There is nothing more to do here.").waitFor();
    await expectWell(page, "done");
    await page.close();
    expect(complaints).toEqual([]);
  });

  it("offers each form of the file, which hold the same certificate", async () => {
    const page = await open((await invite("forms", "--rsa")).link);
    const credential = await fetched(page);
    await page.getByText("Other file formats").click();
    const modern = await save(page, "Save the -modern.p12 file");
    expect(opened(modern.path, await password(page))).toEqual(credential);
    const profile = await save(page, "Save the profile");
    expect(profile.name).toBe("alice-forms.mobileconfig");
    const text = readFileSync(profile.path, "utf8");
    const p12 = join(zone.folder(), "x.p12");
    const [, data = ""] = /<data>([^<]*)<\/data>/.exec(text) ?? [];
    writeFileSync(p12, Buffer.from(data, "base64"));
    expect(opened(p12, await password(page))).toEqual(credential);
  });

  it("gives it once more to the browser that lost the reply, and to no other one", async () => {
    const { link } = await invite("lost-reply");
    const page = await open(link);
    const first = await fetched(page);
    await page.reload();
    expect(await fetched(page)).toEqual(first);
    const other = await open(link);
    await get(other);
    await expectGone(other);
    await expectWell(other, "gone");
    expect(await other.getByText("if the app opens on this device, nothing is left to do").isVisible()).toBe(
      true,
    );
    expect(await statusWith(first)).toBe(200);
  });

  it("with a changed or missing part gives nothing, and stays good for whoever has all of it", async () => {
    const { link } = await invite("changed");
    const [address = "", fragment = ""] = link.split("#");
    const [code = "", key = ""] = fragment.split(".");
    const page = await open("about:blank");
    const otherKey = randomBytes(32).toString("base64url");
    const otherCode = `${code.startsWith("A") ? "B" : "A"}${code.slice(1)}`;
    for (const changed of [`${code}.${otherKey}`, `${otherCode}.${key}`]) {
      await page.goto("about:blank");
      await page.goto(`${address}#${changed}`);
      await get(page);
      await expectGone(page);
    }
    for (const cut of [code, key, "", `${code}.`, `${code}.${key.slice(1)}`]) {
      await page.goto("about:blank");
      await page.goto(`${address}#${cut}`);
      await expectGone(page);
    }
    expect(await device("changed")).toBeUndefined();
    await page.goto("about:blank");
    await page.goto(link);
    expect(await statusWith(await fetched(page))).toBe(200);
  });

  it("gives nothing once it was withdrawn", async () => {
    const { link, id } = await invite("withdrawn");
    const withdrawn = await runHere(["invitations", "withdraw", `alice/${id}`], zone.environment);
    expect(withdrawn.stdout).toContain("its certificate is enrolled nowhere, so the gate refuses it");
    const page = await open(link);
    await get(page);
    await expectGone(page);
    expect(await device("withdrawn")).toBeUndefined();
  });

  it("shows a device that waits for approval the digits to read out", async () => {
    const limited = ["--app", "app.localhost", "--until", `${nextYear}-12-24T12:00Z`];
    const page = await open((await invite("guest", "--approval", ...limited)).link);
    const credential = await fetched(page);
    await expectWell(page, "waiting");
    const guest = await device("guest");
    expect(guest).toMatchObject({ status: "pending", apps: ["app.localhost"] });
    const until = `This device is let in until 24 December ${nextYear} at`;
    const said = await limits(page).innerText();
    expect(said).toContain(until);
    expect(said).toMatch(/ at \d\d:00, only to app\.localhost\.$/);
    const digits = guest?.comparisonCode ?? "none";
    expect(await page.locator("#comparison").innerText()).toBe(`${digits.slice(0, 3)} ${digits.slice(3)}`);
    expect(await statusWith(credential)).toBe(404);
    await runHere(["approve", "alice/guest", "--yes"], zone.environment);
    await expect.poll(() => statusWith(credential), { timeout: 10_000 }).toBe(200);
  });

  it("says from which countries a guest is let in", async () => {
    const page = await open((await invite("skier", "--country", "CH", "--country", "LI")).link);
    await get(page);
    const said = "This device is let in only from Switzerland or Liechtenstein.";
    await expect.poll(() => limits(page).innerText()).toBe(said);
  });

  it("renews a device's certificate: the old one ends when the next one is first used", async () => {
    const old = await zone.issue("tablet");
    expect(await statusWith(old)).toBe(200);
    const { link, bundle } = await command("rotate", "alice/tablet", "--link");
    expect(bundle?.renews).toBe((await device("tablet"))?.id);
    const page = await open(link);
    const next = await fetched(page);
    expect(next.certificate).not.toBe(old.certificate);
    expect(await statusWith(old)).toBe(200);
    expect(await statusWith(next)).toBe(200);
    await expect.poll(() => statusWith(old)).toBe(404);
    expect(await statusWith(next)).toBe(200);
  });

  it.each([
    [
      "iPhone",
      "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Safari/604.1",
      "profile",
    ],
    [
      "Android",
      "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/150.0 Mobile Safari/537.36",
      "p12",
    ],
  ])("offers %s the file that suits it first", async (name, userAgent, first) => {
    const context = await browser.newContext({
      ...{ userAgent, ignoreHTTPSErrors: true, viewport: { width: 360, height: 740 } },
    });
    people.push(context);
    const page = await context.newPage();
    await page.goto((await invite(name)).link);
    await get(page);
    await page.getByText("1. Save the file").waitFor();
    expect(await page.locator("section:not([hidden]) a.button:visible").getAttribute("id")).toBe(first);
  });
});

it("the page needs nobody to be signed in, and is on the ADMIN_HOST only", async () => {
  const client = new TlsClient(zone.edge);
  expect((await client.call(PATHS.welcome, { host: zone.edge.apiHost })).status).toBe(200);
  expect((await client.call(PATHS.welcome, { host: "app.localhost" })).status).toBe(404);
  client.close();
});
