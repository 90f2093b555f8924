import { describe, expect, it } from "vitest";
import { type Refusal, RefusalGroups, refusalsIn } from "../../../scripts/cli/watch/refusal-log.ts";
import {
  clientName,
  clientPart,
  pathPrefix,
  withoutSecrets,
} from "../../../src/domain/request/client-name.ts";

const MINUTE_MS = 60_000;
const ANDROID = "Bitwarden_Mobile/2026.9.0 (release/standard) (Android 16; SDK 36; Model Pixel 9)";
const LINE = {
  ...{ event: "refused", reason: "no-certificate", app: "vault.example.com", client: ANDROID },
  ...{ path: "/icons/github.com/icon.png", method: "GET", country: "CH", ray: null, fingerprint: null },
};
const REFUSAL: Refusal = {
  ...{ reason: "no-certificate", app: "vault.example.com", pathPrefix: "/icons", count: 1 },
  client: "Bitwarden Android icons",
};

/** What is read in a line of the log. */
function refusalIn(change: object): Refusal {
  const [refusal] = refusalsIn({ ...LINE, ...change });
  if (refusal === undefined) throw new Error("none");
  return refusal;
}

describe("the refusals in a log's object", () => {
  const line = LINE;

  it("are the gate's own line, of apps and of control paths", () => {
    expect(refusalsIn(line)).toEqual([REFUSAL]);
    expect(refusalsIn({ ...line, event: "control-refused" })).toEqual([REFUSAL]);
    expect(refusalsIn({ ...line, client: null })).toEqual([{ ...REFUSAL, client: "no name given icons" }]);
    // As the Worker wrote it before it named the client.
    const { client: _, ...older } = line;
    expect(refusalsIn(older)).toEqual([{ ...REFUSAL, client: "no name given icons" }]);
  });

  it("are the gate's count of what it did not write one by one", () => {
    const counted = { event: "counted", count: 120, since: "2026-11-26T12:00:00.000Z" };
    const kind = { reason: "no-certificate", app: "vault.example.com", program: "Bitwarden Android" };
    const refusals = { reason: kind.reason, app: kind.app, pathPrefix: "various paths", count: 120 };
    expect(refusalsIn({ ...counted, of: "refused", ...kind })).toEqual([
      { ...refusals, client: "Bitwarden Android" },
    ]);
    expect(refusalsIn({ ...counted, of: "control-refused", ...kind })).toHaveLength(1);
    expect(refusalsIn({ ...counted, of: "other" })).toMatchObject([{ count: 120, client: "other programs" }]);
    expect(refusalsIn({ ...counted, of: "registry-error" })).toEqual([]);
    for (const count of [0, -1, 0.5, "5", null, 1e300]) {
      expect(refusalsIn({ ...counted, of: "refused", ...kind, count })).toEqual([]);
    }
  });

  it("are all lines of an event of wrangler tail", () => {
    const message = (...texts: unknown[]) => ({ level: "log", timestamp: 1, message: texts });
    const logs = [
      message(JSON.stringify(line)),
      message("not JSON", JSON.stringify({ event: "error", message: "x" })),
      message(JSON.stringify({ ...line, reason: "country" })),
      message({ ...line, reason: "unknown-device" }),
      null,
    ];
    expect(refusalsIn({ outcome: "ok", scriptName: "latchkey", logs, event: { request: {} } })).toEqual([
      REFUSAL,
      { ...REFUSAL, reason: "country" },
      { ...REFUSAL, reason: "unknown-device" },
    ]);
  });

  it.each([
    {},
    { event: "error", message: "x" },
    { event: "refused" },
    { event: "refused", reason: 1, app: "a", path: "/" },
    { logs: "none" },
    { logs: [{ message: 12 }, "text", { message: ["null", "[]", '"x"'] }] },
    [],
  ])("%j holds none", (entry) => expect(refusalsIn(entry)).toEqual([]));

  it("are cut where they are long", () => {
    const [refusal] = refusalsIn({ ...line, client: "x".repeat(10_000), path: `/${"y".repeat(10_000)}` });
    expect(refusal?.client.length).toBeLessThan(60);
    expect(refusal?.pathPrefix).toBe("/");
  });
});

describe("groups", () => {
  it("are of the same app, reason, program and beginning of a path", () => {
    const groups = new RefusalGroups(5 * MINUTE_MS);
    const variants: object[] = [
      {},
      { path: "/icons/example.org/icon.png" },
      { client: ANDROID.replace("Pixel 9", "Pixel 8").replace("2026.9.0", "2026.8.1") },
      { app: "other.example.com" },
      { reason: "unknown-device" },
      { path: "/api/sync" },
      { client: "curl/8.5.0" },
      { client: null },
    ];
    for (const variant of variants) groups.add(refusalIn(variant), 0);
    const [first, ...rest] = groups.list(0);
    expect(first).toEqual({
      app: "vault.example.com",
      reason: "no-certificate",
      pathPrefix: "/icons",
      client: "Bitwarden Android icons",
      count: 3,
      firstAt: 0,
      lastAt: 0,
    });
    expect(rest.map(({ count, client }) => `${count} ${client}`)).toEqual([
      "1 Bitwarden Android icons",
      "1 Bitwarden Android icons",
      "1 Bitwarden Android",
      "1 curl icons",
      "1 no name given icons",
    ]);
  });

  it("count what came within the window", () => {
    const groups = new RefusalGroups(5 * MINUTE_MS);
    for (let minute = 0; minute < 8; minute++) groups.add(REFUSAL, minute * MINUTE_MS);
    expect(groups.list(7 * MINUTE_MS)).toMatchObject([
      { count: 5, firstAt: 3 * MINUTE_MS, lastAt: 7 * MINUTE_MS },
    ]);
    expect(groups.list(11 * MINUTE_MS)).toMatchObject([{ count: 1 }]);
    expect(groups.list(12 * MINUTE_MS)).toEqual([]);
    expect(groups.add(REFUSAL, 13 * MINUTE_MS)).toMatchObject({ count: 1, firstAt: 13 * MINUTE_MS });
  });

  it("are news when they begin, when they have grown tenfold, and once a window while they go on", () => {
    const groups = new RefusalGroups(5 * MINUTE_MS);
    const told: string[] = [];
    for (let second = 0; second <= 900; second++) {
      const news = groups.add(REFUSAL, second * 1000);
      if (news !== undefined) told.push(`${second} s: ${news.count}`);
    }
    expect(told).toEqual(["0 s: 1", "9 s: 10", "99 s: 100", "399 s: 300", "699 s: 300"]);
  });

  it("stay few and small under a flood, and lose no count", () => {
    const groups = new RefusalGroups(5 * MINUTE_MS);
    groups.add(REFUSAL, 0);
    let told = 0;
    for (let i = 0; i < 300_000; i++) {
      const flood = refusalIn({ app: `a${i}.example.com`, path: `/p${i % 977}`, client: `bot-${i}/1` });
      if (groups.add(flood, i) !== undefined) told += 1;
      if (i % 3 === 0) groups.add(REFUSAL, i);
    }
    const list = groups.list(299_999);
    expect(list.length).toBeLessThanOrEqual(2_001);
    expect(told).toBeLessThan(2_100);
    expect(list.reduce((sum, { count }) => sum + count, 0)).toBe(400_001);
    expect(list[0]).toMatchObject({ client: "other programs", reason: "various" });
    expect(list[1]).toMatchObject({ client: "Bitwarden Android icons", count: 100_001 });
    // The room is free again when the flood is over.
    expect(groups.list(10 * MINUTE_MS)).toEqual([]);
  });

  it("take many at a time", () => {
    const groups = new RefusalGroups(5 * MINUTE_MS);
    groups.add(REFUSAL, 0);
    expect(groups.add({ ...REFUSAL, count: 5_000 }, 10_000)).toMatchObject({ count: 5_001 });
    expect(groups.list(10_000)).toMatchObject([{ count: 5_001 }]);
  });

  it("survive a clock that is set back", () => {
    const groups = new RefusalGroups(5 * MINUTE_MS);
    groups.add(REFUSAL, 60 * MINUTE_MS);
    groups.add(REFUSAL, 1 * MINUTE_MS);
    expect(groups.list(1 * MINUTE_MS)).toMatchObject([{ count: 2 }]);
  });
});

describe("a program's name", () => {
  it.each([
    [ANDROID, "Bitwarden Android"],
    ["Bitwarden_Mobile/2026.9.0 (release/standard) (iOS 19.0; Model iPhone17,1)", "Bitwarden iOS"],
    ["Bitwarden/2026.9.0 CFNetwork/1494.0.7 Darwin/23.4.0", "Bitwarden macOS"],
    ["Bitwarden_CLI/2026.9.0 (LINUX)", "Bitwarden command line Linux"],
    [
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Bitwarden/2026.9.0 Chrome/130.0 Electron/33.2.1 Safari/537.36",
      "Bitwarden desktop Linux",
    ],
    ["Dalvik/2.1.0 (Linux; U; Android 16; Pixel 9 Build/BP1A)", "an app Android"],
    ["Home Assistant/2026.11.1-17560 (Android 16; Pixel 9)", "Home Assistant Android"],
    ["Home Assistant/2026.11 (io.robbie.HomeAssistant; build:2026.1; iOS 19.0.0)", "Home Assistant iOS"],
    ["immich-android/2.1.0", "Immich Android"],
    ["Dart/3.9 (dart:io)", "an app in Flutter"],
    ["Mozilla/5.0 (Android) Nextcloud-android/3.33.0", "Nextcloud Android"],
    ["Mozilla/5.0 (Linux) mirall/4.0.0 (Nextcloud, debian)", "Nextcloud desktop Linux"],
    ["DAVx5/4.5-ose (dav4jvm; okhttp/5.1.0) Android/16", "DAVx5 Android"],
    ["okhttp/5.1.0", "an Android app (okhttp)"],
    ["ntfy/1.17.0 (play; Android 16; SDK 36)", "ntfy Android"],
    ["Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Linux"],
    [
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0",
      "Edge on Windows",
    ],
    [
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile/15E148 Safari/604.1",
      "Safari on iOS",
    ],
    ["curl/8.5.0", "curl"],
    ["rclone/v1.71.0", "rclone"],
    ["(nothing)", "unknown"],
    ["x".repeat(200), `${"x".repeat(40)}…`],
    ["", "no name given"],
    [null, "no name given"],
  ])("of %j is %s", (userAgent, name) => expect(clientName(userAgent)).toBe(name));
});

describe("a path", () => {
  it.each([
    ["/", "/", undefined],
    ["/icons/github.com/icon.png", "/icons", "icons"],
    ["/api/ciphers/0a7b5d4e-1111-2222-3333-444455556666/details", "/api/ciphers", undefined],
    ["/identity/connect/token", "/identity/connect", "sign-in"],
    ["/notifications/hub", "/notifications/hub", "notifications"],
    ["/notifications/anonymous-hub/negotiate", "/notifications/anonymous-hub", "notifications"],
    ["/attachments/0a7b5d4e-1111-2222-3333-444455556666/abc", "/attachments", "attachments"],
    ["/webauthn-mobile-connector.html", "/webauthn-mobile-connector.html", "connector page"],
    ["/remote.php/dav/files/alice/x", "/remote.php/dav", undefined],
    ["/12345/x", "/", undefined],
    ["/api/…/x", "/api", undefined],
    [`/s/${"a".repeat(41)}`, "/s", undefined],
    ["//x//y", "/x", undefined],
    ["no slash", "/", undefined],
  ])("%s begins with %s", (path, prefix, part) => {
    expect([pathPrefix(path), clientPart(path)]).toEqual([prefix, part]);
  });
});

describe("what looks random in a path", () => {
  it.each([
    // Home Assistant, Nextcloud, Vaultwarden, ntfy, Immich, Jellyfin.
    ["/api/webhook/3f2a9c1b7d8e4f60a1b2c3d4e5f60718", "/api/webhook/…"],
    ["/api/webhook/my-automation", "/api/webhook/my-automation"],
    ["/s/gT6PzQ8wLmXyEwA", "/s/…"],
    ["/api/sends/access/rXhWqYQ5nESBpLQqARkJ3A", "/api/sends/access/…"],
    ["/x7f3kq92/json", "/…/json"],
    ["/share/aGVsbG8gd29ybGQgZm9v", "/share/…"],
    ["/api/ciphers/0a7b5d4e-1111-2222-3333-444455556666/details", "/api/ciphers/…/details"],
    [`/a/${"word-".repeat(10)}`, "/a/…"],
    ["/identity/connect/token", "/identity/connect/token"],
    ["/webauthn-mobile-connector.html", "/webauthn-mobile-connector.html"],
    ["/remote.php/dav/files/alice/Documents", "/remote.php/dav/files/alice/Documents"],
    ["/api/accounts/revision-date", "/api/accounts/revision-date"],
    ["/notifications/anonymous-hub/negotiate", "/notifications/anonymous-hub/negotiate"],
    ["/System/Info/Public", "/System/Info/Public"],
    ["/12345/x", "/12345/x"],
    ["/", "/"],
    ["", ""],
  ])("is left out of %s", (path, shown) => expect(withoutSecrets(path)).toBe(shown));
});
