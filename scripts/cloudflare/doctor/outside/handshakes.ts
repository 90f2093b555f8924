// Real TLS handshakes with the hosts.
import { connect as connectTcp } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { Name } from "../../../certificates/x509.ts";
import { errorCode } from "../../../terminal/failure.ts";
import type { Handshake } from "./judge-handshakes.ts";
import type { OutsideOptions } from "./requests.ts";
import { readServerFlight, type ServerFlight } from "./server-flight.ts";

const HTTPS_PORT = 443;

/** Shakes hands with each host over TLS, without a client certificate, and sends nothing after it. */
export async function observeHandshakes(
  hosts: readonly string[],
  options: OutsideOptions,
): Promise<Handshake[]> {
  const handshakes: Handshake[] = [];
  for (const host of hosts) handshakes.push(await observeHandshake(host, options));
  return handshakes;
}

/**
 * The handshake is Node's own, in TLS 1.2, where the server's messages are in clear text; a stream in between
 * keeps a copy of them.
 */
function observeHandshake(host: string, { connectTo, ca, timeoutMs }: OutsideOptions): Promise<Handshake> {
  const { hostname, port } = connectTo ?? { hostname: host, port: HTTPS_PORT };
  const received: Buffer[] = [];
  const tcp = connectTcp({ host: hostname, port });
  const wire = new Duplex({
    read: () => tcp.resume(),
    write: (chunk: Buffer, _encoding, done) => void tcp.write(chunk, done),
    final: (done) => void tcp.end(done),
  });
  tcp.on("data", (chunk: Buffer) => {
    received.push(chunk);
    if (!wire.push(chunk)) tcp.pause();
  });
  tcp.on("end", () => wire.push(null));
  const tls = connectTls({
    socket: wire,
    servername: host,
    maxVersion: "TLSv1.2",
    ca,
    // Nothing is sent to the host: its identity is what the check is about.
    rejectUnauthorized: false,
  });
  return new Promise<Handshake>((resolve) => {
    const end = (outcome: { trust: string | null } | { why: string }) => {
      clearTimeout(timer);
      tls.destroy();
      tcp.destroy();
      resolve(handshakeOf(host, readServerFlight(Buffer.concat(received)), outcome));
    };
    const timer = setTimeout(() => end({ why: `no answer within ${timeoutMs / 1000} s` }), timeoutMs);
    tls.once("secureConnect", () => end({ trust: tls.authorized ? null : String(tls.authorizationError) }));
    const fail = (error: Error) => end({ why: errorCode(error) ?? error.message });
    tls.on("error", fail);
    tcp.on("error", fail);
    tls.on("close", () => end({ why: "the connection was closed" }));
  });
}

function handshakeOf(
  host: string,
  flight: ServerFlight,
  outcome: { trust: string | null } | { why: string },
): Handshake {
  if (flight.kind === "alert") return { host, kind: "refused", alert: flight.description };
  if (flight.kind !== "complete") {
    const why = "why" in outcome ? outcome.why : "the handshake is in a form that is not known here";
    return { host, kind: "silence", why };
  }
  return {
    host,
    kind: "handshake",
    authorities: flight.authorities?.map(textOf) ?? null,
    trust: "why" in outcome ? outcome.why : outcome.trust,
  };
}

/** `C=US, O=Cloudflare\, Inc., CN=Managed CA` */
function textOf(der: Uint8Array): string {
  try {
    return new Name(new Uint8Array(der)).toString();
  } catch {
    return `an unreadable name (${Buffer.from(der).toString("hex")})`;
  }
}
