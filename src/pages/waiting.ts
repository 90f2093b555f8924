// What waits for a decision: devices for approval, and unknown certificates.
import { fingerprintParam, must } from "../api/handler.ts";
import { representDevice, representUnknownCertificate } from "../api/represent.ts";
import type { Device, UnknownCertificate } from "../contract/answers.ts";
import { devicePath, PATHS } from "../contract/paths.ts";
import { ApproveRequest } from "../contract/requests.ts";
import type { UserRecord } from "../domain/records.ts";
import { commonName } from "../domain/request/certificate.ts";
import { actLinks, actsOf } from "./devices/device-view.ts";
import { field, parseFields, userSelect } from "./html/forms.ts";
import { type Html, html, seeOther } from "./html/html.ts";
import { layout } from "./html/layout.ts";
import { devicesOf, type PageContext, visibleUsers } from "./html/page-context.ts";
import { ago, at, onDate } from "./html/times.ts";
import { capital, grouped, possessive } from "./html/words.ts";

export async function waiting(context: PageContext): Promise<Html> {
  const { directory, principal } = context;
  const { users, isWhole } = await visibleUsers(context);
  const [certificates, ...lists] = await Promise.all([
    directory.ask((directory) => directory.unknownCertificates()),
    ...(isWhole ? users : []).map(async (user) => (await devicesOf(context, user)).devices),
  ]);
  const devices = lists.flat().filter(({ status }) => status === "pending");
  return layout(
    { title: "Waiting", principal, current: PATHS.waiting },
    html`<section aria-labelledby="devices"><h2 id="devices">Devices waiting for approval</h2>
${
  isWhole
    ? ""
    : html`<p>There are too many users to show all of their devices here: open a user under <a href="${PATHS.devices}">Devices</a>.</p>`
}
${devices.length === 0 ? html`<p>None.</p>` : html`<ul class="cards">${devices.map((device) => deviceCard(device, context))}</ul>`}
</section>
<section aria-labelledby="certificates"><h2 id="certificates">Unknown certificates</h2>
<p>Cloudflare verified these certificates, but no device is enrolled with them, so they are refused.</p>
${
  certificates.length === 0
    ? html`<p>None.</p>`
    : html`<ul class="cards">${certificates.map((record, index) => certificateCard(representUnknownCertificate(record), index, users, context))}</ul>`
}
</section>`,
  );
}

/** Enrols an unknown certificate as a user's device. */
export async function enrolUnknown(context: PageContext): Promise<Response> {
  const { registry, by, form } = context;
  const fields = { user: field(form, "user"), name: field(form, "name") };
  const { user, name } = parseFields(fields, ApproveRequest);
  const { device } = must(await registry.approve(by, fingerprintParam(context), user, { name, note: null }));
  return seeOther(devicePath(representDevice(device, by)));
}

export async function dismiss(context: PageContext): Promise<Response> {
  const { directory, by } = context;
  const fingerprint = fingerprintParam(context);
  must(await directory.askOnce((directory) => directory.dismiss(by, fingerprint)));
  return seeOther(PATHS.waiting);
}

function deviceCard(device: Device, context: PageContext): Html {
  const { now, timeZone } = context;
  const { comparisonCode, enrolledAt, user, name } = device;
  return html`<li class="card"><h3>${capital(possessive(user))} <a href="${devicePath(device)}">${name}</a></h3>
<p>Enrolled ${ago(enrolledAt, now, timeZone)}, by invitation</p>
${comparisonCode === null ? "" : html`<p>The device should show this code: <strong class="code">${grouped(comparisonCode)}</strong></p>`}
${actLinks(device, actsOf(device, context))}</li>`;
}

function certificateCard(
  certificate: UnknownCertificate,
  index: number,
  users: readonly UserRecord[],
  context: PageContext,
): Html {
  const { now, timeZone, principal } = context;
  const { fingerprint, subject, firstSeen, lastSeen, app, country, count, notAfter } = certificate;
  return html`<li class="card"><h3>${commonName(subject) || "A certificate without a name"}</h3>
<p>Seen ${ago(lastSeen, now, timeZone)}, ${app}${country === null ? "" : `, ${country}`}</p>
<dl><dt>First seen</dt><dd>${at(firstSeen, now, timeZone)}${count > 1 ? `, seen ${count} times or more` : ""}</dd>
${notAfter === null ? "" : html`<dt>Expires</dt><dd>${onDate(notAfter, now, timeZone)}</dd>`}
${subject === null ? "" : html`<dt>Subject</dt><dd>${subject}</dd>`}
<dt>Fingerprint</dt><dd><code class="long">${fingerprint}</code></dd></dl>
${principal.scope === "root" ? decisionForms(fingerprint, commonName(subject), index, users) : ""}</li>`;
}

function decisionForms(fingerprint: string, name: string, index: number, users: readonly UserRecord[]): Html {
  const path = `${PATHS.waiting}/${fingerprint}`;
  const dismissForm = html`<form method="post" action="${path}/dismiss"><button class="quiet">Dismiss<span class="unseen"> ${name}</span></button></form>`;
  if (users.length === 0) {
    return html`<p><a href="${PATHS.invite}">Add a user</a> whose device this is.</p>${dismissForm}`;
  }
  return html`<form method="post" action="${path}/enrol">
<p><label for="user-${index}">Owner</label>${userSelect(`user-${index}`, users)}</p>
<p><label for="name-${index}">Device name</label><input id="name-${index}" name="name" value="${name}" required maxlength="64" autocomplete="off"></p>
<p><button>Enrol</button></p></form>${dismissForm}`;
}
