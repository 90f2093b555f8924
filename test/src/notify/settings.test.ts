import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../src/config.ts";
import { NOTIFY_TYPES } from "../../../src/notify/event.ts";
import { NOTIFY_TARGETS_MAX, notifySettings } from "../../../src/notify/settings.ts";
import { SECRET } from "./fixtures.ts";

const NONE = { targets: [], secret: null, off: new Set() };
const HOOK = { format: "json", authorization: null };
const A = { ...HOOK, url: "https://a.example/hook", host: "a.example" };
const B = { ...HOOK, url: "https://b.example/", host: "b.example" };

const targetsOf = (NOTIFY_URLS: unknown) => notifySettings({ NOTIFY_URLS }).targets;

function problemsOf(change: Record<string, unknown>): string[] {
  const good = { APPS: { "*": {} }, USER_REGISTRY: env.USER_REGISTRY, DIRECTORY: env.DIRECTORY };
  const config = parseConfig({ ...good, ...change });
  return config.ok ? [] : config.error.map(({ variable, message }) => `${variable} ${message}`);
}

describe("NOTIFY_URLS", () => {
  it.each<[unknown]>([[undefined], [[]], [""], [" \n, "]])(
    "may be empty, for no notifications: %j",
    (urls) => {
      expect(notifySettings(urls === undefined ? {} : { NOTIFY_URLS: urls })).toEqual(NONE);
      expect(problemsOf(urls === undefined ? {} : { NOTIFY_URLS: urls })).toEqual([]);
    },
  );

  it.each<[unknown]>([
    [["https://a.example/hook", "https://b.example"]],
    ["https://a.example/hook https://b.example"],
    ["https://a.example/hook,https://b.example/"],
    ["\nhttps://a.example/hook\r\n, https://b.example\n"],
  ])("is a list, or a text: %j", (urls) => {
    expect(targetsOf(urls)).toEqual([A, B]);
    expect(problemsOf({ NOTIFY_URLS: urls })).toEqual([]);
  });

  it.each([
    [
      "https://a.example:8443/x?y=z",
      { ...HOOK, url: "https://a.example:8443/x?y=z", host: "a.example:8443" },
    ],
    ["http://127.0.0.1:8080/x", { ...HOOK, url: "http://127.0.0.1:8080/x", host: "127.0.0.1:8080" }],
    ["http://localhost/x", { ...HOOK, url: "http://localhost/x", host: "localhost" }],
    ["http://hook.localhost/x", { ...HOOK, url: "http://hook.localhost/x", host: "hook.localhost" }],
    ["http://[::1]/x", { ...HOOK, url: "http://[::1]/x", host: "[::1]" }],
    [
      "ntfy+https://ntfy.sh/my-topic_1",
      {
        format: "ntfy",
        url: "https://ntfy.sh/",
        topic: "my-topic_1",
        authorization: null,
        host: "ntfy.sh",
      },
    ],
    [
      "ntfy+http://localhost:2586/t",
      {
        format: "ntfy",
        url: "http://localhost:2586/",
        topic: "t",
        authorization: null,
        host: "localhost:2586",
      },
    ],
  ])("takes %s", (url, target) => {
    expect(targetsOf([url])).toEqual([target]);
  });

  it.each([
    ["https://user:pass@a.example/hook", "user:pass"],
    ["https://us%40er:p%C3%A4ss%3A%25@a.example/hook", "us@er:p\u00c3\u00a4ss:%"],
    ["https://user@a.example/hook", "user:"],
    ["https://:tk_token@a.example/hook", ":tk_token"],
  ])("makes a header of user and password: %s", (url, credentials) => {
    expect(targetsOf([url])).toEqual([{ ...A, authorization: `Basic ${btoa(credentials)}` }]);
  });

  it.each<[unknown, string, RegExp]>([
    [null, "NOTIFY_URLS", /list of addresses/],
    [1, "NOTIFY_URLS", /list of addresses/],
    [{}, "NOTIFY_URLS", /list of addresses/],
    [[1], "NOTIFY_URLS.0", /a string/],
    [[""], "NOTIFY_URLS.0", /an address such as/],
    [["SECRET"], "NOTIFY_URLS.0", /an address such as/],
    [["https://a.example", "ftp://SECRET.example"], "NOTIFY_URLS.1", /an address such as/],
    ["https://a.example SECRET", "NOTIFY_URLS.1", /an address such as/],
    [["ntfy://ntfy.sh/SECRET"], "NOTIFY_URLS.0", /an address such as/],
    [["https://a.example/SECRET path"], "NOTIFY_URLS.0", /without spaces/],
    [[" https://a.example/SECRET"], "NOTIFY_URLS.0", /without spaces/],
    [["http://a.example/SECRET"], "NOTIFY_URLS.0", /begin with https:/],
    [["http://localhost.example/SECRET"], "NOTIFY_URLS.0", /begin with https:/],
    [["http://192.168.1.2/SECRET"], "NOTIFY_URLS.0", /begin with https:/],
    [["ntfy+http://ntfy.sh/SECRET"], "NOTIFY_URLS.0", /begin with https:/],
    [["https://a.example/#SECRET"], "NOTIFY_URLS.0", /#/],
    [["https://SECRET:%zz@a.example/"], "NOTIFY_URLS.0", /%25/],
    [["https://a%3ASECRET:b@a.example/"], "NOTIFY_URLS.0", /colon/],
    [["ntfy+https://ntfy.sh"], "NOTIFY_URLS.0", /topic/],
    [["ntfy+https://ntfy.sh/"], "NOTIFY_URLS.0", /topic/],
    [["ntfy+https://ntfy.sh/SECRET/"], "NOTIFY_URLS.0", /topic/],
    [["ntfy+https://a.example/ntfy/SECRET"], "NOTIFY_URLS.0", /topic/],
    [["ntfy+https://ntfy.sh/SECRET?x=1"], "NOTIFY_URLS.0", /topic/],
    [["ntfy+https://ntfy.sh/SECR%C3%89T"], "NOTIFY_URLS.0", /topic/],
    [[`ntfy+https://ntfy.sh/${"x".repeat(65)}`], "NOTIFY_URLS.0", /topic/],
    [Array(NOTIFY_TARGETS_MAX + 1).fill("https://a.example"), "NOTIFY_URLS", /more than 10/],
  ])("of %j is a problem that says where it is, and not what", (urls, variable, message) => {
    const problems = problemsOf({ NOTIFY_URLS: urls });
    expect(problems).toEqual([expect.stringMatching(message)]);
    expect(problems[0]?.split(" ")[0]).toBe(variable);
    expect(problems[0]).not.toContain("SECRET");
    expect(notifySettings({ NOTIFY_URLS: urls }), "nobody is told meanwhile").toEqual(NONE);
  });
});

describe("NOTIFY_SECRET", () => {
  const NOTIFY_URLS = ["https://a.example/hook"];
  const whsec = (bytes: number) => `whsec_${btoa("\xfb".repeat(bytes))}`;

  it("is the key in base64", () => {
    expect(notifySettings({ NOTIFY_URLS, NOTIFY_SECRET: SECRET })).toEqual({
      targets: [A],
      secret: new TextEncoder().encode("01234567890123456789012345678901"),
      off: new Set(),
    });
    expect(notifySettings({ NOTIFY_URLS }).secret).toBeNull();
  });

  it.each([24, 25, 26, 64])("may have %d bytes", (bytes) => {
    expect(problemsOf({ NOTIFY_SECRET: whsec(bytes) })).toEqual([]);
    expect(notifySettings({ NOTIFY_SECRET: whsec(bytes) }).secret?.length).toBe(bytes);
  });

  it.each<[string, unknown]>([
    ["too short", whsec(23)],
    ["too long", whsec(65)],
    ["without its prefix", SECRET.slice("whsec_".length)],
    ["without padding", SECRET.replace("=", "")],
    ["with bits to spare", SECRET.replace("E=", "F=")],
    ["in base64url", whsec(24).replaceAll("+", "-")],
    ["with a line break", `${SECRET}\n`],
    ["empty", ""],
    ["no base64", "whsec_not base64 at all, however long it may be"],
    ["a number", 1],
    ["null", null],
  ])("is a problem when it is %s, and nobody is told unsigned", (_, NOTIFY_SECRET) => {
    const problems = problemsOf({ NOTIFY_URLS, NOTIFY_SECRET });
    expect(problems).toEqual([expect.stringMatching(/^NOTIFY_SECRET must be /)]);
    if (NOTIFY_SECRET !== "") expect(problems[0]).not.toContain(String(NOTIFY_SECRET).slice(6, 20) || "-");
    expect(notifySettings({ NOTIFY_URLS, NOTIFY_SECRET })).toEqual(NONE);
  });
});

describe("NOTIFY_OFF", () => {
  const NOTIFY_URLS = ["https://a.example/hook"];
  const offOf = (NOTIFY_OFF: unknown) => [...notifySettings({ NOTIFY_URLS, NOTIFY_OFF }).off];

  it.each<[unknown, string[]]>([
    [undefined, []],
    ["", []],
    [[], []],
    ["device-refused", ["device-refused"]],
    [
      ["device-refused", "wipe-delivered"],
      ["device-refused", "wipe-delivered"],
    ],
    ["device-refused, wipe-delivered\n", ["device-refused", "wipe-delivered"]],
    [NOTIFY_TYPES, NOTIFY_TYPES],
  ])("is a list of types, or one string: %j", (off, types) => {
    const variables = off === undefined ? {} : { NOTIFY_OFF: off };
    expect(problemsOf({ NOTIFY_URLS, ...variables })).toEqual([]);
    expect(offOf(off)).toEqual(types);
  });

  it.each<[unknown, string, string]>([
    ["device-lost devise-refused", "NOTIFY_OFF.1", '"devise-refused"'],
    [["Device-Lost"], "NOTIFY_OFF.0", '"Device-Lost"'],
    [["toString"], "NOTIFY_OFF.0", '"toString"'],
    [[1], "NOTIFY_OFF.0", "1"],
    [["x".repeat(5_000)], "NOTIFY_OFF.0", `"${"x".repeat(39)}`],
  ])("with an unknown type is a problem that names the known ones: %j", (off, variable, word) => {
    const message = `${word} is not a type of notification: there are ${NOTIFY_TYPES.join(", ")}`;
    expect(problemsOf({ NOTIFY_URLS, NOTIFY_OFF: off })).toEqual([`${variable} ${message}`]);
    expect(notifySettings({ NOTIFY_URLS, NOTIFY_OFF: off }), "nobody is told what may be off").toEqual(NONE);
  });

  it.each<[unknown]>([[null], [true], [{ "device-lost": true }]])("is a problem when it is %j", (off) => {
    expect(problemsOf({ NOTIFY_OFF: off })).toEqual([
      "NOTIFY_OFF must be a list of types of notification, or one string of types of notification separated by spaces",
    ]);
  });
});

it.each<[unknown]>([[undefined], [null], ["x"], [1]])("an environment of %j tells nobody", (value) => {
  expect(notifySettings(value)).toEqual(NONE);
});
