// Devices without a certificate, limits and guests on the pages, without a browser.
import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Device, DeviceList, InvitationList } from "../../../src/contract/answers.ts";
import { devicePath, ENROL_PATH, PATHS } from "../../../src/contract/paths.ts";
import { api, enrol, fingerprint, HOST, makeToken } from "../fixtures.ts";
import { Isolate, NO_CERTIFICATE, SWISS_HOST, VAULT_HOST } from "../gate/fixtures.ts";
import { signedIn, words } from "./fixtures.ts";

type Fields = [string, string][];

const NEW_TOKEN: Fields = [
  ["kind", "token"],
  ["user", "alice"],
  ["name", "TV"],
  ["apps", HOST],
  ["zone", "Europe/Zurich"],
  ["valid", "2592000"],
];
const NEW_FEED: Fields = [
  ...without(NEW_TOKEN, "kind"),
  ["kind", "feed"],
  ["paths", "/calendar.ics\r\n/rss/*\r\n/a,b"],
];

function without(fields: Fields, ...names: string[]): Fields {
  return fields.filter(([name]) => !names.includes(name));
}

const aliceDevices = async () =>
  (await (await api("GET", "/users/alice/devices")).json<DeviceList>()).devices;
const deviceNow = async ({ id }: Device) => (await api("GET", `/users/alice/devices/${id}`)).json<Device>();

/** The status of a request with a token, or with a feed's secret in its address. */
async function statusOf(address: string, token?: string): Promise<number> {
  const headers = token === undefined ? {} : { "X-Latchkey-Token": token };
  return (await new Isolate().fetch(address, { cf: NO_CERTIFICATE, headers })).status;
}

/** The secret that a page shows. */
const secretIn = (page: string) => /lk[df]_[\w-]+/.exec(page)?.[0] ?? "";

beforeEach(async () => {
  await reset();
  await api("PUT", "/users/alice", {});
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a device without a certificate", () => {
  it("is made on a page that shows its token once, with lines to copy, and is let in with it", async () => {
    const { ask, page } = await signedIn();
    const form = await page(`${PATHS.addDevice}?user=alice`);
    expect(form).toContain(`value="${HOST}"`);
    expect(form).not.toContain('id="paths"');
    const made = await ask(PATHS.addDevice, NEW_TOKEN);
    expect(made.status).toBe(200);
    expect(made.response.headers.get("cache-control")).toBe("no-store");
    const token = secretIn(made.text);
    expect(token).toMatch(/^lkd_/);
    expect(made.text).toContain(`X-Latchkey-Token: ${token}</textarea>`);
    expect(words(made.text)).toContain(`curl -H 'X-Latchkey-Token: ${token}' https://${HOST}/`);
    expect(words(made.text)).toContain("(in 30 days)");
    expect(await statusOf(`https://${HOST}/`, token)).toBe(200);
    expect(await statusOf(`https://${VAULT_HOST}/`, token)).toBe(404);
    const [device] = await aliceDevices();
    expect(device).toMatchObject({ name: "TV", kind: "token", apps: [HOST], expiresAt: null });
    for (const path of [devicePath(device as Device), PATHS.devices, PATHS.activity]) {
      expect(await page(path)).not.toContain(token);
    }
    expect(words(await page(PATHS.activity))).toContain("Alice’s TV was enrolled with a token.");
  });

  it.each<[string, Fields, RegExp]>([
    [
      "the device's own end, if that is earlier",
      [["until", "2126-12-24T18:00"]],
      /The device is let in with it until 24 Dec 2126 .* The token itself would be valid for longer/,
    ],
    [
      "the token's end, if that is earlier",
      [["until", "2127-12-24T18:00"]],
      /It is valid until 21 Nov 2127 /,
    ],
    ["its countries", [["countries", "CH LI"]], /It is valid until 21 Nov 2127 \(.*\), only from CH, LI\./],
  ])("says of its token %s", async (_, limits, said) => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2126, 10, 21, 12) });
    const { ask } = await signedIn();
    const fields = [...without(NEW_TOKEN, "valid"), ["valid", String(365 * 86_400)], ...limits] as Fields;
    expect(words((await ask(PATHS.addDevice, fields)).text)).toMatch(said);
  });

  it("is not made twice by a page that is loaded again", async () => {
    const { ask } = await signedIn();
    await ask(PATHS.addDevice, NEW_TOKEN);
    const again = await ask(PATHS.addDevice, NEW_TOKEN);
    expect(again.status).toBe(409);
    expect(words(again.text)).toContain(
      'Another one is named "TV". Nothing was changed.'.replaceAll('"', "&quot;"),
    );
    expect(secretIn(again.text)).toBe("");
    expect(await aliceDevices()).toHaveLength(1);
  });

  it("can be a feed, whose addresses are shown, and which reads only its paths", async () => {
    const { ask, page } = await signedIn();
    const form = await page(`${PATHS.addDevice}?kind=feed`);
    expect(form).toContain('id="paths"');
    // A URL that anybody can read opens no vault.
    expect(form).not.toContain(VAULT_HOST);
    const made = await ask(PATHS.addDevice, NEW_FEED);
    const secret = secretIn(made.text);
    expect(made.text).toContain(`https://${HOST}/calendar.ics?latchkey=${secret}</textarea>`);
    expect(made.text).toContain(`>?latchkey=${secret}</textarea>`);
    expect(await statusOf(`https://${HOST}/calendar.ics?latchkey=${secret}`)).toBe(200);
    expect(await statusOf(`https://${HOST}/rss/news?latchkey=${secret}`)).toBe(200);
    expect(await statusOf(`https://${HOST}/a,b?latchkey=${secret}`)).toBe(200);
    expect(await statusOf(`https://${HOST}/other?latchkey=${secret}`)).toBe(404);
  });

  it.each<[string, Fields, number, string]>([
    ["no app", without(NEW_TOKEN, "apps"), 422, "Choose at least one app"],
    ["an app that is none", [...without(NEW_TOKEN, "apps"), ["apps", "x.example.org"]], 422, "is not an app"],
    ["no name", without(NEW_TOKEN, "name"), 422, "name must not be empty"],
    ["a country that is none", [...NEW_TOKEN, ["countries", "Switzerland"]], 422, "not an ISO 3166-1"],
    ["an end that has passed", [...NEW_TOKEN, ["until", "2020-01-01T10:00"]], 422, "must be in the future"],
    ["an end that is no time", [...NEW_TOKEN, ["until", "sunday"]], 422, "must be a date and a time"],
    ["a validity that is none", [...without(NEW_TOKEN, "valid"), ["valid", "x"]], 422, "number of seconds"],
    ["no paths", without(NEW_FEED, "paths"), 422, "name at least one of the paths"],
    [
      "paths that let all through",
      [...without(NEW_FEED, "paths"), ["paths", "/*"]],
      422,
      "everything through",
    ],
    ["a vault for a feed", [...NEW_FEED, ["apps", VAULT_HOST]], 422, "must never open a vault"],
  ])("with %s is not made, and the form keeps what was typed", async (_, fields, status, why) => {
    const { ask } = await signedIn();
    const sent = await ask(PATHS.addDevice, fields);
    expect(sent.status).toBe(status);
    expect(words(sent.text).toLowerCase()).toContain(why.toLowerCase());
    expect(sent.text).toContain('role="alert"');
    expect(await aliceDevices()).toEqual([]);
    const kept = new URLSearchParams(fields);
    for (const name of ["name", "countries", "until"]) {
      if (kept.has(name)) expect(sent.text).toContain(`value="${kept.get(name)}"`);
    }
    if (kept.get("apps") === HOST) expect(sent.text).toMatch(new RegExp(`value="${HOST}" checked`));
  });

  it("is nobody's whom there is not", async () => {
    const { ask } = await signedIn();
    expect((await ask(PATHS.addDevice, [...without(NEW_TOKEN, "user"), ["user", "zoe"]])).status).toBe(404);
  });

  it("gets a new token on its page, and the old one ends when the new one is used", async () => {
    const { ask, page } = await signedIn({ REVOCATION_DELAY_SECONDS: 0 });
    const old = secretIn((await ask(PATHS.addDevice, NEW_TOKEN)).text);
    const [device] = (await aliceDevices()) as [Device];
    expect(await page(devicePath(device))).toContain(`href="${devicePath(device, "token")}"`);
    expect(words(await page(devicePath(device, "token")))).toContain("Give TV a new token?");
    const made = await ask(devicePath(device, "token"), { overlap: "", valid: "2592000" });
    const next = secretIn(made.text);
    expect(next).not.toBe(old);
    expect(words(await page(devicePath(device)))).toContain("Old token expires");
    expect(await statusOf(`https://${HOST}/`, old)).toBe(200);
    const third = await ask(devicePath(device, "token"), { overlap: "", valid: "2592000" });
    expect(third.status).toBe(409);
    expect(words(third.text)).toContain("The device has two certificates or tokens already");
    expect(await statusOf(`https://${HOST}/`, next)).toBe(200);
    expect(await statusOf(`https://${HOST}/`, old)).toBe(404);
  });

  it("whose token somebody else may know gets a new one, and the old one ends right away", async () => {
    const { ask } = await signedIn();
    const old = secretIn((await ask(PATHS.addDevice, NEW_TOKEN)).text);
    const [device] = (await aliceDevices()) as [Device];
    await ask(devicePath(device, "token"), { overlap: "1", valid: "2592000" });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 1_000 });
    expect(await statusOf(`https://${HOST}/`, old)).toBe(404);
  });

  it("alone has tokens: one with a certificate is given none", async () => {
    const phone = await enrol("alice", "Phone", fingerprint(1));
    const { ask, page } = await signedIn();
    expect((await ask(devicePath(phone, "token"))).status).toBe(409);
    expect(await page(devicePath(phone))).not.toContain(devicePath(phone, "token"));
  });
});

describe("a device's limits", () => {
  let phone: Device;
  beforeEach(async () => {
    phone = await enrol("alice", "Phone", fingerprint(1));
  });

  const LIMITS: Fields = [
    ["every-app", "no"],
    ["apps", HOST],
    ["apps", SWISS_HOST],
    ["countries", "ch, li"],
    ["until", "2030-07-01T18:30"],
    ["zone", "Europe/Zurich"],
  ];
  const NO_LIMITS: Fields = [
    ["every-app", "yes"],
    ["countries", ""],
    ["until", ""],
    ["zone", "UTC"],
  ];

  it("are set and lifted on a page of its own, in the reader's time, and the log says what they are", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2030, 5, 1) });
    const { ask, page } = await signedIn();
    expect(words(await page(devicePath(phone)))).toContain("Apps Every app Countries From anywhere");
    expect(await page(devicePath(phone, "limits"))).toContain("In the time zone Europe/Zurich.");
    const saved = await ask(devicePath(phone, "limits"), LIMITS);
    expect(saved).toMatchObject({ status: 303, location: `${devicePath(phone)}?saved` });
    const limits = {
      apps: [HOST, SWISS_HOST],
      countries: ["CH", "LI"],
      expiresAt: "2030-07-01T16:30:00.000Z",
    };
    expect(await deviceNow(phone)).toMatchObject(limits);
    expect(words(await page(devicePath(phone)))).toContain(`Only ${HOST}, ${SWISS_HOST}`);
    const form = await page(devicePath(phone, "limits"));
    expect(form).toContain('value="2030-07-01T18:30"');
    expect(form).toContain(`value="${HOST}" checked`);
    expect(words(await page(PATHS.activity))).toContain(
      `were changed: only ${HOST} and ${SWISS_HOST}, only from CH and LI, until 1 Jul 2030, 18:30:00 CEST.`,
    );
    await ask(devicePath(phone, "limits"), NO_LIMITS);
    expect(await deviceNow(phone)).toMatchObject({ apps: null, countries: null, expiresAt: null });
    expect(words(await page(PATHS.activity))).toContain(
      "were changed: every app, from anywhere, without a time limit.",
    );
  });

  it("that are saved as they were change nothing, to the second", async () => {
    await api("PATCH", `/users/alice/devices/${phone.id}/limits`, { expiresAt: 86_400 });
    const { expiresAt } = await deviceNow(phone);
    const { ask, page } = await signedIn();
    const until = /name="until" type="datetime-local" value="([^"]+)"/.exec(
      await page(devicePath(phone, "limits")),
    )?.[1];
    await ask(devicePath(phone, "limits"), [
      ["every-app", "yes"],
      ["until", until ?? ""],
      ["zone", "Europe/Zurich"],
    ]);
    expect(await deviceNow(phone)).toMatchObject({ expiresAt });
  });

  it.each<[string, Fields, string]>([
    ["no app", without(LIMITS, "apps"), "Choose at least one app"],
    ["every app and one", [...NO_LIMITS, ["apps", HOST]], "Choose either every app or some of them"],
    [
      "an app, and neither every app nor some",
      without(LIMITS, "every-app", "apps"),
      "Choose at least one app",
    ],
    ["an unknown app", [...LIMITS, ["other-apps", "x.example.org"]], "is not an app behind this gate"],
    [
      "a country twice",
      [...without(LIMITS, "countries"), ["countries", "CH ch"]],
      "each of the countries only once",
    ],
    ["no country's code", [...without(LIMITS, "countries"), ["countries", "XQ"]], "is not an ISO 3166-1"],
    ["an end that is over", [...without(LIMITS, "until"), ["until", "2020-01-01T00:00"]], "in the future"],
  ])("with %s are refused, and what was typed is kept", async (_, fields, why) => {
    const { ask } = await signedIn();
    const sent = await ask(devicePath(phone, "limits"), fields);
    expect(sent.status).toBe(422);
    expect(words(sent.text)).toContain(why);
    for (const app of new URLSearchParams(fields).getAll("apps")) {
      expect(sent.text).toContain(`value="${app}" checked`);
    }
    expect(await deviceNow(phone)).toMatchObject({ apps: null, countries: null, expiresAt: null });
  });

  it("of a feed are its paths, too, and always name an app", async () => {
    const { ask, page } = await signedIn();
    await ask(PATHS.addDevice, NEW_FEED);
    const feed = (await aliceDevices()).find(({ kind }) => kind === "feed") as Device;
    const form = await page(devicePath(feed, "limits"));
    expect(form).toContain("/calendar.ics\n/rss/*\n/a,b</textarea>");
    expect(form).not.toContain('name="every-app"');
    await ask(devicePath(feed, "limits"), [
      ["apps", HOST],
      ["paths", "/rss/*"],
      ["zone", "UTC"],
    ]);
    expect(await deviceNow(feed)).toMatchObject({ paths: ["/rss/*"], apps: [HOST] });
    expect(words(await page(PATHS.activity))).toContain("were changed: reading only /rss/*.");
    const everywhere = await ask(devicePath(feed, "limits"), [...NO_LIMITS, ["paths", "/rss/*"]]);
    expect(everywhere.status).toBe(409);
    const vault = await ask(devicePath(feed, "limits"), [
      ["apps", VAULT_HOST],
      ["paths", "/rss/*"],
    ]);
    expect(vault.status).toBe(422);
    expect(words(vault.text)).toContain("must never open a vault");
    expect(await deviceNow(feed)).toMatchObject({ apps: [HOST] });
  });

  it("past its end make it expired, in the list and on its page", async () => {
    await api("PATCH", `/users/alice/devices/${phone.id}/limits`, { expiresAt: 60 });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
    const { page } = await signedIn();
    const list = await page(PATHS.devices);
    expect(list).toContain('<span class="status expired">expired</span>');
    expect(words(list)).toContain("1 device, 0 active, 1 expired");
    expect(words(await page(devicePath(phone)))).toContain("it is now refused");
  });

  it("can name any host where the configuration takes every one", async () => {
    const { ask, page } = await signedIn({ APPS: { "*": {} } });
    expect(await page(devicePath(phone, "limits"))).toContain('name="other-apps"');
    await ask(devicePath(phone, "limits"), [...without(LIMITS, "apps"), ["other-apps", "a.example.org"]]);
    expect(await deviceNow(phone)).toMatchObject({ apps: ["a.example.org"] });
  });
});

describe("the page that enrols a device", () => {
  it("does not tell one that is limited to another app that it is in", async () => {
    const phone = await enrol("alice", "Phone", fingerprint(1));
    const enrolPage = async () => words(await (await new Isolate().fetch(ENROL_PATH)).text());
    expect(await enrolPage()).toContain("You’re in.");
    await api("PATCH", `/users/alice/devices/${phone.id}/limits`, { apps: [VAULT_HOST] });
    const limited = await enrolPage();
    expect(limited).toContain("It is limited, and not let in here and now: see why .");
    expect(limited).not.toContain("You’re in");
  });
});

describe("whoever is limited", () => {
  it("cannot lift the limit, give the device a new token, or make a device", async () => {
    const { token } = await makeToken("alice", "devices");
    const root = await signedIn();
    await root.ask(PATHS.addDevice, NEW_TOKEN);
    const [device] = (await aliceDevices()) as [Device];
    const alice = await signedIn({}, token);
    expect(await alice.page(devicePath(device))).toContain("Name and note");
    expect(await alice.page(devicePath(device))).not.toContain("Change limits");
    expect(await alice.page(PATHS.devices)).not.toContain(PATHS.addDevice);
    for (const path of [devicePath(device, "limits"), devicePath(device, "token"), PATHS.addDevice]) {
      expect((await alice.ask(path)).status, path).toBe(404);
      expect((await alice.ask(path, NEW_TOKEN)).status, path).toBe(404);
    }
    expect(await aliceDevices()).toHaveLength(1);
  });
});

describe("a guest", () => {
  const invitations = async () =>
    (await (await api("GET", "/users/alice/invitations")).json<InvitationList>()).invitations;

  const GUEST: Fields = [
    ["user", "alice"],
    ["app", ""],
    ["life", "86400"],
    ["every-app", "no"],
    ["apps", SWISS_HOST],
    ["until", "2030-07-01T18:30"],
    ["zone", "Europe/Zurich"],
    ["countries", ""],
  ];

  it("is invited with the limits that the device gets, and the link leads to an app that it may use", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2030, 5, 1) });
    const { ask, page } = await signedIn();
    const made = await ask(PATHS.invite, GUEST);
    expect(made.status).toBe(200);
    expect(words(made.text)).toContain(`Its device is let in only on ${SWISS_HOST}, until 1 Jul 2030`);
    expect(made.text).toContain(`>https://${SWISS_HOST}/.latchkey/enrol#`);
    const limits = { apps: [SWISS_HOST], countries: null, expiresAt: "2030-07-01T16:30:00.000Z" };
    expect(await invitations()).toMatchObject([{ limits }]);
    expect(words(await page(PATHS.invite))).toContain(`Its device is let in only on ${SWISS_HOST}`);
  });

  it("with a mistake is not invited, and the form keeps what was typed", async () => {
    const { ask } = await signedIn();
    const fields: Fields = [...without(GUEST, "until", "app"), ["until", "2020-01-01T10:00"], ["app", HOST]];
    const sent = await ask(PATHS.invite, [...fields, ["approval", "on"]]);
    expect(sent.status).toBe(422);
    expect(words(sent.text)).toContain("The time must be in the future and within ten years.");
    expect(sent.text).toContain("<details open>");
    expect(sent.text).toContain(`<option value="${HOST}" selected>`);
    expect(sent.text).toContain('name="approval" checked');
    expect(await invitations()).toEqual([]);
  });
});
