// The link that `npm start` prints, in a real browser: it signs in once, when a person presses the button.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SessionList } from "../../src/contract/answers.ts";
import { SESSION_COOKIE } from "../../src/domain/request/own-cookies.ts";
import { launchBrowser, newPerson } from "./support/browser.ts";
import { TestEdge } from "./support/edge.ts";
import { complaintsOf, goTo, heading, pageUrl, press } from "./support/pages.ts";
import type { Answer, TlsClient } from "./support/tls-client.ts";

const MINUTE_MS = 60_000;
const OVER = "This link doesn’t work any more";

let test: TestEdge;
let browser: Browser;
let client: TlsClient;

beforeAll(async () => {
  [test, browser] = await Promise.all([TestEdge.start(), launchBrowser()]);
  client = test.client();
});
afterAll(async () => {
  await browser?.close();
  await test?.stop();
});

function newLink(lifeMs = MINUTE_MS): URL {
  const link = test.edge.signInLink(lifeMs);
  if (link === undefined) throw new Error("there are no pages");
  return new URL(link);
}

const sessions = async () => ((await test.api("GET", "/sessions")) as SessionList).sessions;
const host = () => test.edge.apiHost;

function pressAt(link: URL, headers: Record<string, string> = {}): Promise<Answer> {
  return client.call(link.pathname, {
    method: "POST",
    host: host(),
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      origin: link.origin,
      ...headers,
    },
    body: new URLSearchParams({ code: link.searchParams.get("code") ?? "" }).toString(),
  });
}

describe("the one-time link", () => {
  it("signs a browser in when the button is pressed, and nobody afterwards", async () => {
    const context = await newPerson(browser, test.edge);
    const page = await context.newPage();
    const complaints = complaintsOf(page);
    const link = newLink();
    await page.goto(link.href);
    expect(await heading(page)).toBe("Sign in to the local gate");
    // Looking uses nothing up: the window is opened a second time.
    await page.goto(link.href);
    expect(await sessions()).toEqual([]);
    await press(page, "Sign in");
    expect(await heading(page)).toBe("Devices");
    await goTo(page, "Sessions");
    expect(await page.getByText("Chrome").first().isVisible()).toBe(true);
    expect(await sessions()).toHaveLength(1);
    expect(complaints).toEqual([]);

    await page.goto(link.href);
    expect(await heading(page)).toBe(OVER);
    const other = await newPerson(browser, test.edge);
    const elsewhere = await other.newPage();
    await elsewhere.goto(link.href);
    expect(await heading(elsewhere)).toBe(OVER);
    await elsewhere.goto(pageUrl(test.edge, "/"));
    expect(await heading(elsewhere)).toBe("Sign in");
    expect((await pressAt(link)).status).toBe(410);
    await Promise.all([context.close(), other.close()]);
  });

  it("signs in one of two who press at the same time", async () => {
    const link = newLink();
    const answers = await Promise.all([pressAt(link), pressAt(link), pressAt(link)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 410, 410]);
    const cookies = answers.flatMap(({ headers }) => headers["set-cookie"] ?? []);
    expect(cookies).toEqual([
      expect.stringMatching(new RegExp(`^${SESSION_COOKIE}=.*; Secure; HttpOnly`, "i")),
    ]);
  });

  it("is over after its time, and so is a page that was opened in time", async () => {
    const link = newLink(0);
    expect((await client.call(`${link.pathname}${link.search}`, { host: host() })).status).toBe(410);
    expect((await pressAt(link)).status).toBe(410);
  });

  it.each([
    ["another site", { origin: "https://evil.example" }],
    ["another app of the edge", { origin: "https://app.localhost", "sec-fetch-site": "same-site" }],
    ["nobody says where", { origin: "null" }],
    ["a script", { "sec-fetch-site": "same-origin", "sec-fetch-dest": "empty" }],
    ["a form of another kind", { "content-type": "text/plain" }],
  ])("is not used up by a form of %s", async (_, headers) => {
    const link = newLink();
    const refused = await pressAt(link, headers);
    expect(refused.status).toBe(400);
    expect(refused.headers["set-cookie"]).toBeUndefined();
    expect((await pressAt(link)).status).toBe(303);
  });

  it.each(["", "?code=", "?code=AAAAAAAAAAAAAAAAAAAAAA", "?code=../../.."])(
    "with a wrong code signs nobody in: %j",
    async (query) => {
      newLink();
      const wrong = new URL(`/.latchkey/once${query}`, newLink());
      expect((await client.call(`${wrong.pathname}${query}`, { host: host() })).status).toBe(410);
      expect((await pressAt(wrong)).status).toBe(410);
    },
  );

  it("is on the pages' host only: elsewhere the Worker answers, which knows no such path", async () => {
    const { pathname, search } = newLink();
    const onApp = await client.call(`${pathname}${search}`, { host: "app.localhost" });
    expect(onApp.status).toBe(404);
    expect(onApp.text).not.toContain("Sign in");
  });

  it("is not used up where the gate signs nobody in, and its answer is shown", async () => {
    // The twentieth sign-in of the hour is the last.
    const statuses: number[] = [];
    for (let i = 0; i < 21; i++) statuses.push((await pressAt(newLink())).status);
    expect(statuses.at(-1)).toBe(429);
    const link = newLink();
    for (let i = 0; i < 2; i++) expect((await pressAt(link)).status).toBe(429);
  });
});

it("is not there without a link, nor without pages", async () => {
  const other = await TestEdge.start({ vars: { ADMIN_HOST: undefined } });
  try {
    expect(other.edge.signInLink(MINUTE_MS)).toBeUndefined();
    const asked = await other.client().call("/.latchkey/once?code=x", { host: other.edge.apiHost });
    expect(asked.text).not.toContain(OVER);
  } finally {
    await other.stop();
  }
});
