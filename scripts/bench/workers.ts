import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { unstable_readConfig } from "wrangler";
import { Workerd } from "./workerd.ts";

const PROJECT = join(import.meta.dirname, "..", "..");

/** Stands in for the app: answers a kilobyte, at native speed. */
export const ORIGIN = `
const BODY = "x".repeat(1024);
export default { fetch: () => new Response(BODY) };
`;

/** The floor: only forwards. */
export const BARE = "export default { fetch: (request) => fetch(request) };";

/** What most people write: 404 or the app, by Cloudflare's verdict, without a list of devices. */
export const TWENTY_LINES = `
export default {
  async fetch(request) {
    const tls = request.cf && request.cf.tlsClientAuth;
    if (!tls || tls.certPresented !== "1") {
      return new Response("Not Found", { status: 404 });
    }
    if (tls.certVerified !== "SUCCESS") {
      return new Response("Not Found", { status: 404 });
    }
    return fetch(request);
  },
};
`;

/** The same, logging each refusal: otherwise nobody would know the reason. */
export const TWENTY_LINES_AND_A_LOG = TWENTY_LINES.replaceAll(
  'return new Response("Not Found", { status: 404 });',
  `{
    console.log(JSON.stringify({
      event: "refused",
      method: request.method,
      path: new URL(request.url).pathname,
      ray: request.headers.get("cf-ray"),
      client: request.headers.get("user-agent"),
    }));
    return new Response("Not Found", { status: 404 });
  }`,
);

/** Runs a Worker of the bench's own, from `workers/`, with its two objects, in a folder that is gone afterwards. */
export async function withWorker<T>(
  file: string,
  durableObjects: { USER_REGISTRY: string; DIRECTORY: string },
  work: (worker: Workerd) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-bench-"));
  try {
    const code = await bundleWorker(file);
    const worker = await Workerd.start({ folder, code, durableObjects, ...compatibility() });
    try {
      return await work(worker);
    } finally {
      await worker.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Sends an order to a Worker of the bench's own, and returns its result. */
export async function order<T>(worker: Workerd, path: string, init: RequestInit): Promise<T> {
  const response = await fetch(`${worker.url}${path}`, init);
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  return (await response.json()) as T;
}

/** A Worker of the bench's own, bundled from `workers/`. */
export async function bundleWorker(file: string): Promise<string> {
  const result = await build({
    entryPoints: [join(import.meta.dirname, "workers", file)],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    external: ["cloudflare:*", "node:*"],
    logLevel: "silent",
  });
  return result.outputFiles[0]?.text ?? "";
}

/** From `wrangler.toml`. */
export function compatibility(): { compatibilityDate: string; compatibilityFlags: string[] } {
  const config = unstable_readConfig({ config: join(PROJECT, "wrangler.toml") });
  return {
    compatibilityDate: config.compatibility_date ?? "",
    compatibilityFlags: config.compatibility_flags,
  };
}
