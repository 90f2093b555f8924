// The checks from outside: handshakes and requests, as clients make them.

import { readSecretNames } from "../../client/worker-secret.ts";
import type { DoctorState, Finding } from "../check.ts";
import { readRegistry } from "../gate.ts";
import { observeHandshakes } from "./handshakes.ts";
import { judgeAuthorities, judgeServerCertificates } from "./judge-handshakes.ts";
import { judgeProvider } from "./judge-provider.ts";
import { judgePages, judgeRequests } from "./judge-requests.ts";
import { observeProvider } from "./provider.ts";
import { type OutsideOptions, observe, observeAdminHost } from "./requests.ts";

export async function examineOutside(state: DoctorState, options: OutsideOptions): Promise<Finding[]> {
  const hosts = state.zones.flatMap((zone) => zone.hosts);
  const adminHosts = state.zones.flatMap(({ adminHost }) => adminHost ?? []);
  const stranger = { ...options, credential: undefined };
  const pages: Finding[] = [];
  for (const host of adminHosts) pages.push(judgePages(host, await observeAdminHost(host, stranger)));
  const { signIn } = state.local;
  const provider =
    signIn === undefined
      ? []
      : judgeProvider(signIn, await observeProvider(signIn.issuer, options), state.of(readSecretNames));
  const names = hosts.map(({ host }) => host);
  const handshakes = await observeHandshakes([...names, ...adminHosts], stranger);
  return [
    ...pages,
    ...provider,
    judgeServerCertificates(handshakes),
    // The admin host asks for no certificate.
    judgeAuthorities(handshakes.slice(0, names.length), state.of(readRegistry)),
    ...judgeRequests(await observe(hosts, options)),
  ];
}
