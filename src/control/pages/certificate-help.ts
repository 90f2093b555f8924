// No I/O. No clock.
import { type Html, html } from "./html.ts";

/** How a certificate (a file that ends with .p12 or .pfx) comes onto a device, a line for each system. */
export const CERTIFICATE_HELP: Html = html`<h2>How to install it</h2>
<dl class="help">
<dt>Android</dt><dd>Settings → Security → More → Encryption &amp; credentials → Install a certificate → <em>VPN &amp; app user certificate</em>, then choose the file. The Bitwarden app takes it on its self-hosted screen.</dd>
<dt>iPhone, iPad</dt><dd>Open the file, then Settings → Profile downloaded → Install. Safari uses it; the Bitwarden app takes the file on its self-hosted screen.</dd>
<dt>macOS</dt><dd>Open the file: Keychain Access asks for its password and keeps it in the login keychain.</dd>
<dt>Windows</dt><dd>Open the file and go through the wizard: current user, personal store.</dd>
<dt>Firefox</dt><dd>Settings → Privacy &amp; Security → View Certificates → Your Certificates → Import: Firefox has a store of its own.</dd>
</dl>`;
