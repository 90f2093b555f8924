// The real Bitwarden command line as a spawned process, with a client certificate of its own.
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const BW = createRequire(import.meta.url).resolve("@bitwarden/cli/build/bw.js");

/** How far back the cached server configuration is aged: it is trusted for an hour. */
const AGE_MS = 2 * 3_600_000;

export interface Run {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** A Bitwarden client on a device: its data folder, and the certificate that it presents. */
export class BitwardenClient {
  readonly #folder: string;
  readonly #environment: NodeJS.ProcessEnv;

  constructor(options: {
    folder: string;
    caFile: string;
    certificate?: { certFile: string; keyFile: string } | undefined;
    session?: string;
  }) {
    this.#folder = options.folder;
    mkdirSync(this.#folder, { recursive: true });
    this.#environment = {
      PATH: process.env.PATH,
      HOME: this.#folder,
      BITWARDENCLI_APPDATA_DIR: this.#folder,
      BW_NOINTERACTION: "true",
      NODE_EXTRA_CA_CERTS: options.caFile,
      NODE_NO_WARNINGS: "1",
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      ...(options.session === undefined ? {} : { BW_SESSION: options.session }),
      ...(options.certificate === undefined ? {} : preload(this.#folder, options.certificate)),
    };
  }

  run(...words: string[]): Promise<Run> {
    return new Promise((resolve) => {
      const options = { env: this.#environment, timeout: 60_000 };
      execFile(process.execPath, [BW, ...words], options, (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ exitCode, stdout, stderr });
      });
    });
  }

  /** Makes the cached server configuration two hours old: the next command asks for it anew. */
  ageConfig(): void {
    const then = new Date(Date.now() - AGE_MS).toISOString();
    const text = readFileSync(this.#dataFile, "utf8").replace(/("utcDate":\s*")[^"]*"/g, `$1${then}"`);
    writeFileSync(this.#dataFile, text);
  }

  /** Items in the vault on disk; 0 after a wipe. */
  itemsOnDisk(): number {
    const data = JSON.parse(readFileSync(this.#dataFile, "utf8")) as Record<string, unknown>;
    return Object.entries(data)
      .filter(([key]) => key.endsWith("_ciphers_ciphers"))
      .reduce((sum, [, ciphers]) => sum + Object.keys(ciphers ?? {}).length, 0);
  }

  /** The encrypted items themselves, to see that not a byte of them changed. */
  vaultOnDisk(): string {
    const data = JSON.parse(readFileSync(this.#dataFile, "utf8")) as Record<string, unknown>;
    return JSON.stringify(Object.entries(data).filter(([key]) => key.endsWith("_ciphers_ciphers")));
  }

  copyDataTo(folder: string): void {
    mkdirSync(folder, { recursive: true });
    cpSync(this.#dataFile, join(folder, "data.json"));
  }

  get #dataFile(): string {
    return join(this.#folder, "data.json");
  }
}

/** The command line takes no client certificate: a preloaded module gives it to Node's HTTPS agent. */
function preload(folder: string, { certFile, keyFile }: { certFile: string; keyFile: string }) {
  const file = join(folder, "client-certificate.cjs");
  writeFileSync(
    file,
    `const { globalAgent } = require("node:https");
     const { readFileSync } = require("node:fs");
     globalAgent.options.cert = readFileSync(${JSON.stringify(certFile)});
     globalAgent.options.key = readFileSync(${JSON.stringify(keyFile)});
`,
  );
  return { NODE_OPTIONS: `--require ${JSON.stringify(file)}` };
}
