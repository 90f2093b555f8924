import { Readable } from "node:stream";
import { WebSocket } from "ws";
import { askOnce, openTls } from "../connection.ts";
import { credentialOf, type Finding, type Probe, reachOf } from "../probe.ts";
import { isVerified } from "../sight.ts";
import { secondsSince } from "../waiting.ts";
import { describe } from "./handshake.ts";

/** What a client could send to claim an identity or to mislead, and what apps rely on. */
const SENT = {
  "cf-access-jwt-assertion": "prove",
  "cf-client-cert-verified": "prove",
  "cf-connecting-ip": "192.0.2.1",
  "cf-visitor": "prove",
  "cf-worker": "prove",
  "x-forwarded-for": "192.0.2.1",
  "x-latchkey-user": "prove",
  "x-original-url": "/prove",
  "accept-encoding": "gzip",
  authorization: "Basic cHJvdmU6cHJvdmU=",
  cookie: "prove=1",
  range: "bytes=0-1",
};

/** Those that Cloudflare adds, according to its documentation. */
const ADDED = ["cf-ray", "cf-ipcountry", "x-real-ip", "x-forwarded-proto", "cdn-loop", "cf-ew-via"];

export const headers: Probe = {
  id: "headers",
  title: "send headers, some of them forged",
  question: "Which headers that a client sends reach the Worker?",
  needs: ["client-auth"],
  async run(scene) {
    const answer = await askOnce(reachOf(scene), { credential: credentialOf(scene) }, { headers: SENT });
    if (answer.kind !== "sight") return { outcome: "differs", measurements: { answer: describe(answer) } };
    const came = new Set(answer.sight.headers);
    const known = [...Object.keys(SENT), ...ADDED];
    return {
      outcome: "seen",
      measurements: {
        reach: known.filter((name) => came.has(name)),
        doNotReach: Object.keys(SENT).filter((name) => !came.has(name)),
        // The zone's rules may add headers with telling names, so these are only counted.
        others: [...came].filter((name) => !known.includes(name)).length,
      },
    };
  },
};

export const trailingDot: Probe = {
  id: "trailing-dot",
  title: "write the host with a dot at its end",
  question: "Is a host with a trailing dot routed to the Worker?",
  needs: ["client-auth"],
  async run(scene) {
    const reach = reachOf(scene);
    const ask = { headers: { host: `${reach.host}.` } };
    const device = await askOnce(reach, { credential: credentialOf(scene) }, ask);
    const stranger = await askOnce(reach, {}, ask);
    return {
      outcome: "seen",
      measurements: { withCertificate: describe(device), withoutCertificate: describe(stranger) },
    };
  },
};

export const websocket: Probe = {
  id: "websocket",
  title: "open a WebSocket with a certificate",
  question: "Does a WebSocket open with a certificate, and carry messages?",
  needs: ["client-auth"],
  async run(scene): Promise<Finding> {
    const reach = reachOf(scene);
    const { socket } = await openTls(reach, { credential: credentialOf(scene) });
    const client = new WebSocket(`wss://${reach.host}/`, {
      createConnection: () => socket,
      headers: { "x-prove-key": reach.key },
      handshakeTimeout: reach.timeoutMs,
    });
    const start = performance.now();
    try {
      const { promise, resolve } = Promise.withResolvers<Finding>();
      client.on("open", () => client.send("prove"));
      client.on("message", (data) => {
        const isEcho = String(data) === "prove";
        resolve({
          outcome: isEcho ? "seen" : "differs",
          measurements: { isEcho, seconds: secondsSince(start) },
        });
      });
      client.on("unexpected-response", (_, response) => {
        resolve({ outcome: "differs", measurements: { status: response.statusCode ?? 0 } });
      });
      client.on("error", () => resolve({ outcome: "differs", measurements: { status: "no answer" } }));
      client.on("close", () => resolve({ outcome: "differs", measurements: { status: "closed" } }));
      return await promise;
    } finally {
      client.terminate();
      socket.destroy();
      scene.signal.throwIfAborted();
    }
  },
};

/** Below and above Cloudflare's limit of 100 MB, however that is counted. */
export const UPLOADS = { below: 99_000_000, above: 101 * 1024 * 1024 } as const;
const UPLOAD_TIMEOUT_MS = 15 * 60_000;

export const uploadBelow: Probe = {
  id: "upload-99-mb",
  title: "upload 99 MB",
  question: "Does a body of 99 MB reach the Worker whole?",
  needs: ["client-auth"],
  run: (scene) =>
    upload(scene, UPLOADS.below, (answer) => {
      return answer.kind === "sight" && isVerified(answer.sight) && answer.sight.bytes === UPLOADS.below;
    }),
};

export const uploadAbove: Probe = {
  id: "upload-101-mb",
  title: "upload 101 MB",
  question: "Is a body of 101 MB refused with 413 before the Worker?",
  needs: ["client-auth"],
  run: (scene) => upload(scene, UPLOADS.above, (answer) => answer.kind === "other" && answer.status === 413),
};

async function upload(
  scene: Parameters<Probe["run"]>[0],
  bytes: number,
  isExpected: (answer: Awaited<ReturnType<typeof askOnce>>) => boolean,
): Promise<Finding> {
  if (!scene.options.uploads) return { outcome: "skipped", reason: "--no-uploads was given" };
  const start = performance.now();
  const answer = await askOnce(
    reachOf(scene),
    { credential: credentialOf(scene) },
    {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: { stream: Readable.from(zeros(bytes), { objectMode: false }), bytes },
      timeoutMs: UPLOAD_TIMEOUT_MS,
    },
  );
  return {
    outcome: isExpected(answer) ? "seen" : "differs",
    measurements: {
      bytesSent: bytes,
      bytesAtTheWorker: answer.kind === "sight" ? answer.sight.bytes : null,
      answer: describe(answer),
      seconds: secondsSince(start),
    },
  };
}

const CHUNK = Buffer.alloc(64 * 1024);

/** The same chunk again and again, to save memory. */
function* zeros(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= CHUNK.length) {
    yield left >= CHUNK.length ? CHUNK : CHUNK.subarray(0, left);
  }
}
