// A device's new secret, shown only once: to scan, to copy, or to paste into the program that will send it.

import type { Apps } from "../../api/handler.ts";
import type { Device } from "../../contract/answers.ts";
import { isAppName } from "../../domain/apps/names.ts";
import { type Recipe, recipesFor, TOKEN_HEADER } from "../../domain/apps/recipes.ts";
import { CREDENTIAL_WORDS } from "../../domain/credential-key.ts";

import { type Html, html } from "./html.ts";
import { qrCode } from "./qr-code.ts";
import { onDate } from "./times.ts";
import { capital } from "./words.ts";

interface Shown {
  apps: Pick<Apps, "profiles">;
  /** The page's own address: the apps are at the same port. */
  url: URL;
  /** Milliseconds since the epoch. */
  now: number;
  timeZone: string;
}

export function secretView(device: Device, token: string, shown: Shown): Html {
  const { apps } = device;
  const hosts = apps ?? [];
  return html`${validity(device, shown)}
${device.kind === "feed" ? feedView(device, hosts, token, shown) : tokenView(hosts, token, shown)}`;
}

/** Until when the device is let in with it, and from where: until its own end, if that is earlier than the secret's. */
function validity({ credentials, expiresAt, countries, kind }: Device, { now, timeZone }: Shown): Html {
  const notAfter = credentials.at(-1)?.notAfter ?? null;
  const from = countries === null ? "" : `, only from ${countries.join(", ")}`;
  if (expiresAt !== null && (notAfter === null || Date.parse(expiresAt) < Date.parse(notAfter))) {
    return html`<p>The device is let in with it until ${onDate(expiresAt, now, timeZone)}${from}. The ${CREDENTIAL_WORDS[kind]} itself would be valid for longer.</p>`;
  }
  if (notAfter === null) return from === "" ? html`` : html`<p>It is valid${from}.</p>`;
  return html`<p>It is valid until ${onDate(notAfter, now, timeZone)}${from}.</p>`;
}

function tokenView(hosts: readonly string[], token: string, shown: Shown): Html {
  return html`${copied("secret", "Token", token)}
${picture(token, "the token")}
<p>The device sends it as a header, to ${hosts.join(" and ")} only:</p>
${copied("header", "Header", `${TOKEN_HEADER}: ${token}`)}
${hosts.map((host) => recipes(host, token, shown))}`;
}

/** What to enter in the programs that people use with the app on this host. The entry `*` comes last, for any other host. */
function recipes(host: string, token: string, { url, apps }: Shown): Html {
  const { app: name = "", basic = false } =
    apps.profiles.find((each) => each.host === host || each.host === "*") ?? {};
  const place = { url: originOf(host, url), token, basic };
  return html`<section><h2>On ${host}</h2>
${recipesFor(isAppName(name) ? name : undefined, place).map(recipe)}</section>`;
}

function recipe({ title, lines }: Recipe): Html {
  return html`<details><summary>${capital(title)}</summary><pre class="long">${lines.join("\n")}</pre></details>`;
}

/** A URL for each path; for a whole folder, what to add to a URL. */
function feedView({ paths }: Device, hosts: readonly string[], secret: string, { url }: Shown): Html {
  const query = `?latchkey=${secret}`;
  const whole = (paths ?? []).filter((path) => !path.endsWith("/*"));
  const addresses = hosts.flatMap((host) => whole.map((path) => `${originOf(host, url)}${path}${query}`));
  const [only] = addresses;
  return html`${addresses.map((address, index) => copied(`address-${index}`, addresses.length === 1 ? "Feed URL" : `Feed URL ${index + 1}`, address))}
${addresses.length === 1 && only !== undefined ? picture(only, "the feed URL") : ""}
${(paths ?? []).length === whole.length ? "" : copied("query", "Add this to the end of any URL that it can read", query)}
<p class="hint">Anyone who has this can read ${(paths ?? []).join(", ")} on ${hosts.join(", ")}. If a URL already has a question mark, add <code>&amp;latchkey=…</code> instead.</p>`;
}

/** `https://photos.example.com`, with the port that a local edge has. */
function originOf(host: string, url: URL): string {
  const origin = new URL(url);
  origin.hostname = host;
  return origin.origin;
}

function copied(id: string, label: string, text: string): Html {
  return html`<p><label for="${id}">${label}</label><textarea id="${id}" class="long" rows="3" readonly data-copy>${text}</textarea></p>`;
}

function picture(text: string, what: string): Html {
  return html`<div class="qr" role="img" aria-label="QR code of ${what}">${qrCode(text)}</div>`;
}
