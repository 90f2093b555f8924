import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Credential, issueDeviceCertificate } from "../../../scripts/certificates/authority.ts";
import { type Edge, startEdge } from "../../../scripts/edge/edge.ts";
import { send } from "../edge/client.ts";

const DAY_MS = 24 * 3600 * 1000;

/** The real local edge with an empty registry, for the time of one file of tests. */
export interface Gate {
  /** Of the API and the pages: `https://latchkey.localhost:PORT` */
  url: string;
  port: number;
  /** Files: the development CA's certificate, and the admin token. */
  ca: string;
  tokenFile: string;
  /** For requests that are not the command line's. */
  edge: Edge;
  /** The environment of a command with the admin token. */
  environment: Record<string, string>;
  /** A new device of the development CA, which nobody has enrolled; its certificate ends after ten years or then. */
  newDevice(name: string, notAfter?: Date): Promise<Credential>;
  /** A new device of the development CA, which nobody has enrolled, asks for the app. Its fingerprint. */
  visitAsStranger(name: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startGate(): Promise<Gate> {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-commands-"));
  const edge = await startEdge({ port: 0, stateDir: folder });
  const authority = { certificate: edge.ca, key: readFileSync(edge.paths.caKey, "utf8") };
  const newDevice = (name: string, notAfter?: Date) =>
    issueDeviceCertificate(
      authority,
      name,
      ...(notAfter === undefined ? [] : [{ notBefore: new Date(Date.now() - DAY_MS), notAfter }]),
    );
  return {
    edge,
    environment: {
      LATCHKEY_URL: edge.url(edge.apiHost),
      LATCHKEY_TOKEN_FILE: edge.paths.adminToken,
      LATCHKEY_CA: edge.paths.ca,
    },
    newDevice,
    url: edge.url(edge.apiHost),
    port: edge.port,
    ca: edge.paths.ca,
    tokenFile: edge.paths.adminToken,
    async visitAsStranger(name) {
      const device = await newDevice(name);
      await send(edge, "/", { as: device });
      return new X509Certificate(device.certificate).fingerprint256.replaceAll(":", "").toLowerCase();
    },
    async stop() {
      await edge.stop();
      rmSync(folder, { recursive: true });
    },
  };
}
