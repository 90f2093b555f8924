// An emergency card's day, in a real browser over real TLS: from the paper to a device that is shut out.
import jsQR from "jsqr";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cardPage } from "../../scripts/cli/credentials/emergency-card.ts";
import type { Device, NewToken, Session } from "../../src/contract/answers.ts";
import { PATHS } from "../../src/contract/paths.ts";
import { groupedCode } from "../../src/domain/general/typed-code.ts";
import { launchBrowser, newPerson } from "./support/browser.ts";
import { TestEdge } from "./support/edge.ts";
import { inspect } from "./support/inspect.ts";
import { choose, complaintsOf, heading, pageUrl, press } from "./support/pages.ts";
import type { TlsClient } from "./support/tls-client.ts";

let test: TestEdge;
let browser: Browser;
let card: NewToken;
let phone: Device;
let phoneItself: TlsClient;
let laptop: Device;

beforeAll(async () => {
  [test, browser] = await Promise.all([
    TestEdge.start({ vars: { REVOCATION_DELAY_SECONDS: 0 } }),
    launchBrowser(),
  ]);
  const credential = await test.issue("phone");
  phone = await test.enrol("Pixel 9", credential);
  phoneItself = test.client(credential);
  laptop = await test.enrol("Laptop", await test.issue("laptop"));
  const wanted = { user: "alice", name: "emergency card", scope: "emergency" };
  card = (await test.api("POST", "/tokens", wanted)) as NewToken;
});

afterAll(async () => {
  await browser?.close();
  await test?.stop();
});

async function statusOf({ user, id }: Device): Promise<string> {
  return ((await test.api("GET", `/users/${user}/devices/${id}`)) as Device).status;
}

/** What a camera reads off the paper. */
async function readQrCode(page: Page): Promise<string | undefined> {
  const { pixels, side } = await page.evaluate(async () => {
    const side = 400;
    const svg = document.querySelector("svg");
    if (svg === null) throw new Error("no QR code");
    const copy = svg.cloneNode(true) as SVGElement;
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    for (const size of ["width", "height"]) copy.setAttribute(size, String(side));
    const image = new Image();
    image.src = `data:image/svg+xml,${encodeURIComponent(copy.outerHTML)}`;
    await image.decode();
    const canvas = new OffscreenCanvas(side, side).getContext("2d");
    canvas?.drawImage(image, 0, 0);
    return { pixels: Array.from(canvas?.getImageData(0, 0, side, side).data ?? []), side };
  });
  return jsQR(new Uint8ClampedArray(pixels), side, side)?.data;
}

describe("the card", () => {
  let link: string;

  it("is a page to print, with address, code and QR code, which loads nothing", async () => {
    const paper = await (await newPerson(browser, test.edge)).newPage();
    const loaded: string[] = [];
    paper.on("request", (request) => loaded.push(request.url()));
    const pages = new URL(test.edge.url(test.edge.apiHost));
    await paper.setContent(await cardPage(card, pages));
    expect(await paper.getByText(groupedCode(card.token)).count()).toBe(1);
    expect(await paper.getByText(pages.host, { exact: true }).count()).toBe(1);
    link = (await readQrCode(paper)) ?? "";
    expect(link).toBe(`${pages.origin}${PATHS.home}#${card.token}`);
    expect(await inspect(paper, "emergency-card-paper")).toEqual([]);
    expect(loaded.filter((url) => !url.startsWith("data:"))).toEqual([]);
    await paper.context().close();
  });

  it("opens the page with the code filled in; nothing is sent until a button is pressed", async () => {
    const page = await (await newPerson(browser, test.edge, { viewport: "phone" })).newPage();
    const complaints = complaintsOf(page);
    await page.goto(pageUrl(test.edge, `${PATHS.home}#main`));
    expect(await page.getByLabel("The code on the card").isVisible(), "no code in the address").toBe(false);
    await page.goto("about:blank");
    await page.goto(link);
    expect(await page.getByLabel("The code on the card").inputValue()).toBe(card.token);
    expect(page.url()).toBe(pageUrl(test.edge, PATHS.home));
    expect(await test.api("GET", "/sessions")).toEqual({ sessions: [] });
    expect(await inspect(page, "emergency-sign-in")).toEqual([]);

    await press(page, "Show the devices");
    expect(await heading(page)).toBe("Alice’s devices");
    expect(await page.getByRole("navigation").count()).toBe(0);
    expect(await inspect(page, "emergency-devices")).toEqual([]);
    const { sessions } = (await test.api("GET", "/sessions")) as { sessions: Session[] };
    const [{ createdAt, expiresAt } = { createdAt: "", expiresAt: "" }] = sessions;
    expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(3_600_000);

    expect((await phoneItself.call("/")).status).toBe(200);
    await choose(page, "Lost… Pixel 9");
    expect(await inspect(page, "emergency-lost")).toEqual([]);
    await page.getByLabel("Type the device’s name, Pixel 9").fill("pixel 9");
    await press(page, "Report Pixel 9 as lost");
    expect(await heading(page)).toBe("Alice’s devices");
    expect(await inspect(page, "emergency-done")).toEqual([]);
    expect(await statusOf(phone)).toBe("lost");
    expect((await phoneItself.call("/")).status).not.toBe(200);

    await press(page, "Sign out");
    expect(await heading(page)).toBe("Sign in");
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it("is typed in where there is no script, and a wrong character is corrected", async () => {
    const page = await (await newPerson(browser, test.edge, { javaScriptEnabled: false })).newPage();
    await page.goto(`${test.edge.url(test.edge.apiHost)}/`);
    await page.getByText("I have an emergency card").click();
    const typed = groupedCode(card.token).toLowerCase();
    await page.getByLabel("The code on the card").fill(typed.replace(/.$/, "u"));
    await press(page, "Show the devices");
    expect(await page.getByRole("alert").innerText()).toContain("This code is not valid.");
    const field = page.getByLabel("The code on the card");
    expect(await field.inputValue()).toBe(typed.replace(/.$/, "u"));
    await field.fill(typed);
    await press(page, "Show the devices");
    await choose(page, "Suspend Laptop");
    await choose(page, "Cancel");
    await choose(page, "Suspend Laptop");
    await press(page, "Suspend Laptop");
    expect(await statusOf(laptop)).toBe("suspended");
    await page.context().close();
  });
});
