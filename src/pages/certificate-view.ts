// No I/O. No clock.
import type { Certificate, Device } from "../contract/answers.ts";
import type { PageContext } from "./context.ts";
import { type Html, html } from "./html/html.ts";
import { at, onDate } from "./html/times.ts";

/** Everything about one of a device's certificates, and how one follows another. */
export function certificateView(certificate: Certificate, device: Device, context: PageContext): Html {
  const { now, timeZone } = context;
  const { fingerprint, subject, issuer, serial, notBefore, notAfter, addedAt } = certificate;
  const day = (iso: string) => onDate(iso, now, timeZone);
  return html`<section class="card"><h3>${heading(certificate, device)}</h3>
${renewal(certificate, device, context)}
<dl>
<dt>Expires</dt><dd>${notAfter === null ? "Not known yet" : day(notAfter)}</dd>
<dt>Valid from</dt><dd>${notBefore === null ? "Not known yet" : day(notBefore)}</dd>
<dt>Subject</dt><dd>${subject ?? "Not known yet"}</dd>
<dt>Issuer</dt><dd>${issuer ?? "Not known yet"}</dd>
<dt>Serial number</dt><dd>${serial === null ? "Not known yet" : html`<code class="long">${serial}</code>`}</dd>
<dt>Fingerprint</dt><dd><code class="long">${fingerprint}</code></dd>
<dt>Added</dt><dd>${at(addedAt, now, timeZone)}</dd>
</dl></section>`;
}

function heading({ fingerprint, retiredAt, replaces }: Certificate, { certificates }: Device): string {
  const name = fingerprint.slice(0, 8);
  if (retiredAt !== null) return `${name}, retired`;
  if (replaces !== null) return `${name}, new`;
  return certificates.some((other) => other.replaces === fingerprint) ? `${name}, old` : name;
}

/** Which certificate ends when another one is first seen, or on which day. */
function renewal(
  { fingerprint, retiredAt, retireBy, replaces }: Certificate,
  { certificates }: Device,
  { now, timeZone }: PageContext,
): Html {
  if (retiredAt !== null) return html`<p>Refused since ${at(retiredAt, now, timeZone)}.</p>`;
  if (replaces !== null) return html`<p>Replaces ${replaces.slice(0, 8)} as soon as it is first seen.</p>`;
  const successor = certificates.find((other) => other.replaces === fingerprint);
  const ends = [
    ...(successor === undefined ? [] : [html`when ${successor.fingerprint.slice(0, 8)} is first seen`]),
    ...(retireBy === null ? [] : [html`on ${onDate(retireBy, now, timeZone)}`]),
  ];
  if (ends.length === 0) return html``;
  return html`<p>Retires ${ends.map((end, index) => html`${index === 0 ? "" : ", or "}${end}`)}.</p>`;
}
