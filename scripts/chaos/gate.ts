import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Agent } from "node:https";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { API_PATH, ENROL_PATH } from "../../src/contract/paths.ts";
import { type Credential, issueDeviceCertificate } from "../certificates/authority.ts";
import { askLocally } from "../edge/local-api.ts";
import { type StatePaths, statePaths } from "../edge/state/paths.ts";

/** An answer that takes longer counts as lost, in milliseconds. */
const PATIENCE_MS = 30_000;
/** How often to check whether killed processes are gone, in milliseconds. */
const LOOK_MS = 10;

export interface Answer {
  status: number;
  /** Parsed JSON, or the text. */
  body: unknown;
}

/** The connection broke before the answer came: nobody knows whether the change was made. */
export class Lost extends Error {
  override name = "Lost";
}

interface Address {
  api: URL;
  app: URL;
}

/** The real local gate, as a process that is killed and restarted on the same state folder. */
export class Gate {
  readonly #paths: StatePaths;
  readonly #latencyMs: number;
  #process: ChildProcess | undefined;
  #address: Address | undefined;
  #agent = new Agent({ keepAlive: true });

  constructor(stateDir: string, latencyMs: number) {
    this.#paths = statePaths(stateDir);
    this.#latencyMs = latencyMs;
  }

  async start(): Promise<void> {
    const child = spawn(
      process.execPath,
      [
        join(import.meta.dirname, "..", "start.ts"),
        ...["--port", "0", "--state", this.#paths.folder, "--latency", String(this.#latencyMs)],
        ...["--var", "REVOCATION_DELAY_SECONDS=0"],
      ],
      // A group of its own: node and workerd are killed together.
      { detached: true, stdio: ["ignore", "pipe", "inherit"] },
    );
    this.#process = child;
    let api: string | undefined;
    let app: string | undefined;
    for await (const line of createInterface({ input: child.stdout })) {
      api ??= /LATCHKEY_URL=(\S+)/.exec(line)?.[1];
      app = /^ready (\S+)/.exec(line)?.[1];
      if (app !== undefined) break;
    }
    if (api === undefined || app === undefined) throw new Error("the gate did not start");
    child.stdout.resume();
    this.#address = { api: new URL(api), app: new URL(app) };
    this.#agent = new Agent({ keepAlive: true });
  }

  /** Ends the gate as a power cut would, except that the system still writes its buffers. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.pid === undefined) return;
    if (signal(-child.pid, "SIGKILL") && child.exitCode === null && child.signalCode === null) {
      await once(child, "exit");
    }
    while (signal(-child.pid, 0)) await sleep(LOOK_MS);
    this.#agent.destroy();
  }

  /** A certificate that the gate's edge verifies, and nobody has enrolled. */
  issue(name: string): Promise<Credential> {
    const [certificate, key] = [this.#paths.ca, this.#paths.caKey].map((path) => readFileSync(path, "utf8"));
    return issueDeviceCertificate({ certificate: certificate ?? "", key: key ?? "" }, name);
  }

  /** A call of the API, with the admin token unless another one is given. Throws `Lost`. */
  api(method: string, path: string, body?: unknown, token?: string): Promise<Answer> {
    const bearer = token ?? readFileSync(this.#paths.adminToken, "utf8").trim();
    const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
    return this.#send("api", method, `${API_PATH}${path}`, headers, JSON.stringify(body));
  }

  /** Visits the app with this certificate. Throws `Lost`. */
  visit(credential: Credential): Promise<Answer> {
    return this.#send("app", "GET", "/headers", {}, undefined, credential);
  }

  /**
   * Accepts an invitation of `user`'s with this certificate. Throws `Lost`.
   */
  redeem(code: string, name: string, user: string, credential: Credential): Promise<Answer> {
    const headers = {
      "content-type": "application/x-www-form-urlencoded",
      origin: this.#address?.app.origin ?? "",
    };
    const form = new URLSearchParams({ code, name, user });
    return this.#send("app", "POST", ENROL_PATH, headers, String(form), credential);
  }

  async #send(
    to: keyof Address,
    method: string,
    path: string,
    headers: Record<string, string>,
    body: string | undefined,
    credential?: Credential,
  ): Promise<Answer> {
    const url = this.#address?.[to];
    if (url === undefined) throw new Lost("the gate does not run");
    try {
      const { status, text } = await askLocally({
        ...{ host: url.hostname, port: url.port, ca: readFileSync(this.#paths.ca, "utf8") },
        ...{ method, path, headers, body, signal: AbortSignal.timeout(PATIENCE_MS) },
        // A connection per visit: each shows its certificate.
        ...(credential === undefined ? { agent: this.#agent } : { credential }),
      });
      return { status, body: parse(text) };
    } catch (error) {
      throw new Lost(String(error));
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Whether there was still a process to signal; a negative id is a group's. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
