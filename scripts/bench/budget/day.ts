// A day of a household's traffic. Times are milliseconds since the epoch.
import { seeded } from "./random.ts";
import type { Cost } from "./strangers.ts";

export interface DayEvent {
  at: number;
  /** The isolate that receives it: a connection stays with one. */
  isolate: number;
  who: "device" | "scanner" | "stranger";
  /** Which device, for `device`. */
  device: number;
  app: string;
  country: string;
}

export interface DayScenario {
  name: string;
  seed: number;
  users: number;
  devices: number;
  /** How many of the devices are signed-in browsers; the others show a certificate. */
  browsers: number;
  isolates: number;
  delayMs: number;
  events: DayEvent[];
}

export type DayResult = Cost & { allowed: number };

export interface DayOptions {
  devices: number;
  /** Requests of the devices, in all. */
  requests: number;
  isolates: number;
  /** Requests without a certificate. */
  scanner: number;
  /** Requests with a verified certificate that nobody enrolled. */
  stranger: number;
  seed: number;
}

const APPS = ["vault.example.com", "photos.example.com", "home.example.com"];
const START = Date.UTC(2026, 10, 24);
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const SECOND_MS = 1_000;

/**
 * What devices do, with its share of the requests. A phone synchronises in bursts all day, with several apps in turn; a
 * browser's session lasts for a while, with a WebSocket (one request) and a call now and then; a nightly backup of photos
 * is one long burst.
 */
const HABITS = [
  { share: 0.55, lengthMs: 10 * SECOND_MS, requests: 15, apps: 2 },
  { share: 0.3, lengthMs: 40 * MINUTE_MS, requests: 300, apps: 1 },
  { share: 0.15, lengthMs: 10 * MINUTE_MS, requests: 600, apps: 1 },
] as const;

/** The events of one day in chronological order; the same for the same options. */
export function makeDay(options: DayOptions): DayEvent[] {
  const random = seeded(options.seed);
  const whole = (below: number) => Math.floor(random() * below);
  const events: DayEvent[] = [];
  const add = (who: DayEvent["who"], at: number, isolate: number, device: number, app: string) =>
    events.push({ at: START + Math.floor(at), isolate, who, device, app, country: "CH" });

  for (const { share, lengthMs, requests, apps } of HABITS) {
    let left = Math.round(options.requests * share);
    while (left > 0) {
      const device = whole(options.devices);
      const begin = random() * (DAY_MS - lengthMs);
      // One connection per app, each to an isolate of its own.
      const connections = Array.from(
        { length: apps },
        () => [whole(options.isolates), whole(APPS.length)] as const,
      );
      for (let index = 0; index < Math.min(requests, left); index++) {
        const [isolate, app] = connections[index % apps] ?? [0, 0];
        add("device", begin + random() * lengthMs, isolate, device, APPS[app] ?? "");
      }
      left -= requests;
    }
  }
  for (let index = 0; index < options.scanner; index++) {
    add("scanner", random() * DAY_MS, whole(options.isolates), 0, APPS[0] ?? "");
  }
  // One that tries for hours, at one isolate.
  const begin = random() * (DAY_MS / 2);
  for (let index = 0; index < options.stranger; index++) {
    add("stranger", begin + random() * (DAY_MS / 8), 0, 0, APPS[0] ?? "");
  }
  return events.sort((a, b) => a.at - b.at);
}
