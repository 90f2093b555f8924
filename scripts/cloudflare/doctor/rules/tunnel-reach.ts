// Which names lead through a tunnel to which service.
import type { Reading } from "../check.ts";

/** A DNS record. */
interface Named {
  name: string;
  type: string;
  content: string;
}

/** An ingress rule of a tunnel: which requests go to which service. */
export interface IngressRule {
  /** `undefined`: every name. */
  hostname: string | undefined;
  /** A regular expression; `undefined`: every path. */
  path: string | undefined;
  /** `http://localhost:8080` */
  service: string;
  /** The `Host` header sent to the service, where the rule sets one. */
  hostHeader: string | undefined;
}

export interface Tunnel {
  id: string;
  name: string;
  /** From the first to the last: the first that matches counts. */
  ingress: Reading<readonly IngressRule[]>;
}

/** Where a name leads: to a tunnel of this id, or to something else. */
export type Target = { tunnel: string } | { other: string } | undefined;

/** A CNAME may lead to another name of the zone; more steps than this are a loop. */
const MAX_STEPS = 8;
const TUNNEL = /^([0-9a-f-]{36})\.cfargotunnel\.com$/;

/** Follows the records of a name within the zones that were read; `undefined` without a record. */
export function targetOf(records: readonly Named[], name: string): Target {
  let wanted = name;
  let other: Target;
  for (let step = 0; step < MAX_STEPS; step++) {
    const [record] = recordsOf(records, wanted);
    if (record === undefined) return other;
    const { type, content } = record;
    const tunnel = TUNNEL.exec(content)?.[1];
    if (tunnel !== undefined) return { tunnel };
    other = { other: content };
    if (type !== "CNAME") return other;
    wanted = content;
  }
  return other;
}

/** Its own records, else those of the nearest wildcard (RFC 4592). */
export function recordsOf<T extends { name: string }>(records: readonly T[], host: string): T[] {
  for (let name = host; name.includes("."); name = `*.${name.replace(/^\*\./, "").replace(/^[^.]*\./, "")}`) {
    const found = records.filter((record) => record.name === name);
    if (found.length > 0) return found;
    if (name === `*.${host.split(".").at(-1)}`) break;
  }
  return [];
}

/**
 * The rules by which a tunnel answers a name, or any name that a wildcard stands for: from the top, the
 * first without a path is the last that counts. `*.example.com` takes names of any depth, as cloudflared
 * does.
 */
export function rulesFor(ingress: readonly IngressRule[], name: string): IngressRule[] {
  const matching = ingress.filter(({ hostname }) => takes(hostname, name));
  const end = matching.findIndex(({ path }) => path === undefined);
  return end < 0 ? matching : matching.slice(0, end + 1);
}

function takes(hostname: string | undefined, name: string): boolean {
  if (hostname === undefined || hostname === "*" || hostname === name) return true;
  return hostname.startsWith("*.") && name.endsWith(hostname.slice(1));
}

/** Services of cloudflared's own, behind which there is no app. */
export function isApp({ service }: IngressRule): boolean {
  return !/^(http_status:|hello_world$|hello-world$)/.test(service);
}

/** Every name that could lead to the tunnel: those of its rules, and those of the records that point to it. */
export function namesOf({ id, ingress }: Tunnel, records: readonly Named[]): string[] {
  const named = ingress.known ? ingress.value.flatMap(({ hostname }) => hostname ?? []) : [];
  const pointing = records.flatMap(({ name }) => (leadsTo(records, name, id) ? [name] : []));
  return [...new Set([...named.filter((name) => name !== "*"), ...pointing])];
}

export function leadsTo(records: readonly Named[], name: string, tunnel: string): boolean {
  const target = targetOf(records, name);
  return target !== undefined && "tunnel" in target && target.tunnel === tunnel;
}

/** The same for each way of writing the same service: `http://localhost`, `http://127.0.0.1:80/`. */
export function serviceKey(service: string): string {
  const url = URL.parse(service);
  if (url === null || url.host === "") return service;
  const host = /^(localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1?\])$/.test(url.hostname)
    ? "localhost"
    : url.hostname;
  return `${url.protocol}//${host}:${url.port || { "http:": "80", "https:": "443" }[url.protocol] || ""}`;
}
