import { CLIENT_CERTIFICATE, resultOf } from "../../client/answers.ts";
import { readStatus, revokeAtCloudflare } from "../../client/client-certificates.ts";
import { refusalText } from "../../client/failure.ts";
import { type Answer, askOnce, type Connection, openConnection, resume } from "../connection.ts";
import { credentialOf, type Finding, type Probe, reachOf, type Scene } from "../probe.ts";
import { isVerified } from "../sight.ts";
import { secondsSince, waitFor } from "../waiting.ts";
import { describe } from "./handshake.ts";

const REVOKED_WITHIN_SECONDS = 300;

/** A way in that is tried again and again until it is closed. */
interface Way {
  name: string;
  ask(): Promise<Answer>;
  /** Seconds until the certificate no longer passed, and what was answered then. */
  end?: { seconds: number; answer: string };
}

/** The last probe that uses the certificate. */
export const revocation: Probe = {
  id: "revocation",
  title: "revoke the certificate, and see when it no longer passes",
  question:
    "How long does a revocation take for a new connection, a resumed session and an open connection, and what is answered?",
  needs: ["client-auth"],
  async run(scene): Promise<Finding> {
    const { client, zone } = scene;
    const reach = reachOf(scene);
    const credential = credentialOf(scene);
    const open = await openConnection(reach, { credential });
    try {
      await open.ask();
      const ways = await waysIn(scene, open);
      const statusAtFirst = await revokeAtCloudflare(client, zone, credential.id);
      const start = performance.now();
      let revokedAfter: number | null = null;
      await waitFor(scene.signal, REVOKED_WITHIN_SECONDS, async () => {
        if (revokedAfter === null && (await readStatus(client, zone, credential.id)) === "revoked") {
          revokedAfter = secondsSince(start);
        }
        for (const way of ways.filter(({ end }) => end === undefined)) {
          const answer = await way.ask();
          if (answer.kind === "sight" && isVerified(answer.sight)) continue;
          way.end = { seconds: secondsSince(start), answer: describe(answer) };
        }
        return (revokedAfter !== null && ways.every(({ end }) => end !== undefined)) || undefined;
      });
      const again = await secondRevocation(scene, credential.id);
      const isOver = ways.every(({ end }) => end !== undefined);
      const reason = "the certificate still passed somewhere when the time was up";
      return {
        ...(isOver ? { outcome: "seen" } : { outcome: "not-seen", reason }),
        measurements: {
          waitedAtMostSeconds: REVOKED_WITHIN_SECONDS,
          statusAtFirst,
          statusRevokedAfterSeconds: revokedAfter,
          ...Object.fromEntries(
            ways.flatMap(({ name, end }) => [
              [`${name}RefusedAfterSeconds`, end?.seconds ?? null],
              [`${name}Answer`, end?.answer ?? "still verified"],
            ]),
          ),
          secondRevocation: again,
        },
      };
    } finally {
      open.close();
    }
  },
};

async function waysIn(scene: Scene, open: Connection): Promise<Way[]> {
  const reach = reachOf(scene);
  const credential = credentialOf(scene);
  const options = { credential, version: "TLSv1.3" } as const;
  let { session } = await resume(reach, options);
  return [
    { name: "newConnection", ask: () => askOnce(reach, { credential }) },
    ...(session === undefined
      ? []
      : [
          {
            name: "resumedSession",
            async ask() {
              const { answer, session: newer } = await resume(reach, { ...options, session });
              session = newer ?? session;
              return answer;
            },
          },
        ]),
    { name: "openConnection", ask: () => open.ask() },
  ];
}

async function secondRevocation({ client, zone }: Scene, id: string): Promise<string> {
  try {
    const { status } = await client.ask(
      { permission: "certificates", what: "revoke a client certificate" },
      (sdk) => sdk.clientCertificates.delete(id, { zone_id: zone.id }),
      resultOf(CLIENT_CERTIFICATE),
    );
    // Cloudflare's own word.
    return /^[a-z_]{1,30}$/.test(status) ? `taken, ${status}` : "taken";
  } catch (error) {
    return refusalText(error);
  }
}
