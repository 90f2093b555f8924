// No I/O. No clock.
import { shellWord } from "../commands/shared/text.ts";
import type { Edge } from "./edge.ts";
import { P12_PASSWORD } from "./state.ts";

/**
 * What a newcomer reads after `npm start`: lines to copy and paste. `show` writes a path as it is
 * typed from where the reader stands.
 */
export function welcome(edge: Edge, app: string, show: (path: string) => string): string {
  const path = (absolute: string) => shellWord(show(absolute));
  const { ca, devices, adminToken, folder, revoked } = edge.paths;
  const { "alice-phone": phone, "alice-laptop": laptop, stranger } = devices;
  const url = edge.url(edge.appHost);
  const resolve = isLocal(edge.appHost) ? "" : ` --resolve ${edge.appHost}:${edge.port}:127.0.0.1`;
  const curl = `curl --cacert ${path(ca)}${resolve}`;
  return `Latchkey stands at ${url}, in front of ${app}.

Pass with an enrolled certificate, and be refused without one:
  ${curl} --cert ${path(phone.pem)} --key ${path(phone.key)} ${url}/
  ${curl} -i ${url}/

In a browser: import ${show(laptop.p12)} (password: ${P12_PASSWORD}) among your
certificates and ${show(ca)} among the authorities, then open ${url}/

Enrol the stranger, revoke the phone (in a second terminal, from this folder):
  export LATCHKEY_URL=${edge.url(edge.apiHost)} LATCHKEY_TOKEN_FILE=${path(adminToken)} LATCHKEY_CA=${path(ca)}
  npx --no -- latchkey devices alice
  npx --no -- latchkey enrol alice tablet --certificate ${path(stranger.pem)}
  npx --no -- latchkey revoke alice/alice-phone

Revoke from any browser, approve, invite: open ${edge.url(edge.apiHost)}/ and sign in
with what is in ${show(adminToken)}. An invitation as a link and a QR code:
  npx --no -- latchkey invite alice --app ${edge.appHost}

See who is refused and why, by program; what a device is taken for:
  npx --no -- latchkey watch --edge ${path(folder)}
  ${curl} --cert ${path(laptop.pem)} --key ${path(laptop.key)} ${url}/.latchkey/whoami

Keys, token, registry: ${show(folder)} (delete it to begin anew). What Cloudflare would call
revoked: serial numbers in ${show(revoked)}. Ctrl-C stops everything.
`;
}

/** Names that curl and browsers look for on this machine (RFC 6761, section 6.3). */
function isLocal(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost");
}
