import { Resolver, resolve4, resolve6, resolveNs } from "node:dns/promises";
import { DONE } from "../../client/answers.ts";
import { readAssociations, setAssociations } from "../../client/client-certificates.ts";
import { askOnce } from "../connection.ts";
import { notInTime, type Probe, reachOf, type Scene } from "../probe.ts";
import { associationOf, RECORD_COMMENT, recordOf } from "../things.ts";
import { waitFor } from "../waiting.ts";
import { describe } from "./handshake.ts";

const RESOLVES_WITHIN_SECONDS = 180;
const ANSWERS_WITHIN_SECONDS = 180;

export const record: Probe = {
  id: "record",
  title: "make the DNS record",
  question: "Is a proxied AAAA record with 100:: accepted, and how soon does its name resolve?",
  needs: ["failure-mode"],
  async run(scene) {
    const { client, zone, names, options } = scene;
    scene.undo.push(recordOf(scene, names.host));
    const wanted = { type: "AAAA", content: "100::", proxied: true, ttl: 1 } as const;
    await client.once(
      { permission: "dns-edit", what: `make the DNS record of ${names.host}` },
      (sdk) =>
        sdk.dns.records.create({ zone_id: zone.id, name: names.host, ...wanted, comment: RECORD_COMMENT }),
      DONE,
    );
    const found = await waitFor(scene.signal, RESOLVES_WITHIN_SECONDS, () => findAddress(scene));
    if (found === undefined) return notInTime("the name did not resolve in time", RESOLVES_WITHIN_SECONDS);
    const { hostname, port, by } = found.value;
    scene.secrets.add(hostname);
    scene.reach = {
      host: names.host,
      address: { hostname, port },
      ca: options.ca,
      key: names.key,
      timeoutMs: options.timeoutMs,
      signal: scene.signal,
    };
    return {
      outcome: "seen",
      measurements: { accepted: true, resolvesBy: by, resolvesAfterSeconds: found.seconds },
    };
  },
};

/** Asks the zone's own name server first: others may remember that the name did not exist. */
async function findAddress({ names, zone, options }: Scene) {
  if (options.connectTo !== undefined) return { ...options.connectTo, by: "--connect-to" };
  const { host } = names;
  const [own] = await atNameServers(zone.name, host).catch(() => []);
  if (own !== undefined) return { hostname: own, port: 443, by: "the zone's name server" };
  const [hostname] = await resolve4(host).catch(() => resolve6(host).catch(() => []));
  return hostname === undefined ? undefined : { hostname, port: 443, by: "the system" };
}

async function atNameServers(zone: string, host: string): Promise<string[]> {
  const [server = ""] = await resolveNs(zone);
  const resolver = new Resolver({ timeout: 2000, tries: 1 });
  resolver.setServers(await resolve4(server));
  return resolver.resolve4(host);
}

export const routeAnswers: Probe = {
  id: "route-answers",
  title: "wait for the Worker to answer on the host",
  question: "How soon does a new route lead to its Worker, and what answers until then?",
  needs: ["record"],
  async run(scene) {
    const before = new Set<string>();
    const found = await waitFor(scene.signal, ANSWERS_WITHIN_SECONDS, async () => {
      const answer = await askOnce(reachOf(scene));
      if (answer.kind === "sight") return answer.sight;
      before.add(describe(answer));
      return undefined;
    });
    const answersBefore = [...before];
    if (found === undefined) {
      return notInTime("the Worker did not answer in time", ANSWERS_WITHIN_SECONDS, { answersBefore });
    }
    scene.colos.add(found.value.colo);
    return { outcome: "seen", measurements: { answersAfterSeconds: found.seconds, answersBefore } };
  },
};

export const association: Probe = {
  id: "association",
  title: "have the host ask for a certificate",
  question: "Does the list of such hosts keep the others when one is added?",
  needs: ["certificate"],
  async run(scene) {
    const { host } = scene.names;
    // Read at the last moment: the call replaces the whole list.
    const before = await readAssociations(scene);
    // Only what this run did is undone.
    if (before.includes(host)) {
      return { outcome: "failed", reason: "the host already asks for a certificate" };
    }
    scene.undo.push(associationOf(scene, host));
    await setAssociations(scene, [...before, host]);
    const after = await readAssociations(scene);
    const kept = before.every((name) => after.includes(name));
    return {
      outcome: kept && after.includes(host) ? "seen" : "differs",
      measurements: { hostsBefore: before.length, hostsAfter: after.length, othersKept: kept },
    };
  },
};
