import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Credential,
  issueDeviceCertificate,
  type Validity,
} from "../../../scripts/certificates/authority.ts";
import { type Edge, type EdgeOptions, startEdge } from "../../../scripts/edge/edge.ts";
import type { Device } from "../../../src/contract/answers.ts";
import { apiOf } from "./api.ts";
import { TlsClient } from "./tls-client.ts";

/** A local edge with a state folder of its own, and what a test does with it. */
export class TestEdge {
  readonly edge: Edge;
  readonly #clients: TlsClient[] = [];

  private constructor(edge: Edge) {
    this.edge = edge;
  }

  static async start(options: Partial<EdgeOptions> = {}): Promise<TestEdge> {
    const stateDir = mkdtempSync(join(tmpdir(), "latchkey-e2e-"));
    const test = new TestEdge(await startEdge({ port: 0, stateDir, ...options }));
    await test.api("PUT", "/users/alice", {});
    return test;
  }

  api(method: string, path: string, body?: unknown): Promise<unknown> {
    return apiOf(this.edge)(method, path, body);
  }

  /** A certificate of the edge's own authority: verified, and enrolled nowhere. */
  issue(name: string, validity?: Validity): Promise<Credential> {
    const key = readFileSync(this.edge.paths.caKey, "utf8");
    return issueDeviceCertificate({ certificate: this.edge.ca, key }, name, validity);
  }

  async enrol(name: string, { certificate }: Credential, user = "alice"): Promise<Device> {
    return (await this.api("POST", `/users/${user}/devices`, { name, certificate })) as Device;
  }

  async act(device: Device, act: string, body: object = {}): Promise<Device> {
    return (await this.api("POST", `/users/${device.user}/devices/${device.id}/${act}`, body)) as Device;
  }

  client(credential?: Credential, localAddress?: string): TlsClient {
    const client = new TlsClient(this.edge, credential, localAddress);
    this.#clients.push(client);
    return client;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.edge.stop();
    rmSync(this.edge.paths.folder, { recursive: true, force: true });
  }
}
