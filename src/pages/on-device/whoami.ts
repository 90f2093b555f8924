// What a device with a verified certificate learns about itself: a page for a person's browser, JSON for programs.
import { ENROL_PATH } from "../../contract/paths.ts";
import type { Standing } from "../../domain/device.ts";
import type { VerifiedCertificate } from "../../domain/request/certificate.ts";
import type { Visit } from "../../visit.ts";
import { type Html, html, show } from "../html/html.ts";
import { layout } from "../html/layout.ts";
import { isForReading } from "../html/same-origin.ts";
import { knownTimeZone, onDate } from "../html/times.ts";
import { possessive } from "../html/words.ts";

type Visitor = ReturnType<typeof describe>;

export async function whoami(
  visit: Visit,
  certificate: VerifiedCertificate,
  standing: Standing,
  now: number,
): Promise<Response> {
  const { headers } = visit.request;
  const visitor = describe(visit, certificate, standing);
  const isPage = isForReading(headers) && (headers.get("accept") ?? "").includes("text/html");
  const response = isPage
    ? await show(page(visitor, now, knownTimeZone(visit.timeZone)))
    : new Response(`${JSON.stringify(visitor, null, 2)}\n`, {
        headers: { "Content-Type": "application/json", "Cache-Control": "no-store" },
      });
  return visit.method === "HEAD" ? new Response(null, response) : response;
}

/** The device itself, and what Cloudflare saw of it. */
function describe(
  { hostname, country }: Visit,
  { fingerprint, subject, issuer, serial, notBefore, notAfter }: VerifiedCertificate,
  standing: Standing,
) {
  const device =
    standing.kind === "device" ? { user: standing.user, name: standing.name, status: standing.status } : null;
  return {
    app: hostname,
    fingerprint,
    enrolled: device !== null,
    device,
    seenByCloudflare: {
      verified: true,
      subject,
      issuer,
      serial,
      notBefore: new Date(notBefore).toISOString(),
      notAfter: new Date(notAfter).toISOString(),
      country,
    },
  };
}

/** Whether this device is let in, why it is not, and what to do about it. */
function page(visitor: Visitor, now: number, timeZone: string): Html {
  const { app, fingerprint, device, seenByCloudflare: seen } = visitor;
  const isLetIn = device?.status === "active";
  const details: [string, Html | string | null][] = [
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
<dl>${details.map(([name, value]) => (value === null ? "" : html`<dt>${name}</dt><dd>${value}</dd>`))}</dl>`,
  );
}

function verdict(device: Visitor["device"]): Html {
  if (device === null) {
    return html`<p>Cloudflare verified its certificate, but no device is enrolled with it.</p>
<p>Open the link in your invitation, or type its code on <a href="${ENROL_PATH}">the enrolment page</a>. Without an invitation, send the fingerprint below to the person who runs this gate.</p>`;
  }
  const { user, name, status } = device;
  const who = html`This is <strong>${name}</strong>, one of <strong>${possessive(user)}</strong> devices.`;
  const next = NEXT[status];
  return html`<p>${who}${next === undefined ? "" : ` ${next}`}</p>${status === "active" ? html`<p><a class="button" href="/">Open the app</a></p>` : ""}`;
}

/** What a status means for the person holding the device, and what to do. */
const NEXT: Partial<Record<string, string>> = {
  active: "Nothing more to do.",
  pending: "It is waiting for approval: ask the person who invited you.",
  suspended: "It is suspended: ask the person who runs this gate to let it back in.",
  lost: "It was reported lost. If you have found it, ask the person who runs this gate to let it back in.",
  revoked: "It was revoked for good. To use it again, ask the person who runs this gate to enrol it again.",
};
