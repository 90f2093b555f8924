import { beforeEach, describe, expect, it } from "vitest";
import { type Certificate, readCertificate } from "../../src/domain/request/certificate.ts";
import {
  COUNT_EVERY_MS,
  COUNTED_KINDS_MAX,
  FoldedLog,
  FULL_LINES_EACH,
  FULL_LINES_EVERY_MS,
  FULL_LINES_MAX,
} from "../../src/log.ts";
import { Visit } from "../../src/visit.ts";
import { tlsClientAuth } from "./fixtures.ts";

const START = Date.UTC(2026, 10, 26, 12);
const DAY_MS = 86_400_000;
const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

let now: number;
let lines: Record<string, unknown>[];
let log: FoldedLog;

beforeEach(() => {
  now = START;
  lines = [];
  log = new FoldedLog(
    (line) => lines.push(line),
    () => now,
  );
});

interface From {
  app?: string;
  agent?: string;
  path?: string;
  reason?: string;
  certificate?: Certificate;
}

function refuse({
  app = "app.example.com",
  agent = FIREFOX,
  path = "/x",
  reason = "no-certificate",
  certificate,
}: From = {}) {
  const request = new Request(`https://app.example.com${path}`, { headers: { "User-Agent": agent } });
  log.refusal(new Visit(request, app, { country: "CH" }, { waitUntil: () => {} }), reason, certificate);
}

const times = (count: number, act: (n: number) => void) => {
  for (let n = 0; n < count; n++) act(n);
};
const counted = () => lines.filter(({ event }) => event === "counted");
const full = () => lines.filter(({ event }) => event !== "counted");

describe("refusals of one kind", () => {
  it("are written in full at first, then counted, and the count comes with the next refusal after its time", () => {
    times(FULL_LINES_EACH + 120, () => refuse());
    expect(lines).toHaveLength(FULL_LINES_EACH);
    expect(lines[0]).toEqual({
      ...{ event: "refused", reason: "no-certificate", app: "app.example.com", method: "GET", path: "/x" },
      ...{ country: "CH", ray: null, client: FIREFOX, fingerprint: null },
    });
    now += COUNT_EVERY_MS - 1;
    refuse();
    expect(lines).toHaveLength(FULL_LINES_EACH);
    now += 1;
    refuse({ app: "other.example.com" });
    expect(counted()).toEqual([
      {
        ...{ event: "counted", of: "refused", reason: "no-certificate", app: "app.example.com" },
        ...{ program: "Firefox on Linux", count: 121, since: new Date(START).toISOString() },
      },
    ]);
    expect(lines.at(-1)).toMatchObject({ event: "refused", app: "other.example.com" });
  });

  it("are one line each ten seconds while a flood goes on, and lose no count", () => {
    let sent = 0;
    for (; now < START + FULL_LINES_EVERY_MS; now += 100) {
      refuse();
      sent += 1;
    }
    expect(full()).toHaveLength(FULL_LINES_EACH);
    expect(counted()).toHaveLength(FULL_LINES_EVERY_MS / COUNT_EVERY_MS - 1);
    refuse();
    const sum = counted().reduce((total, { count }) => total + Number(count), 0);
    expect(sum + FULL_LINES_EACH).toBe(sent);
    expect(full(), "and first lines again after ten minutes").toHaveLength(FULL_LINES_EACH + 1);
  });

  it("are counted each by itself when they come in turns", () => {
    const kinds: From[] = [{}, { app: "other.example.com" }, { reason: "country" }, { agent: "curl/8.5.0" }];
    for (let n = 0; n < 1_000; n++) for (const kind of kinds) times(1 + (n % 2), () => refuse(kind));
    now += COUNT_EVERY_MS;
    refuse();
    expect(counted().map(({ count }) => count)).toEqual(kinds.map(() => 1_500 - FULL_LINES_EACH));
  });

  it("have more added only where they are written in full", () => {
    const visit = new Visit(
      new Request("https://app.example.com/"),
      "app.example.com",
      {},
      { waitUntil: () => {} },
    );
    let asked = 0;
    const more = () => ({ token: "invalid", asked: ++asked });
    times(FULL_LINES_EACH + 100, () => log.refusal(visit, "no-certificate", undefined, "refused", more));
    expect(lines.map(({ asked }) => asked)).toEqual([1, 2, 3, 4, 5]);
    expect(asked).toBe(FULL_LINES_EACH);
  });

  it("by the gate are another kind than those on paths of Latchkey's own", () => {
    const request = new Request("https://app.example.com/");
    const visit = new Visit(request, "app.example.com", {}, { waitUntil: () => {} });
    for (const event of ["refused", "control-refused", "refused"] as const) {
      times(FULL_LINES_EACH, () => log.refusal(visit, "unknown-app", undefined, event));
    }
    expect(lines.map(({ event }) => event)).toEqual([
      ...Array(FULL_LINES_EACH).fill("refused"),
      ...Array(FULL_LINES_EACH).fill("control-refused"),
    ]);
  });

  it("are the same for versions of one program, and not for another host, reason or program", () => {
    times(FULL_LINES_EACH, (n) => refuse({ agent: FIREFOX.replaceAll("145.0", `${n}.0`) }));
    refuse({ agent: FIREFOX });
    expect(lines).toHaveLength(FULL_LINES_EACH);
    refuse({ app: "other.example.com" });
    refuse({ reason: "country" });
    refuse({ agent: "curl/8.5.0" });
    expect(lines).toHaveLength(FULL_LINES_EACH + 3);
  });
});

describe("a flood of different kinds", () => {
  it.each<[string, (n: number) => From]>([
    ["random programs", (n) => ({ agent: `bot-${n}/1` })],
    ["random hosts", (n) => ({ app: `a${n}.example.com` })],
    ["fifty programs in turns", (n) => ({ agent: `bot-${n % 50}/1` })],
    ["long names", (n) => ({ agent: `${n}${"x".repeat(10_000)}` })],
  ])("is bounded, and counted under a few: %s", (_, from) => {
    const perSecond = 10;
    const seconds = 1_200;
    times(seconds * perSecond, (n) => {
      now = START + (n / perSecond) * 1000;
      refuse(from(n));
    });
    now += COUNT_EVERY_MS;
    refuse();
    const sum = counted().reduce((total, { count }) => total + Number(count), 0) + full().length;
    expect(sum, "no refusal is lost").toBe(seconds * perSecond + 1);
    const most =
      Math.ceil((seconds * 1000) / FULL_LINES_EVERY_MS) * FULL_LINES_MAX +
      ((seconds * 1000) / COUNT_EVERY_MS) * (COUNTED_KINDS_MAX + 1);
    expect(lines.length).toBeLessThanOrEqual(most + COUNTED_KINDS_MAX + 2);
  });

  it("without a certificate hides no refusal of one that is verified", () => {
    times(10_000, (n) => refuse({ agent: `bot-${n}/1` }));
    const certificate = readCertificate(tlsClientAuth());
    lines.splice(0);
    times(FULL_LINES_EACH + 3, () => refuse({ reason: "device-revoked", certificate }));
    expect(full()).toHaveLength(FULL_LINES_EACH);
    now += COUNT_EVERY_MS;
    refuse({ agent: "bot-1/1" });
    expect(counted()).toContainEqual(expect.objectContaining({ reason: "device-revoked", count: 3 }));
  });

  it("uses up a quarter of a day's 200,000 events in one isolate at most", () => {
    const perDay =
      (DAY_MS / FULL_LINES_EVERY_MS) * FULL_LINES_MAX + (DAY_MS / COUNT_EVERY_MS) * (COUNTED_KINDS_MAX + 1);
    expect(perDay).toBeLessThan(200_000 / 3.9);
  });
});

describe("other lines that a stranger can bring about", () => {
  it("are folded by their event, app and reason", () => {
    times(100, (n) => log.line({ event: "wrong-credentials", app: "app.example.com", country: `${n}` }));
    times(3, () => log.line({ event: "error", message: "x", cause: null }));
    expect(lines).toHaveLength(FULL_LINES_EACH + 3);
    now += COUNT_EVERY_MS;
    log.line({ event: "error", message: "x", cause: null });
    expect(counted()).toEqual([
      {
        ...{ event: "counted", of: "wrong-credentials", app: "app.example.com" },
        ...{ count: 95, since: new Date(START).toISOString() },
      },
    ]);
  });
});

describe("the clock", () => {
  it("that is set back stops neither lines nor counts", () => {
    times(FULL_LINES_EACH + 7, () => refuse());
    now -= DAY_MS;
    refuse();
    expect(counted()).toMatchObject([{ count: 7 }]);
    expect(full()).toHaveLength(FULL_LINES_EACH + 1);
  });

  it("that fails keeps no line back", () => {
    log = new FoldedLog(
      (line) => lines.push(line),
      () => {
        throw new Error("no clock");
      },
    );
    times(20, () => refuse());
    expect(lines).toHaveLength(20);
  });
});

it("a path shows nothing that looks random", () => {
  refuse({ path: "/api/webhook/3f2a9c1b7d8e4f60a1b2c3d4e5f60718?token=x" });
  expect(lines[0]?.path).toBe("/api/webhook/…");
});
