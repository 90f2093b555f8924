// The text that `npm start` ends with.
import { join } from "node:path";
import { PATHS } from "../../src/contract/paths.ts";
import { isLocalhostName } from "../client/address.ts";
import { LATCHKEY } from "../terminal/called-as.ts";
import { shellWord } from "../terminal/text.ts";
import type { Edge } from "./edge.ts";
import { type DemoDeviceFiles, P12_PASSWORD } from "./state/paths.ts";

interface Welcome {
  edge: Edge;
  /** What is behind the gate, in words. */
  app: string;
  /** The stand-in for Cloudflare's API. */
  cloudflareUrl: string;
  /** The link that signs a browser in, once; without it, there are no pages. */
  signInLink: string | undefined;
  linkMinutes: number;
  /** Of the local identity provider's people; without it, the provider is one of the owner's. */
  passwords: { alice: string; bob: string } | undefined;
  /** Where the commands are to be called: the clone or the deployment folder, as the reader names it. */
  clone: string;
  /** Writes a path as it is typed from where the reader stands. */
  show(path: string): string;
}

/**
 * What a newcomer reads after `npm start`: lines to copy and paste, in the order in which to try them. Only commands
 * may be wider than 80 columns.
 */
export function welcome(welcomed: Welcome): string {
  const { edge, app, cloudflareUrl, signInLink, linkMinutes, passwords, clone, show } = welcomed;
  const path = (absolute: string) => shellWord(show(absolute));
  const { ca, devices, adminToken, cloudflareToken, folder, revoked } = edge.paths;
  const { "alice-phone": phone, "alice-laptop": laptop, stranger } = devices;
  const { apiHost, appHost, bitwardenHost, port, signInHost } = edge;
  const url = edge.url(appHost);
  const curl = (host: string, device?: DemoDeviceFiles) =>
    [
      `curl --cacert ${path(ca)}`,
      ...(isLocalhostName(host) ? [] : [`--resolve ${host}:${port}:127.0.0.1`]),
      ...(device === undefined ? [] : [`--cert ${path(device.pem)} \\\n    --key ${path(device.key)}`]),
    ].join(" ");
  const sections = [
    `Latchkey runs at ${url}, in front of ${app}.
Type what follows in a second terminal, in ${clone}.`,

    `Pass with an enrolled certificate, and be refused without one:
  ${curl(appHost, phone)} ${url}/
  ${curl(appHost)} -i ${url}/`,

    `In a browser: import ${show(laptop.p12)} (password: ${P12_PASSWORD})
among your certificates, ${show(ca)} among the authorities; then open
  ${url}/`,

    ...(signInHost === undefined
      ? []
      : [
          `Sign in instead, in a browser without a certificate (or cancel when it asks for
one): open this, and follow “Sign in”.
  ${edge.url(signInHost)}/
${aboutProvider(edge, passwords)}`,
        ]),

    ...(signInLink === undefined
      ? []
      : [
          `See the pages. This link signs one browser in, once, within ${linkMinutes} minutes:
  ${signInLink}
Later, sign in with what is in ${show(adminToken)}.`,
        ]),

    `Invite a device: only a certificate that is not enrolled yet, such as the
stranger's, can accept. --app says where the link opens; without --guest, the
device may use every app. Then enrol the stranger instead, and revoke the phone:
  export LATCHKEY_URL=${edge.url(apiHost)}
  export LATCHKEY_TOKEN_FILE=${path(adminToken)} LATCHKEY_CA=${path(ca)}
  ${LATCHKEY} devices alice
  ${LATCHKEY} invite alice --app ${appHost}
  ${LATCHKEY} enrol alice tablet \\
    --certificate ${path(stranger.pem)}
  ${LATCHKEY} revoke alice/alice-phone`,

    `Issue, renew and revoke certificates. What signs them here is a local stand-in
for Cloudflare's API, not Cloudflare:
  export LATCHKEY_CLOUDFLARE_API=${cloudflareUrl}
  export CLOUDFLARE_API_TOKEN=$(cat ${path(cloudflareToken)})
  ${LATCHKEY} issue alice pixel-9 --out ${path(join(folder, "issued"))}
  ${LATCHKEY} rotate alice/pixel-9 --out ${path(join(folder, "renewed"))}
  ${LATCHKEY} revoke alice/pixel-9 --at-cloudflare
  ${LATCHKEY} setup --app pw.example.com=bitwarden --dry-run`,

    `See who is refused and why, by program; which device the gate sees:
  ${LATCHKEY} watch --edge ${path(folder)}
  ${curl(appHost, laptop)} ${url}/.latchkey/whoami`,

    ...(bitwardenHost === undefined
      ? []
      : [
          `Report the laptop lost. Bitwarden deletes its vault on the 401 that follows,
after ten seconds at most:
  ${LATCHKEY} lost alice/alice-laptop
  ${curl(bitwardenHost, laptop)} -i ${edge.url(bitwardenHost)}/`,
        ]),

    `All files: ${show(folder)} (delete it to begin again).
Certificates whose serial number is in ${show(revoked)}
are treated as revoked. Ctrl-C stops everything.`,
  ];
  return `${sections.join("\n\n")}\n`;
}

function aboutProvider(edge: Edge, passwords: Welcome["passwords"]): string {
  if (passwords === undefined) {
    return `Your identity provider must know this redirect address:
  ${edge.url(edge.apiHost)}${PATHS.callback}`;
  }
  return `The identity provider runs on this machine, and knows two people:
  alice, password: ${passwords.alice}
  bob, password: ${passwords.bob}
alice is the owner. bob is nobody's user yet: he sees six digits, and waits
until alice admits him on the page People:
  ${edge.url(edge.apiHost)}${PATHS.people}`;
}
