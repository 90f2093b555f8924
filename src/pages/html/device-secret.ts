// A device's new secret, as it is shown once: to be read by a camera, copied, or pasted into what will send it.
import type { Device } from "../../contract/answers.ts";
import { type Html, html } from "./html.ts";
import { qrCode } from "./qr-code.ts";
import { onDate } from "./times.ts";

interface Shown {
  /** The page's own address: the apps are at the same port. */
  url: URL;
  /** Milliseconds since the epoch. */
  now: number;
  timeZone: string;
}

export function secretView(device: Device, token: string, shown: Shown): Html {
  const { apps, credentials } = device;
  const hosts = apps ?? [];
  const end = credentials.at(-1)?.notAfter ?? null;
  return html`${device.kind === "feed" ? feedView(device, hosts, token, shown) : tokenView(hosts, token, shown)}
${end === null ? "" : html`<p>It is valid until ${onDate(end, shown.now, shown.timeZone)}.</p>`}`;
}

function tokenView(hosts: readonly string[], token: string, { url }: Shown): Html {
  return html`${copied("secret", "Token", token)}
${picture(token, "the token")}
<p>The device sends it as a header, to ${hosts.join(", ")} only:</p>
${copied("header", "Header", `X-Latchkey-Token: ${token}`)}
${hosts.map((host) => html`<section><h2>${host}</h2><pre class="long">curl -H 'X-Latchkey-Token: ${token}' ${originOf(host, url)}/</pre></section>`)}`;
}

/** An address for each path; of a whole folder, what to add to an address. */
function feedView({ paths }: Device, hosts: readonly string[], secret: string, { url }: Shown): Html {
  const query = `?latchkey=${secret}`;
  const whole = (paths ?? []).filter((path) => !path.endsWith("/*"));
  const addresses = hosts.flatMap((host) => whole.map((path) => `${originOf(host, url)}${path}${query}`));
  const [only] = addresses;
  return html`${addresses.map((address, index) => copied(`address-${index}`, addresses.length === 1 ? "Feed URL" : `Feed URL ${index + 1}`, address))}
${addresses.length === 1 && only !== undefined ? picture(only, "the feed URL") : ""}
${(paths ?? []).length === whole.length ? "" : copied("query", "Add this to the end of any address that it may read", query)}
<p class="hint">Whoever has this can read ${(paths ?? []).join(", ")} on ${hosts.join(", ")}. If an address has a question mark already, add <code>&amp;latchkey=…</code> instead.</p>`;
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
