// Attacks on the pages without a browser: forged headers, another user's things, guessing; and what every
// page says of itself.
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../src/contract/answers.ts";
import { devicePath, ENROL_PATH, PATHS } from "../../src/contract/paths.ts";
import { SIGN_INS_AN_HOUR } from "../../src/domain/credential.ts";
import { TestEdge } from "./support/edge.ts";
import { PageClient } from "./support/page-client.ts";

let test: TestEdge;
let owner: PageClient;
let tablet: Device;

beforeAll(async () => {
  test = await TestEdge.start();
  tablet = await test.enrol("Tablet", await test.issue("tablet"));
  owner = client();
  await owner.signIn(test.edge.adminToken);
});

afterAll(() => test?.stop());

/** Of the pages for people. */
function client(...how: Parameters<TestEdge["client"]>): PageClient {
  return new PageClient(test.client(...how), test.edge.url(test.edge.apiHost));
}

/** Of an app's host, which asks for the certificate. */
function device(...how: Parameters<TestEdge["client"]>): PageClient {
  return new PageClient(test.client(...how), test.edge.url(test.edge.appHost));
}

async function tokenFor(user: string, name: string, scope: string): Promise<string> {
  return ((await test.api("POST", "/tokens", { user, name, scope })) as { token: string }).token;
}

async function shown({ user, id }: Device): Promise<Device> {
  return (await test.api("GET", `/users/${user}/devices/${id}`)) as Device;
}

async function invite(): Promise<string> {
  return ((await test.api("POST", "/users/alice/invitations", {})) as { code: string }).code;
}

describe("a form with the owner's cookie", () => {
  const OURS = "sec-fetch-site";
  const suspend = () => devicePath(tablet, "suspend");

  it.each<[string, Record<string, string>]>([
    ["another site's origin", { origin: "https://evil.example" }],
    ["an origin of another port", { origin: "https://latchkey.localhost:1" }],
    ["an origin without TLS", { origin: "http://latchkey.localhost" }],
    ["the origin null, as from a sandbox", { origin: "null" }],
    ["an origin that begins like ours", { origin: "https://latchkey.localhost.evil.example" }],
    ["another site by Sec-Fetch-Site, whatever the origin", { [OURS]: "cross-site" }],
    ["a sibling by Sec-Fetch-Site", { [OURS]: "same-site" }],
    ["a made-up Sec-Fetch-Site", { [OURS]: "ours" }],
    ["our Sec-Fetch-Site with another origin", { [OURS]: "same-origin", origin: "https://evil.example" }],
    ["a script's fetch", { [OURS]: "same-origin", "sec-fetch-dest": "empty" }],
    ["a frame", { [OURS]: "same-origin", "sec-fetch-dest": "iframe" }],
  ])("changes nothing with %s", async (_, headers) => {
    const answer = await owner.post(suspend(), {}, headers);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain("Nothing was changed");
    expect((await shown(tablet)).status).toBe("active");
  });

  it("changes nothing without any of these headers", async () => {
    const answer = await test.client().call(suspend(), {
      method: "POST",
      host: test.edge.apiHost,
      headers: {
        cookie: `__Host-latchkey=${owner.cookie}`,
        "content-type": "application/x-www-form-urlencoded",
      },
    });
    expect(answer.status).toBe(400);
    expect((await shown(tablet)).status).toBe("active");
  });

  it.each(["text/plain", "application/json", "multipart/form-data; boundary=x"])(
    "changes nothing as %s",
    async (type) => {
      expect((await owner.post(suspend(), {}, { "content-type": type })).status).toBe(415);
      expect((await shown(tablet)).status).toBe("active");
    },
  );

  it("changes nothing by GET", async () => {
    expect((await owner.get(suspend())).status).toBe(200);
    expect((await shown(tablet)).status).toBe("active");
  });

  it("changes something when it is ours", async () => {
    expect((await owner.post(suspend())).status).toBe(303);
    expect((await shown(tablet)).status).toBe("suspended");
    const ours = { [OURS]: "same-origin", "sec-fetch-dest": "document" };
    expect((await owner.post(devicePath(tablet, "reinstate"), {}, ours)).status).toBe(303);
    expect((await shown(tablet)).status).toBe("active");
  });

  it.each([
    "https://evil.example/",
    "//evil.example",
    "/.latchkey/../evil",
    "javascript:alert(1)",
    "/",
    "/\\evil",
  ])("leads to no other place after the sign-in: %s", async (next) => {
    const answer = await client().post(PATHS.signIn, { token: test.edge.adminToken, next });
    expect(answer.headers.location).toBe(PATHS.home);
  });
});

describe("a user's token", () => {
  let bob: PageClient;
  let own: Device;

  beforeAll(async () => {
    await test.api("PUT", "/users/bob", {});
    own = await test.enrol("Bob's phone", await test.issue("bob"), "bob");
    bob = client();
    await bob.signIn(await tokenFor("bob", "browser", "devices"));
  });

  it("shows its own user's things alone", async () => {
    for (const path of [PATHS.devices, PATHS.activity, PATHS.activityCsv, PATHS.sessions]) {
      const { status, text } = await bob.get(path);
      expect(status, path).toBe(200);
      expect(text, path).not.toMatch(/Tablet|alice/);
    }
    expect((await bob.get(PATHS.devices)).text).toContain("Bob&#39;s phone");
    expect((await bob.get(`${PATHS.activity}?log=user:alice`)).text).not.toMatch(/Tablet/);
    expect((await bob.get(`${PATHS.activity}?log=directory`)).text).not.toMatch(/alice/);
  });

  it("sees nothing where another user's things are, nor where the owner's are", async () => {
    const nothing = await bob.get(`${PATHS.devices}/nobody`);
    expect(nothing.status).toBe(404);
    const paths = [
      `${PATHS.devices}/alice`,
      devicePath(tablet),
      ...["suspend", "lost", "revoke"].map((act) => devicePath(tablet, act)),
      PATHS.waiting,
      PATHS.invite,
      PATHS.people,
    ];
    for (const path of paths) {
      const { status, text } = await bob.get(path);
      expect(status, path).toBe(404);
      expect(text, path).toBe(nothing.text);
    }
    // Another's device, said to be one's own.
    expect((await bob.get(devicePath({ user: "bob", id: tablet.id }))).status).toBe(404);
  });

  it("changes nothing there", async () => {
    const before = await shown(tablet);
    const { sessions } = (await test.api("GET", "/sessions")) as {
      sessions: { id: string; token: unknown }[];
    };
    const owners = sessions.find(({ token }) => token === null)?.id;
    if (owners === undefined) throw new Error("the owner is signed in");
    const fingerprint = tablet.credentials[0]?.fingerprint ?? "";
    const posts: [string, Record<string, string>][] = [
      [devicePath(tablet), { name: "Stolen", note: "" }],
      ...["suspend", "revoke", "approve", "reinstate", "forget"].map(
        (act): [string, Record<string, string>] => [devicePath(tablet, act), {}],
      ),
      [devicePath(tablet, "lost"), { confirm: "Tablet" }],
      [devicePath({ user: "bob", id: tablet.id }, "revoke"), {}],
      [`${PATHS.waiting}/${fingerprint}/enrol`, { user: "bob", name: "Mine" }],
      [`${PATHS.waiting}/${fingerprint}/dismiss`, {}],
      [PATHS.invite, { user: "bob" }],
      [PATHS.users, { id: "mallory" }],
      [`${PATHS.people}/users/bob`, { role: "owner", emails: "bob@example.com" }],
      [`${PATHS.sessions}/${owners}/end`, {}],
    ];
    for (const [path, fields] of posts) expect((await bob.post(path, fields)).status, path).toBe(404);
    expect(await shown(tablet)).toEqual(before);
    expect((await owner.get(PATHS.invite)).text).not.toContain("mallory");
    // Waiting for approval is not for the user to end.
    expect((await bob.post(devicePath(own, "approve"))).status).toBe(409);
  });

  it("changes its own, and with the scope read not even that", async () => {
    expect((await bob.post(devicePath(own, "suspend"))).status).toBe(303);
    const reader = client();
    await reader.signIn(await tokenFor("bob", "reader", "read"));
    expect((await reader.get(devicePath(own))).status).toBe(200);
    expect((await reader.post(devicePath(own, "reinstate"))).status).toBe(404);
    expect((await shown(own)).status).toBe("suspended");
  });

  it("ends its sessions when it is revoked", async () => {
    const { tokens } = (await test.api("GET", "/tokens")) as { tokens: { id: string; name: string }[] };
    for (const { id } of tokens) await test.api("DELETE", `/tokens/${id}`);
    expect((await bob.get(PATHS.devices)).text).toContain("Your token");
  });
});

describe("guessing", () => {
  it("a token: wrong ones are refused, and the right one never waits for them", async () => {
    const guesser = client(undefined, "127.0.0.2");
    const before = await owner.get(`${PATHS.activity}?log=directory`);
    for (let wrong = 0; wrong < 30; wrong += 1) {
      const guess = wrong % 2 === 0 ? `guess ${wrong}` : `lkt_${String(wrong).padEnd(51, "A")}`;
      expect((await guesser.signIn(guess)).status).toBe(422);
    }
    expect((await guesser.signIn(test.edge.adminToken)).status).toBe(303);
    expect((await guesser.get(PATHS.devices)).text).toContain("Sign out");
    // Strangers leave no line in the log.
    const { text } = await owner.get(`${PATHS.activity}?log=directory&search=refused`);
    expect(before.status).toBe(200);
    expect(text).not.toContain("127.0.0.2");
  });

  it("a right token signs in twenty times an hour, signing out included, and says so then", async () => {
    await test.api("PUT", "/users/carol", {});
    const [token, other] = [await tokenFor("carol", "busy", "read"), await tokenFor("carol", "calm", "read")];
    const carol = client();
    for (let times = 0; times < SIGN_INS_AN_HOUR; times += 1) {
      expect((await carol.signIn(token)).status).toBe(303);
      expect((await carol.post(PATHS.signOut)).status).toBe(200);
    }
    const refused = await client(undefined, "127.0.0.9").signIn(token);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(3_000);
    expect(Number(refused.headers["retry-after"])).toBeLessThanOrEqual(3_600);
    expect(refused.headers["set-cookie"]).toBeUndefined();
    expect(refused.text).toContain("You signed in 20 times within an hour with this token.");
    expect((await client().signIn(other)).status).toBe(303);
  });

  it("a cookie: it is nobody's, and as many guesses as one likes hold nobody up", async () => {
    const guesser = client(undefined, "127.0.0.4");
    const [text, holder, code] = owner.cookie.split(".");
    const guesses = [
      "",
      "x",
      "a.b",
      `${text}.${holder}.${"A".repeat(43)}`,
      `${"A".repeat(43)}.${holder}.${code}`,
      `${text}.${crypto.randomUUID()}.${code}`,
      owner.cookie.toUpperCase(),
    ];
    for (const guess of [...guesses, ...Array.from({ length: 30 }, (_, index) => `guess-${index}`)]) {
      guesser.cookie = guess;
      expect((await guesser.get(PATHS.devices)).text).toContain("Your token");
    }
    guesser.cookie = owner.cookie;
    expect((await guesser.get(PATHS.devices)).text).toContain("Sign out");
  });

  it("a code: as many wrong ones as one likes are refused, and the right one works after them", async () => {
    const guesser = device(await test.issue("guesser"));
    for (let wrong = 0; wrong < 30; wrong += 1) {
      const code = wrong.toString().padStart(26, "0");
      const answer = await guesser.post(ENROL_PATH, { name: "Guess", code });
      expect(answer.status).toBe(422);
      expect(answer.text).toContain("This code can’t be used");
    }
    const code = await invite();
    expect((await guesser.post(ENROL_PATH, { name: "Honest", code, user: "alice" })).status).toBe(303);
  });
});

describe("an invitation's code", () => {
  it("enrols one of many certificates that send it at once", async () => {
    const code = await invite();
    const credentials = await Promise.all(
      Array.from({ length: 6 }, (_, index) => test.issue(`racer ${index}`)),
    );
    const racers = credentials.map((credential) => device(credential));
    const answers = await Promise.all(
      racers.map((racer, index) => racer.post(ENROL_PATH, { name: `Racer ${index}`, code, user: "alice" })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 422, 422, 422, 422, 422]);
    const { devices } = (await test.api("GET", "/users/alice/devices")) as { devices: Device[] };
    expect(devices.filter(({ name }) => name.startsWith("Racer"))).toHaveLength(1);
    const winner = racers[answers.findIndex(({ status }) => status === 303)];
    expect((await winner?.get(ENROL_PATH))?.text).toContain("This device is enrolled");
  });

  it("is no good to who shows no certificate, or from a page that is not ours", async () => {
    const code = await invite();
    const fields = { name: "Thief", code, user: "alice" };
    expect((await device().post(ENROL_PATH, fields)).text).toContain("No certificate yet");
    const phone = device(await test.issue("phone"));
    expect((await phone.post(ENROL_PATH, fields, { origin: "https://evil.example" })).status).toBe(400);
    expect((await phone.get(ENROL_PATH)).text).toContain("Enrol this device");
    expect((await phone.post(ENROL_PATH, { ...fields, name: "Phone" })).status).toBe(303);
  });
});

describe("every page", () => {
  const PAGES = () => [
    ...[PATHS.devices, PATHS.waiting, PATHS.activity, PATHS.invite, PATHS.people, PATHS.sessions],
    ...[
      `${PATHS.devices}/alice`,
      devicePath(tablet),
      devicePath(tablet, "revoke"),
      devicePath(tablet, "lost"),
    ],
    // Errors are pages, too.
    ...[`${PATHS.devices}/nobody`, PATHS.users, `${PATHS.activity}?before=x`],
  ];

  /** Of the link of an invitation: without a certificate, on the wrong host, before and after the code. */
  async function enrolmentPages() {
    const phone = device(await test.issue("looks only"));
    const fields = { name: "Phone", code: await invite() };
    const answers = [device(), client(), phone].map((each) => each.get(ENROL_PATH));
    return Promise.all([...answers, phone.post(ENROL_PATH, fields)]);
  }

  it("keeps scripts, frames, copies and other sites out", async () => {
    const signInPages = [await client().get(PATHS.home), await client().signIn("wrong")];
    const pages = await Promise.all(PAGES().map((path) => owner.get(path)));
    for (const { headers, text } of [...signInPages, ...pages, ...(await enrolmentPages())]) {
      expect(headers).toMatchObject({
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        "content-security-policy":
          "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
      });
      expect(text).toMatch(/^<!doctype html><html lang="en">/);
      expect(text).not.toMatch(/ style=| on[a-z]+=|<style|<script>/);
    }
  });

  it("sets its cookie for this host, for TLS and away from scripts", async () => {
    const { headers } = await client().signIn(test.edge.adminToken);
    expect(headers["set-cookie"]).toEqual([
      expect.stringMatching(
        /^__Host-latchkey=[\w.-]+; Max-Age=43200; Path=\/; Secure; HttpOnly; SameSite=Strict$/,
      ),
    ]);
  });

  it("fits into 30 KB with all the others, with style and script, compressed", async () => {
    const paths = [...PAGES(), PATHS.style, PATHS.script];
    const answers = await Promise.all(paths.map((path) => owner.get(path)));
    answers.push(...(await enrolmentPages()));
    const bytes = answers.reduce((sum, { body }) => sum + gzipSync(body).length, 0);
    expect(bytes).toBeLessThan(30_000);
  });
});
