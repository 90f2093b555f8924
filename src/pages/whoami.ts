// No I/O. No clock.
import { ENROL_PATH } from "../contract/paths.ts";
import { possessive } from "./device-view.ts";
import { type Html, html } from "./html/html.ts";
import { layout } from "./html/layout.ts";
import { onDate } from "./html/times.ts";

/** What a device with a verified certificate is told of itself: the same as `whoami` says as JSON. */
export interface Known {
  app: string;
  fingerprint: string;
  device: { user: string; name: string; status: string } | null;
  seenByCloudflare: {
    subject: string | null;
    issuer: string | null;
    serial: string | null;
    notBefore: string;
    notAfter: string;
    country: string | null;
  };
}

/** Whether this device is let in, why it is not, and what to do about it. */
export function whoamiPage(known: Known, now: number, timeZone: string): Html {
  const { app, fingerprint, device, seenByCloudflare: seen } = known;
  const isLetIn = device?.status === "active";
  const facts: [string, Html | string | null][] = [
    ["App", app],
    ["Country", seen.country],
    ["Certificate", seen.subject],
    ["Issuer", seen.issuer],
    ["Expires", onDate(seen.notAfter, now, timeZone)],
    ["Serial number", seen.serial === null ? null : html`<code class="long">${seen.serial}</code>`],
    ["Fingerprint", html`<code class="long">${fingerprint}</code>`],
  ];
  return layout(
    { title: isLetIn ? "This device is let in" : "This device is refused" },
    html`${verdict(device)}
<dl>${facts.map(([name, value]) => (value === null ? "" : html`<dt>${name}</dt><dd>${value}</dd>`))}</dl>`,
  );
}

function verdict(device: Known["device"]): Html {
  if (device === null) {
    return html`<p>Cloudflare verified its certificate, but no device is enrolled with it.</p>
<p>Open the link in your invitation, or type its code on <a href="${ENROL_PATH}">the enrolment page</a>. Without an invitation, send the fingerprint below to the person who runs this gate.</p>`;
  }
  const { user, name, status } = device;
  const who = html`This is <strong>${name}</strong>, one of <strong>${possessive(user)}</strong> devices.`;
  const next = NEXT[status];
  return html`<p>${who}${next === undefined ? "" : ` ${next}`}</p>${status === "active" ? html`<p><a class="button" href="/">Open the app</a></p>` : ""}`;
}

/** What a status means for whoever holds the device, and what to do. */
const NEXT: Partial<Record<string, string>> = {
  active: "Nothing more to do.",
  pending: "It is waiting for approval: ask the person who invited you.",
  suspended: "It is suspended: ask the person who runs this gate to let it back in.",
  lost: "It was reported lost. If you have found it, ask the person who runs this gate to let it back in.",
  revoked: "It was revoked for good. To use it again, ask the person who runs this gate to enrol it again.",
};
