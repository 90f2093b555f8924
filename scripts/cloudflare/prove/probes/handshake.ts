import { type Answer, askOnce, resume } from "../connection.ts";
import { verdictOf } from "../form.ts";
import { askOverHttp2 } from "../http2.ts";
import { credentialOf, type Finding, type Probe, reachOf, type Scene } from "../probe.ts";
import { isPresented, isVerified } from "../sight.ts";

export const tls12 = versionProbe("tls-1.2", "TLSv1.2");
export const tls13 = versionProbe("tls-1.3", "TLSv1.3");

function versionProbe(id: string, version: "TLSv1.2" | "TLSv1.3"): Probe {
  const name = version.replace("v", " ");
  return {
    id,
    title: `${name} with a certificate, and without`,
    question: `Does a certificate reach the Worker over ${name}?`,
    needs: ["client-auth"],
    async run(scene) {
      const reach = reachOf(scene);
      const device = await askOnce(reach, { credential: credentialOf(scene), version });
      const stranger = await askOnce(reach, { version });
      return pairFinding(scene, device, stranger);
    },
  };
}

export const http2: Probe = {
  id: "http-2",
  title: "HTTP/2 with a certificate, and without",
  question: "Does a certificate reach the Worker over HTTP/2?",
  needs: ["client-auth"],
  async run(scene) {
    const reach = reachOf(scene);
    const device = await askOverHttp2(reach, { credential: credentialOf(scene) });
    const stranger = await askOverHttp2(reach, {});
    if (device === undefined || stranger === undefined) return NO_HTTP2;
    return pairFinding(scene, device, stranger);
  },
};

export const NO_HTTP2: Finding = { outcome: "skipped", reason: "the server does not speak HTTP/2" };

function pairFinding(scene: Scene, device: Answer, stranger: Answer): Finding {
  if (device.kind === "sight") scene.colos.add(device.sight.colo);
  const passes = device.kind === "sight" && isVerified(device.sight);
  const isRefused = !(stranger.kind === "sight" && isPresented(stranger.sight));
  return {
    outcome: passes && isRefused ? "seen" : "differs",
    measurements: {
      withCertificate: describe(device),
      withoutCertificate: describe(stranger),
      protocol: device.kind === "sight" ? device.sight.httpProtocol : null,
      tlsVersion: device.kind === "sight" ? device.sight.tlsVersion : null,
    },
  };
}

/** An answer in one line, without names. */
export function describe(answer: Answer): string {
  switch (answer.kind) {
    case "sight":
      return verdictOf(answer.sight);
    case "other":
      return `status ${answer.status}${answer.code === null ? "" : `, error code ${answer.code}`}`;
    case "silence":
      return `no answer: ${answer.why}`;
  }
}

export const resumption12 = resumptionProbe("resumption-1.2", "TLSv1.2");
export const resumption13 = resumptionProbe("resumption-1.3", "TLSv1.3");

function resumptionProbe(id: string, version: "TLSv1.2" | "TLSv1.3"): Probe {
  return {
    id,
    title: `resume a session (${version.replace("v", " ")})`,
    question:
      "Does a resumed session keep its certificate, and can a certificate be added to one that began without?",
    needs: ["client-auth"],
    async run(scene) {
      const reach = reachOf(scene);
      const credential = credentialOf(scene);
      const { session: withOne } = await resume(reach, { credential, version });
      const { session: without } = await resume(reach, { version });
      if (withOne === undefined) {
        return { outcome: "not-seen", reason: "the server gave no session to resume" };
      }
      const resumed = await resume(reach, { credential, version, session: withOne });
      const bare = await resume(reach, { version, session: withOne });
      const added = without && (await resume(reach, { credential, version, session: without }));
      const { session: elsewhere } = await resume(reach, { version, servername: scene.zone.name });
      const other = elsewhere && (await resume(reach, { credential, version, session: elsewhere }));
      const fresh = await askOnce(reach, { credential, version });
      return {
        outcome:
          resumed.answer.kind === "sight" && isVerified(resumed.answer.sight) && resumed.isResumed
            ? "seen"
            : "differs",
        measurements: {
          isResumed: resumed.isResumed,
          resumed: describe(resumed.answer),
          // Only the ticket, from a client that no longer has a certificate.
          isResumedWithoutCertificate: bare.isResumed,
          resumedWithoutCertificate: describe(bare.answer),
          // A session that began without a certificate, with one in hand.
          isResumedAddingCertificate: added?.isResumed ?? null,
          resumedAddingCertificate: added === undefined ? null : describe(added.answer),
          // A session of another host of the zone, which asks for no certificate, with one in hand.
          isResumedFromOtherHost: other?.isResumed ?? null,
          resumedFromOtherHost: other === undefined ? null : describe(other.answer),
          newAfterwards: describe(fresh),
        },
      };
    },
  };
}
