// The options that limit a device, and how limits are shown.
import type { Command } from "commander";
import type { Device, Me } from "../../../src/contract/answers.ts";
import { nearest } from "../../../src/domain/general/nearest.ts";
import { isCountry } from "../../../src/domain/request/country.ts";
import type { Api } from "../../client/api.ts";
import { failed, misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";
import { timeWithHint } from "../../terminal/time.ts";
import { appOption } from "./arguments.ts";
import { untilOption } from "./until.ts";

export interface LimitOptions {
  app?: string[];
  country?: string[];
  until?: string;
}

/** `--app`, `--country` and `--until`. */
export function limitOptions(command: Command): Command {
  return command
    .option("--app <host>", "it can use only this app; may be repeated", collect)
    .option("--country <code>", "it is let in only from this country, such as CH; may be repeated", collect)
    .option("--until <time>", "it is let in until then, such as 2026-12-24, sunday or 30d");
}

/** For an option that may be repeated, or be given several values separated by commas. */
export function collect(text: string, before: string[] = []): string[] {
  return [...before, ...text.split(",").map((each) => each.trim())];
}

/** The given limits, as the API takes them. */
export interface GivenLimits {
  apps?: string[];
  countries?: string[];
  expiresAt?: string;
}

/** Reads the options, before anything is sent. */
export function limitsFrom({ app, country, until }: LimitOptions, now: number): GivenLimits {
  return {
    ...(app === undefined ? {} : { apps: distinct(app.map(appOption)) }),
    ...(country === undefined ? {} : { countries: distinct(country.map(countryOption)) }),
    ...(until === undefined ? {} : { expiresAt: new Date(untilOption(until, now)).toISOString() }),
  };
}

function distinct(words: readonly string[]): string[] {
  return [...new Set(words)];
}

function countryOption(text: string): string {
  const code = text.toUpperCase();
  if (isCountry(code)) return code;
  throw misuse(
    `--country '${printable(text)}' is not a country's code`,
    "give its two letters (ISO 3166-1), such as CH, DE or GB",
  );
}

/** Fails for an app that is not behind the gate. The API would refuse it too, but later, and without a suggestion. */
export async function requireApps(api: Api, wanted: readonly string[] | undefined): Promise<void> {
  if (wanted !== undefined) requireAmong((await api.me()).apps, wanted);
}

/** The same where `APPS` has been read. */
export function requireAmong(apps: Me["apps"], wanted: readonly string[]): void {
  const hosts = apps.map(({ host }) => host);
  const unknown = hosts.includes("*") ? undefined : wanted.find((host) => !hosts.includes(host));
  if (unknown === undefined) return;
  const [near] = nearest(unknown, hosts);
  throw failed(
    `${printable(unknown)} is not an app behind this gate`,
    near === undefined ? "name one of these apps" : `did you mean ${printable(near)}`,
    near === undefined ? hosts.map(printable) : [],
  );
}

/** The limits of a device, or those that an invitation gives it. */
type Limits = Pick<Device, "apps" | "countries" | "expiresAt"> & Partial<Pick<Device, "paths">>;

/** Each limit in words, even if there is none. */
export function limitFacts({ apps, countries, expiresAt, paths }: Limits, now: number): [string, string][] {
  return [
    ["apps", apps === null ? "every app" : list(apps)],
    ["countries", countries === null ? "anywhere" : list(countries)],
    ["ends", expiresAt === null ? "never" : timeWithHint(expiresAt, now)],
    ...(paths === undefined || paths === null ? [] : [["paths", list(paths)] satisfies [string, string]]),
  ];
}

/** `, only at photos.example.com, only from CH, until 2026-12-24 18:00 (in 25 days)`; empty if nothing is limited. */
export function limitWords({ apps, countries, expiresAt }: Limits, now: number): string {
  return [
    ...(apps === null ? [] : [`, only at ${list(apps, " and ")}`]),
    ...(countries === null ? [] : [`, only from ${list(countries, " and ")}`]),
    ...(expiresAt === null ? [] : [`, until ${timeWithHint(expiresAt, now)}`]),
  ].join("");
}

function list(words: readonly string[], last = ", "): string {
  const shown = words.map(printable);
  return [shown.slice(0, -1).join(", "), ...shown.slice(-1)].filter((part) => part !== "").join(last);
}
