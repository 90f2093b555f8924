import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Credential, issueDeviceCertificate } from "../../../scripts/edge/certificates.ts";
import { startEdge } from "../../../scripts/edge/edge.ts";

/** The real local edge with an empty registry, for the time of one file of tests. */
export interface Gate {
  /** `https://app.localhost:PORT` */
  url: string;
  port: number;
  /** Files: the development CA's certificate, and the admin token. */
  ca: string;
  tokenFile: string;
  /** A new device of the development CA, which nobody has enrolled, asks for the app. Its fingerprint. */
  visitAsStranger(name: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startGate(): Promise<Gate> {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-commands-"));
  const edge = await startEdge({ port: 0, stateDir: folder });
  const authority = { certificate: edge.ca, key: readFileSync(edge.paths.caKey, "utf8") };
  return {
    url: edge.url("app.localhost"),
    port: edge.port,
    ca: edge.paths.ca,
    tokenFile: edge.paths.adminToken,
    async visitAsStranger(name) {
      const device = await issueDeviceCertificate(authority, name);
      await visit(edge.port, edge.ca, device);
      return new X509Certificate(device.certificate).fingerprint256.replaceAll(":", "").toLowerCase();
    },
    async stop() {
      await edge.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

function visit(port: number, ca: string, { certificate, key }: Credential): Promise<void> {
  return new Promise((resolve, reject) => {
    request(
      {
        host: "127.0.0.1",
        port,
        servername: "app.localhost",
        headers: { host: `app.localhost:${port}` },
        ca,
        cert: certificate,
        key,
        agent: false,
      },
      (response) => response.resume().on("end", resolve),
    )
      .on("error", reject)
      .end();
  });
}
