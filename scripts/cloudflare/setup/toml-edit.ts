// Edits of `wrangler.toml` that leave every other byte as it is. The parser says where things stand; what
// is inserted is read again and compared, so that an edit never says anything else than was meant.
import { isDeepStrictEqual } from "node:util";
import { type AST, parseTOML } from "toml-eslint-parser";
import type { ProfileSetting } from "../../../src/contract/app-settings.ts";
import { failed } from "../../terminal/failure.ts";
import { parseWranglerToml } from "../client/wrangler-toml.ts";
import type { Openings } from "./apps.ts";

export interface TomlRoute {
  pattern: string;
  zone_name: string;
}

/** Gives a host its entry in `APPS`, or its entry another profile; its other settings stay. */
export function withApp(text: string, host: string, profile: ProfileSetting): string {
  const own = appsOf(text)[host];
  if (own !== undefined && (own.profile ?? "web") === profile) return text;
  return withSetting(text, host, "profile", profile);
}

/** Lets more of a host through without a credential; what passes already still does. */
export function withOpenings(text: string, host: string, { paths, preflight }: Openings): string {
  const { public: open = [] } = appsOf(text)[host] ?? {};
  const all = [...new Set([...(Array.isArray(open) ? open : []), ...paths])];
  const opened = paths.length === 0 ? text : withSetting(text, host, "public", all);
  return preflight ? withSetting(opened, host, "preflight", true) : opened;
}

/** Lets people sign in to an app with the identity provider. */
export function withSignInApp(text: string, host: string): string {
  return appsOf(text)[host]?.signIn === true ? text : withSetting(text, host, "signIn", true);
}

/** Gives `[vars.SIGN_IN]` these settings; its others stay. */
export function withSignIn(text: string, settings: Readonly<Record<string, Setting>>): string {
  const before = varsOf(text).SIGN_IN ?? {};
  let [edited, after] = [text, before];
  for (const [key, value] of Object.entries(settings)) {
    if (isDeepStrictEqual(before[key], value)) continue;
    const [next, wanted] = [editTable(edited, ["vars", "SIGN_IN"], key, value), { ...after, [key]: value }];
    edited = checked(next, () => isDeepStrictEqual(varsOf(next).SIGN_IN, wanted), "SIGN_IN");
    after = wanted;
  }
  return edited;
}

function withSetting(text: string, host: string, key: string, value: Setting): string {
  const before = appsOf(text);
  const after = { ...before, [host]: { ...before[host], [key]: value } };
  const edited = editTable(text, ["vars", "APPS", host], key, value);
  return checked(edited, () => isDeepStrictEqual(appsOf(edited), after), `APPS."${host}"`);
}

/** Settings that stand above the others of their table. */
const LEADING = ["profile", "issuer", "clientId"];

function editTable(text: string, path: readonly string[], key: string, value: Setting): string {
  const line = `${key} = ${tomlOf(value)}`;
  const own = tableIn(text, path);
  if (own !== undefined) {
    const there = own.body.find((pair) => isKey(pair, key));
    if (there !== undefined) return replace(text, there.value.range, tomlOf(value));
    const above = own.body.findLast((pair) => LEADING.some((name) => isKey(pair, name))) ?? own.key;
    return insert(text, lineEnd(text, above.range[1]), `\n${line}`);
  }
  const neighbour = tablesIn(text).findLast(({ resolvedKey }) => resolvedKey[0] === "vars");
  const block = `[${path.map(keyOf).join(".")}]\n${line}`;
  if (neighbour === undefined) return `${text.trimEnd()}\n\n${block}\n`;
  return insert(text, lineEnd(text, neighbour.range[1]), `\n\n${block}`);
}

/** JSON's strings and booleans are TOML's, too. */
function tomlOf(value: Setting): string {
  if (Array.isArray(value)) return `[${value.map((each) => JSON.stringify(each)).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const pairs = Object.entries(value).map(([key, each]) => `${keyOf(key)} = ${JSON.stringify(each)}`);
  return pairs.length === 0 ? "{}" : `{ ${pairs.join(", ")} }`;
}

const keyOf = (key: string) => (/^[A-Za-z_][\w-]*$/.test(key) ? key : JSON.stringify(key));

/** Names the admin host, in `[vars]`. */
export function withAdminHost(text: string, host: string): string {
  const before = varsOf(text);
  if (before.ADMIN_HOST === host) return text;
  const edited = editAdminHost(text, JSON.stringify(host));
  const after = { ...before, ADMIN_HOST: host };
  return checked(edited, () => isDeepStrictEqual(varsOf(edited), after), "ADMIN_HOST");
}

/** Takes the line away: the API is on the apps' hosts then, and there are no pages. */
export function withoutAdminHost(text: string): string {
  const { ADMIN_HOST: before, ...after } = varsOf(text);
  if (before === undefined) return text;
  const vars = tableIn(text, ["vars"]);
  const written = vars?.body.find((pair) => isKey(pair, "ADMIN_HOST"));
  if (written === undefined) throw unsupported("ADMIN_HOST");
  const from = text.lastIndexOf("\n", written.range[0]) + 1;
  const edited = replace(text, [from, Math.min(lineEnd(text, written.range[1]) + 1, text.length)], "");
  return checked(edited, () => isDeepStrictEqual(varsOf(edited), after), "ADMIN_HOST");
}

function editAdminHost(text: string, value: string): string {
  const line = `ADMIN_HOST = ${value}`;
  const vars = tableIn(text, ["vars"]);
  if (vars === undefined) return `${text.trimEnd()}\n\n[vars]\n${line}\n`;
  const written = vars.body.find((pair) => isKey(pair, "ADMIN_HOST"));
  if (written !== undefined) return replace(text, written.value.range, value);
  const above = vars.body.at(-1) ?? vars.key;
  return insert(text, lineEnd(text, above.range[1]), `\n${line}`);
}

/** Adds the routes that are missing; those that are there stay as they are, other people's too. */
export function withRoutes(text: string, routes: readonly TomlRoute[]): string {
  const before = routesOf(text);
  const missing = routes.filter(({ pattern }) => !before.some((route) => patternOf(route) === pattern));
  if (missing.length === 0) return text;
  const edited = editRoutes(text, missing);
  return checked(edited, () => isDeepStrictEqual(routesOf(edited), [...before, ...missing]), "routes");
}

function editRoutes(text: string, missing: readonly TomlRoute[]): string {
  const elements = missing.map(
    ({ pattern, zone_name }) =>
      `{ pattern = ${JSON.stringify(pattern)}, zone_name = ${JSON.stringify(zone_name)} }`,
  );
  const lines = elements.map((element) => `  ${element},\n`).join("");
  const top = topOf(text);
  const written = top.body.find((node) => node.type === "TOMLKeyValue" && isKey(node, "routes"));
  if (written?.type !== "TOMLKeyValue") {
    const at = beforeFirstTable(text, top);
    return insert(text, at, `routes = [\n${lines}]\n\n`);
  }
  const { value } = written;
  if (value.type !== "TOMLArray") return text;
  const last = value.elements.at(-1);
  if (last === undefined) return replace(text, value.range, `[\n${lines}]`);
  const close = value.range[1] - 1;
  const hasComma = text
    .slice(last.range[1], close)
    .replace(/#[^\n]*/g, "")
    .includes(",");
  const isOneLine = !text.slice(value.range[0], close).includes("\n");
  if (isOneLine) return insert(text, last.range[1], `, ${elements.join(", ")}`);
  const bracketLine = text.lastIndexOf("\n", close) + 1;
  const added = insert(text, Math.max(bracketLine, last.range[1]), lines);
  return hasComma ? added : insert(added, last.range[1], ",");
}

/** Above the first table and the comment that belongs to it: below, it would be a setting of a table. */
function beforeFirstTable(text: string, top: AST.TOMLTopLevelTable): number {
  const table = top.body.find((node) => node.type === "TOMLTable");
  if (table === undefined) return text.length;
  let at = text.lastIndexOf("\n", table.range[0] - 1) + 1;
  for (;;) {
    const above = text.lastIndexOf("\n", at - 2) + 1;
    if (at === 0 || !text.slice(above, at).startsWith("#")) return at;
    at = above;
  }
}

function topOf(text: string): AST.TOMLTopLevelTable {
  return parseTOML(text).body[0];
}

const tablesIn = (text: string) => topOf(text).body.filter((node) => node.type === "TOMLTable");
const tableIn = (text: string, key: readonly string[]) =>
  tablesIn(text).find(({ resolvedKey }) => isDeepStrictEqual(resolvedKey, key));

function isKey(pair: AST.TOMLKeyValue, name: string): boolean {
  const [key, ...more] = pair.key.keys;
  return more.length === 0 && (key?.type === "TOMLBare" ? key.name : key?.value) === name;
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end === -1 ? text.length : end;
}

const insert = (text: string, at: number, what: string) => `${text.slice(0, at)}${what}${text.slice(at)}`;
const replace = (text: string, [from, to]: readonly [number, number], what: string) =>
  `${text.slice(0, from)}${what}${text.slice(to)}`;

function checked(edited: string, holds: () => boolean, what: string): string {
  let isRight: boolean;
  try {
    isRight = holds();
  } catch {
    isRight = false;
  }
  if (isRight) return edited;
  throw unsupported(what);
}

function unsupported(what: string) {
  return failed(
    `wrangler.toml is written in a form that setup does not edit (${what})`,
    "write it by hand as in docs/configuration.md, then run setup again: it finds it there",
  );
}

type Settings = Readonly<Record<string, unknown>>;
type Setting = string | boolean | readonly string[] | Readonly<Record<string, string>>;

function varsOf(text: string): {
  APPS?: Record<string, Settings>;
  SIGN_IN?: Settings;
  ADMIN_HOST?: unknown;
} {
  return (parseWranglerToml(text) as { vars?: ReturnType<typeof varsOf> }).vars ?? {};
}

function appsOf(text: string): Record<string, Settings> {
  return varsOf(text).APPS ?? {};
}

/** `route` and `routes` exclude each other (wrangler), so the single form cannot be added to. */
function routesOf(text: string): unknown[] {
  const { routes = [], route } = parseWranglerToml(text);
  if (route !== undefined || !Array.isArray(routes)) throw unsupported("routes");
  return routes;
}

/** The patterns of the file's routes, in its order. */
export function routePatterns(text: string): string[] {
  return routesOf(text)
    .map(patternOf)
    .filter((pattern) => typeof pattern === "string");
}

/** Whether the file names an admin host, for Cloudflare or for the local edge. */
export function hasAdminHost(text: string): boolean {
  return varsOf(text).ADMIN_HOST !== undefined;
}

/** A route is written as its pattern, or as a table that has one. */
export function patternOf(route: unknown): unknown {
  return typeof route === "object" && route !== null && "pattern" in route ? route.pattern : route;
}
