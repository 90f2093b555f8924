// What a device with a verified certificate learns about itself: a page for a person's browser, JSON for programs.
import { ENROL_PATH, LEAVE_PATH } from "../../contract/paths.ts";
import { CREDENTIAL_WORDS, fingerprintOf, kindOf } from "../../domain/credential-key.ts";
import type { Standing } from "../../domain/device.ts";
import type { Reason } from "../../domain/reason.ts";
import type { Known } from "../../domain/request/shown.ts";
import type { Visit } from "../../visit.ts";
import { type Html, html, show } from "../html/html.ts";
import { layout } from "../html/layout.ts";
import { isForReading } from "../html/same-origin.ts";
import { knownTimeZone, onDate } from "../html/times.ts";
import { capital, possessive } from "../html/words.ts";

type Visitor = ReturnType<typeof describe>;

/** `reason`: why the gate refuses this device here; `undefined`: it lets it in. */
export async function whoami(
  visit: Visit,
  shown: Known,
  standing: Standing,
  reason: Reason | undefined,
  now: number,
): Promise<Response> {
  const { headers } = visit.request;
  const visitor = describe(visit, shown, standing, reason);
  const isPage = isForReading(headers) && (headers.get("accept") ?? "").includes("text/html");
  const response = isPage
    ? await show(page(visitor, now, knownTimeZone(visit.timeZone)))
    : new Response(`${JSON.stringify(visitor, null, 2)}\n`, {
        headers: { "Content-Type": "application/json", "Cache-Control": "no-store" },
      });
  return visit.method === "HEAD" ? new Response(null, response) : response;
}

/**
 * The device itself, and what Cloudflare saw of it. An app's page can ask this too, so a token's digest is cut to 8
 * digits, and which other apps the device may use is left out.
 */
function describe(
  { hostname, country }: Visit,
  shown: Known,
  standing: Standing,
  reason: Reason | undefined,
) {
  const fingerprint = fingerprintOf(shown.key);
  const certificate = shown.kind === "verified" ? shown : undefined;
  return {
    app: hostname,
    letIn: reason === undefined,
    reason: reason ?? null,
    credential: kindOf(shown.key),
    fingerprint: certificate === undefined ? fingerprint.slice(0, 8) : fingerprint,
    enrolled: standing.kind === "device",
    device: standing.kind === "device" ? describeDevice(standing) : null,
    seenByCloudflare: {
      verified: certificate !== undefined,
      subject: certificate?.subject ?? null,
      issuer: certificate?.issuer ?? null,
      serial: certificate?.serial ?? null,
      notBefore: certificate === undefined ? null : new Date(certificate.notBefore).toISOString(),
      notAfter: certificate === undefined ? null : new Date(certificate.notAfter).toISOString(),
      country,
    },
  };
}

function describeDevice({ user, name, status, limits }: Extract<Standing, { kind: "device" }>) {
  const expiresAt = limits?.expiresAt ?? null;
  return { user, name, status, expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString() };
}

/** Whether this device is let in, why it is not, and what to do about it. */
function page(visitor: Visitor, now: number, timeZone: string): Html {
  const { app, letIn, fingerprint, device, seenByCloudflare: seen } = visitor;
  const day = (iso: string | null) => (iso === null ? null : onDate(iso, now, timeZone));
  const details: [string, Html | string | null][] = [
    ["App", app],
    ["Country", seen.country],
    ["Let in until", day(device?.expiresAt ?? null)],
    [capital(CREDENTIAL_WORDS[visitor.credential]), seen.subject],
    ["Issuer", seen.issuer],
    ["Expires", day(seen.notAfter)],
    ["Serial number", seen.serial === null ? null : html`<code class="long">${seen.serial}</code>`],
    ["Fingerprint", html`<code class="long">${fingerprint}</code>`],
  ];
  return layout(
    { title: letIn ? "This device is let in" : "This device is refused" },
    html`${verdict(visitor)}
<dl>${details.map(([name, value]) => (value === null ? "" : html`<dt>${name}</dt><dd>${value}</dd>`))}</dl>`,
  );
}

function verdict({ app, letIn, reason, credential, device }: Visitor): Html {
  const word = CREDENTIAL_WORDS[credential];
  if (device === null && credential === "browser") {
    return html`<p>This browser is no longer signed in. <a href="/">Open the app</a> to sign in.</p>`;
  }
  if (device === null && credential !== "certificate") {
    return html`<p>No device has this ${word} any more. Ask the person who runs this gate for another one.</p>`;
  }
  if (device === null) {
    return html`<p>Cloudflare verified its certificate, but no device is enrolled with it.</p>
<p>Open the link in your invitation, or type its code on <a href="${ENROL_PATH}">the enrolment page</a>. Without an invitation, send the fingerprint below to the person who runs this gate.</p>`;
  }
  const { user, name } = device;
  const who = html`This is <strong>${name}</strong>, one of <strong>${possessive(user)}</strong> devices.`;
  const signOut =
    credential === "browser"
      ? html`<form method="post" action="${LEAVE_PATH}"><p><button class="quiet">Sign out of every app</button></p></form>`
      : "";
  if (letIn) {
    return html`<p>${who} Nothing more to do.</p><p><a class="button" href="/">Open the app</a></p>${signOut}`;
  }
  // A feed URL reads only its own paths, and this page is not one of them.
  if (reason === "wrong-app" && credential === "feed") {
    return html`<p>${who} It can read only certain paths on certain apps, and this page is not one of them.</p>`;
  }
  if (credential === "browser" && reason !== null && SIGN_IN_AGAIN.includes(reason)) {
    return html`<p>${who} It is no longer signed in here. <a href="/">Open the app</a> to sign in.</p>`;
  }
  return html`<p>${who} ${WHY[reason ?? "internal-error"]?.(app, word) ?? "It is refused at the moment: try again later."}</p>`;
}

/** What the person at a browser mends by signing in. */
const SIGN_IN_AGAIN: readonly Reason[] = ["expired-credential", "device-revoked", "wrong-app"];

/** What a refusal means for the person holding the device, and what to do. */
const WHY: Partial<Record<Reason, (app: string, word: string) => string>> = {
  "device-pending": () => "It is waiting for approval: ask the person who invited you.",
  "device-suspended": () => "It is suspended: ask the person who runs this gate to let it back in.",
  "device-lost": () =>
    "It was reported lost. If you have found it, ask the person who runs this gate to let it back in.",
  "device-revoked": () =>
    "It was revoked for good. To use it again, ask the person who runs this gate to enrol it again.",
  "device-expired": () => "Its time is up: ask the person who runs this gate to extend it.",
  "expired-credential": (_, word) =>
    `Its ${word} has expired: ask the person who runs this gate for a new one.`,
  "wrong-app": (app) =>
    `It may use other apps, but not ${app}: ask the person who runs this gate to change that.`,
  country: () => "It is not let in from this country, or the country is not known.",
};
