import { describe, expect, it } from "vitest";
import { deviceName } from "../../../../src/domain/request/client-name.ts";

const WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)";

describe("the name that a device is proposed", () => {
  it.each([
    [
      `Mozilla/5.0 (Linux; Android 10; K) ${WEBKIT} Chrome/142.0.0.0 Mobile Safari/537.36`,
      "Chrome on Android",
    ],
    [`Mozilla/5.0 (Linux; Android 16; Pixel 9) ${WEBKIT} Chrome/142.0 Mobile Safari/537.36`, "Pixel 9"],
    [
      `Mozilla/5.0 (Linux; Android 14; SM-S921B Build/UP1A.231005.007; wv) ${WEBKIT} Version/4.0 Chrome/142.0`,
      "SM-S921B",
    ],
    ["Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0", "Firefox on Android"],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1", "iPhone"],
    ["Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1", "iPad"],
    [
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
      "Firefox on Windows",
    ],
    ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.1 Safari/605.1.15", "Safari on macOS"],
    ["curl/8.5.0", ""],
    ["", ""],
    [null, ""],
  ])("%s: %s", (userAgent, name) => expect(deviceName(userAgent)).toBe(name));
});
