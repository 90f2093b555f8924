// The page that hands out a certificate: one section per state, of which the script shows one.
import { PATHS } from "../../contract/paths.ts";
import { systemOf } from "../../domain/request/client-name.ts";
import { type Html, html } from "../html/html.ts";
import { installSteps } from "../html/install-steps.ts";
import { layout } from "../html/layout.ts";

export function welcomePage(userAgent: string | null): Html {
  return layout(
    { title: "A certificate for this device" },
    html`<section data-state="start">
<p>The person who sent you this link wants to let this device in. To be let in, it needs a certificate: a small file that you install once.</p>
<p>Open the link on the device itself. It works once, and only in the browser where you press the button. If your chat app shows this page in a window of its own, open it in your browser first.</p>
<noscript><p class="message" role="alert">This page needs JavaScript: only your browser can decrypt the certificate.</p></noscript>
<p><button id="get">Get the certificate</button></p>
<p id="problem" role="alert"></p>
</section>
<section data-state="gone" hidden>
<p class="message" role="alert">This link doesn’t work here.</p>
<p>It may have done its work: if the app opens on this device, nothing is left to do. Try the app first.</p>
<p>Otherwise, it may have been used in another browser, or withdrawn, or it may have expired, or you may have only part of it. Ask the person who sent it for a new one.</p>
</section>
<section data-state="refused" hidden>
<p class="message" role="alert">The link is right, but this device can’t be added.</p>
<p>There may already be another device with this name. Ask the person who sent the link to make a new one.</p>
</section>
<section data-state="done" hidden>
<p class="message" role="status">This device already uses its certificate. There is nothing more to do here.</p>
<p data-limits></p>
</section>
<section data-state="ready" hidden>
<p><strong id="whose"></strong> <span id="renewal" hidden>This is its next certificate: the old one works until this one is first used.</span></p>
<div id="waiting" hidden><p>It is let in once the person who invited you has approved it. Read this code to them:</p>
<p><strong class="code" id="comparison"></strong></p></div>
<p data-limits></p>
<h2>1. Save the file</h2>
${files(userAgent)}
<h2>2. Install it</h2>
<p>You are asked for its password:</p>
<p><strong class="code" id="password"></strong></p>
<p><button id="copy" class="quiet">Copy the password</button> <span id="copied" role="status"></span></p>
${installSteps(userAgent)}
<h2>3. Open the app</h2>
<p>If you are asked which certificate to use, choose this one. If the browser doesn’t ask, close it completely and open it again.</p>
<ul id="apps"></ul>
<p><button id="look" class="quiet">Is it working?</button></p>
<p id="seen" role="status"></p>
<p class="hint">Until the certificate is first used, you can open the link again in this browser. Delete the file once it works: anyone who has it and its password is let in.</p>
</section>
<script src="${PATHS.welcomeScript}" defer></script>`,
  );
}

/** The file that suits the system first, then the other formats. */
function files(userAgent: string | null): Html {
  const system = systemOf(userAgent ?? "");
  const isApple = system === "iOS" || system === "macOS";
  const profile = html`<a class="button${isApple ? " go" : ""}" id="profile">Save the profile</a>`;
  const p12 = html`<a class="button${isApple ? "" : " go"}" id="p12">Save the .p12 file</a>`;
  const [first, second, why] = isApple
    ? [profile, p12, "For Firefox, and for apps that ask for a file, such as Bitwarden’s:"]
    : [p12, profile, "For iPhone, iPad and macOS, as a configuration profile:"];
  return html`<p>${first}</p>
<details><summary>Other file formats</summary>
<p>${why}</p><p>${second}</p>
<p>With newer ciphers, for systems that refuse the .p12 file or say that its password is wrong:</p><p><a class="button" id="modern">Save the -modern.p12 file</a></p></details>`;
}
