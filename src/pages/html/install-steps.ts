// How a certificate gets onto a device: the steps of each system.
import { systemOf } from "../../domain/request/client-name.ts";
import { type Html, html } from "./html.ts";

/** How to install a certificate (a .p12 or .pfx file) on a device, by system. */
const STEPS: readonly { system: string; names: readonly string[]; steps: Html }[] = [
  {
    system: "Android",
    names: ["Android"],
    steps: html`Settings → Security → More → Encryption &amp; credentials → Install a certificate → <em>VPN &amp; app user certificate</em>, then choose the file. The Bitwarden app takes it on its self-hosted screen.`,
  },
  {
    system: "iPhone, iPad",
    names: ["iOS"],
    steps: html`Open the file (Files → Downloads), then Settings → Profile downloaded → Install. Safari uses it; the Bitwarden app takes the file on its self-hosted screen.`,
  },
  {
    system: "macOS",
    names: ["macOS"],
    steps: html`Open the file: Keychain Access asks for its password and keeps it in the login keychain.`,
  },
  {
    system: "Windows",
    names: ["Windows"],
    steps: html`Open the file and go through the wizard: current user, personal store.`,
  },
  {
    system: "Linux, and Firefox on any computer",
    names: ["Linux"],
    steps: html`Settings → Privacy &amp; Security → View Certificates → Your Certificates → Import: Firefox has a store of its own.`,
  },
];

/** The steps for the browser's system are open; all of them, if it is not known. */
export function installSteps(userAgent: string | null): Html {
  const system = systemOf(userAgent ?? "");
  const isComputer = system !== "Android" && system !== "iOS";
  const isFirefox = isComputer && /Firefox\//.test(userAgent ?? "");
  const isOpen = (names: readonly string[]) =>
    system === undefined || (isFirefox ? names.includes("Linux") : names.includes(system));
  return html`${STEPS.map(
    ({ system: name, names, steps }) =>
      html`<details${isOpen(names) ? html` open` : ""}><summary>${name}</summary><p>${steps}</p></details>`,
  )}`;
}
