import { askOnce } from "../connection.ts";
import { askOverHttp2 } from "../http2.ts";
import { credentialOf, type Probe, reachOf } from "../probe.ts";
import { isPresented, isVerified } from "../sight.ts";
import { describe, NO_HTTP2 } from "./handshake.ts";

/**
 * A browser with a connection to another host of the zone may also send requests for the throw-away host on it, if the
 * server's certificate covers both names. The other host asks for no client certificate.
 */
export const coalescing: Probe = {
  id: "coalesced-connection",
  title: "ask for the host on another host's HTTP/2 connection",
  question: "What is answered on a connection that was made for another host of the zone?",
  needs: ["client-auth"],
  async run(scene) {
    const reach = reachOf(scene);
    const servername = scene.zone.name;
    const answers: Record<string, string> = {};
    let passes = false;
    for (const [name, credential] of [
      ["strangerOnOtherHost", undefined],
      ["deviceOnOtherHost", credentialOf(scene)],
    ] as const) {
      const answer = await askOverHttp2(reach, { credential, servername });
      if (answer === undefined) return NO_HTTP2;
      answers[name] = describe(answer);
      // The only case that would open the gate.
      if (credential === undefined && answer.kind === "sight") passes = isPresented(answer.sight);
    }
    // The same over HTTP/1.1: the handshake names another host than the request.
    answers.strangerOverHttp1 = describe(await askOnce(reach, { servername }));
    return { outcome: passes ? "differs" : "seen", measurements: answers };
  },
};

export const grpc: Probe = {
  id: "grpc",
  title: "send a request with gRPC's content type",
  question: "Do gRPC requests reach the Worker?",
  needs: ["client-auth"],
  async run(scene) {
    // One empty message: a flag and a length.
    const message = Buffer.alloc(5);
    const answer = await askOverHttp2(
      reachOf(scene),
      { credential: credentialOf(scene) },
      { "content-type": "application/grpc", te: "trailers" },
      message,
    );
    if (answer === undefined) return NO_HTTP2;
    const comes = answer.kind === "sight" && isVerified(answer.sight);
    return { outcome: comes ? "seen" : "differs", measurements: { answer: describe(answer) } };
  },
};
