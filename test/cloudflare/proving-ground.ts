import { X509Certificate } from "node:crypto";
import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { createSecureServer } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { createAuthority, issueServerCertificate } from "../../scripts/certificates/authority.ts";
import { cfProperties } from "../../scripts/edge/cloudflare.ts";
import { EdgeProxy } from "../../scripts/edge/proxy.ts";
import { normaliseSerial } from "../../scripts/edge/state/revoked.ts";
import {
  Handshakes,
  type TlsClientAuth,
  tlsClientAuth,
  withRevocation,
} from "../../scripts/edge/tls/client-auth.ts";
import { type StandIn, startCloudflare } from "../../scripts/stand-in/stand-in.ts";

// What `latchkey prove` meets in a test: the stand-in for Cloudflare's API, and an edge that does what the API was
// told. A host answers once it has a record and a route; the Worker that answers is the very code that was uploaded,
// in the real runtime; certificates come from real handshakes, over HTTP/1.1 and HTTP/2.

const COUNTRY = "CH";

export interface ProvingGround {
  cloudflare: StandIn;
  port: number;
  /** PEM: the server's authority. */
  ca: string;
  /** Larger bodies are refused. */
  maxBodyBytes: number;
  /** Requests that the Worker still answers today. */
  quota: number;
  /** Requests with the certificate that pass after its revocation, until the edge knows of it. */
  slowness: number;
  stop(): Promise<void>;
}

export async function startProvingGround(zones: readonly string[] = ["example.com"]): Promise<ProvingGround> {
  const cloudflare = await startCloudflare({ zones });
  const { authority, state } = cloudflare;
  const serverAuthority = await createAuthority("Proving ground", new Date());
  const hosts = zones.flatMap((zone) => [zone, `*.${zone}`]);
  const server = await issueServerCertificate(serverAuthority, hosts, new Date());
  const runtime = new UploadedWorker(cloudflare);
  const handshakes = new AskedHandshakes(cloudflare);
  /** HTTP/2 requests hide their socket. */
  const socketOfPort = new Map<number, TLSSocket>();

  const front = createSecureServer({
    allowHTTP1: true,
    ca: authority.certificate,
    cert: server.certificate,
    key: server.key,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: "TLSv1.2",
  });
  const sockets = new Set<Socket>();
  front.on("secureConnection", (socket: TLSSocket) => {
    sockets.add(socket);
    socketOfPort.set(socket.remotePort ?? 0, socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));

  const ground: ProvingGround = {
    cloudflare,
    port: (front.address() as AddressInfo).port,
    ca: serverAuthority.certificate,
    maxBodyBytes: 100 * 1024 * 1024,
    quota: Number.POSITIVE_INFINITY,
    slowness: 0,
    async stop() {
      front.close();
      for (const socket of sockets) socket.destroy();
      await runtime.stop();
      await cloudflare.stop();
    },
  };

  /** Serials that the edge takes for revoked. */
  function revoked(): ReadonlySet<string> {
    const over = state.zones.flatMap(({ certificates }) =>
      certificates.filter(({ status }) => status === "revoked" || status === "pending_revocation"),
    );
    if (over.length > 0 && ground.slowness > 0) {
      ground.slowness -= 1;
      return new Set();
    }
    if (over.length > 0) cloudflare.settle();
    return new Set(
      over.map(({ certificate }) => normaliseSerial(new X509Certificate(certificate).serialNumber)),
    );
  }

  /** What answers instead of the Worker; `undefined` where it is the Worker. */
  function refusal(host: string, bytes: number): { status: number; text: string } | undefined {
    const name = host.replace(/:\d+$/, "").replace(/\.$/, "");
    const zone = state.zones.find((each) => name === each.name || name.endsWith(`.${each.name}`));
    const route = zone?.routes.find(({ pattern }) => pattern === `${name}/*`);
    const record = zone?.dnsRecords.find((each) => each.name === name && each.proxied);
    if (record === undefined) return { status: 530, text: "error code: 1016" };
    if (route?.script === undefined) return { status: 522, text: "error code: 522" };
    if (bytes > ground.maxBodyBytes)
      return { status: 413, text: "<center><h1>413 Payload Too Large</h1></center>" };
    if (ground.quota > 0) {
      ground.quota -= 1;
      return undefined;
    }
    return route.request_limit_fail_open
      ? { status: 522, text: "error code: 522" }
      : { status: 429, text: "error code: 1027" };
  }

  const proxy = (worker: Awaited<ReturnType<UploadedWorker["start"]>>) =>
    new EdgeProxy({
      ...{ worker, handshakes, country: COUNTRY },
      revoked: async () => revoked(),
      blocked: async () => undefined,
      onError: () => undefined,
    });

  /** Of HTTP/2, both are what Node makes look like HTTP/1.1. */
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const host = String(request.headers[":authority"] ?? request.headers.host ?? "");
    const refused = refusal(host, Number(request.headers["content-length"] ?? 0));
    if (refused !== undefined) {
      response.writeHead(refused.status, { "content-type": "text/html" });
      response.end(refused.text);
      request.resume();
      return;
    }
    const worker = await runtime.start();
    if (request.httpVersionMajor < 2) {
      await proxy(worker).request(request, response);
      return;
    }
    const socket = socketOfPort.get(request.socket.remotePort ?? 0);
    if (socket === undefined) throw new Error("a request without a connection");
    const auth = withRevocation(handshakes.of(socket), revoked());
    const headers = Object.entries(request.headers).filter(([name]) => !name.startsWith(":"));
    const cf = { ...cfProperties(socket, auth, COUNTRY, ""), httpProtocol: "HTTP/2" };
    const outgoing = httpRequest(
      {
        hostname: worker.url.hostname,
        port: worker.url.port,
        method: request.method,
        path: request.url,
        headers: { ...Object.fromEntries(headers), host, "mf-cf-blob": JSON.stringify(cf) },
      },
      (incoming) => {
        response.writeHead(incoming.statusCode ?? 502, { "content-type": "application/json" });
        incoming.pipe(response);
      },
    );
    outgoing.on("error", () => response.end());
    request.pipe(outgoing);
  }

  front.on("request", (request, response) => {
    serve(request as unknown as IncomingMessage, response as unknown as ServerResponse).catch(() =>
      request.socket.destroy(),
    );
  });
  front.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    runtime.start().then(
      (worker) => proxy(worker).upgrade(request, socket, head),
      () => socket.destroy(),
    );
  });
  return ground;
}

/** A certificate counts where the host of the handshake is one that asks for it. */
class AskedHandshakes extends Handshakes {
  readonly #cloudflare: StandIn;

  constructor(cloudflare: StandIn) {
    super();
    this.#cloudflare = cloudflare;
  }

  override of(socket: TLSSocket): TlsClientAuth {
    const { servername } = socket;
    // Node does not know the name in a resumed handshake of TLS 1.2: such a session has a certificate if it was asked for.
    const asks =
      typeof servername !== "string" ||
      this.#cloudflare.state.zones.some(({ associations }) => associations.includes(servername));
    return asks ? super.of(socket) : tlsClientAuth(undefined, "FAILED");
  }
}

/** Runs what was last uploaded to the stand-in, with the bindings that came with it. */
class UploadedWorker {
  readonly #cloudflare: StandIn;
  #running: { body: string; miniflare: Promise<Miniflare> } | undefined;

  constructor(cloudflare: StandIn) {
    this.#cloudflare = cloudflare;
  }

  async start(): Promise<{ url: URL; secret: string; stop(): Promise<void> }> {
    const upload = this.#cloudflare.requests.findLast(
      ({ method, path, status }) =>
        method === "PUT" && /\/workers\/scripts\/[^/]+$/.test(path) && status === 200,
    );
    if (upload === undefined) throw new Error("nothing was uploaded");
    const { body } = upload;
    if (this.#running?.body !== body) {
      const before = this.#running?.miniflare;
      this.#running = { body, miniflare: runUpload(body, upload.headers["content-type"] ?? "") };
      await (await before)?.dispose();
    }
    const miniflare = await this.#running.miniflare;
    return { url: await miniflare.unsafeGetDirectURL("prove"), secret: "", stop: () => this.stop() };
  }

  async stop(): Promise<void> {
    await (await this.#running?.miniflare)?.dispose();
    this.#running = undefined;
  }
}

interface Metadata {
  main_module: string;
  compatibility_date: string;
  bindings: { type: string; name: string; text: string }[];
}

async function runUpload(body: string, type: string): Promise<Miniflare> {
  const form = await new Response(body, { headers: { "content-type": type } }).formData();
  const part = async (name: string) => {
    const value = form.get(name);
    return value instanceof Blob ? value.text() : String(value);
  };
  const metadata = JSON.parse(await part("metadata")) as Metadata;
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...{ host: "127.0.0.1", port: 0, cf: false, telemetry: { enabled: false } },
      log: new Log(LogLevel.NONE),
      workers: [
        {
          name: "prove",
          modules: [
            { type: "ESModule", path: metadata.main_module, contents: await part(metadata.main_module) },
          ],
          modulesRoot: "/",
          compatibilityDate: metadata.compatibility_date,
          bindings: Object.fromEntries(metadata.bindings.map(({ name, text }) => [name, text])),
          unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
          stripCfConnectingIp: false,
        },
      ],
    }),
  );
  await miniflare.ready;
  return miniflare;
}
