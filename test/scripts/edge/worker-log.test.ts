import { openSync, readFileSync, readSync, statSync } from "node:fs";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startEdge } from "../../../scripts/edge/edge.ts";
import { logText } from "../../../scripts/edge/log-text.ts";
import { WorkerLog } from "../../../scripts/edge/state/worker-log.ts";
import { send, temporaryFolder } from "./client.ts";

let folder: string;
let cleanUp: () => Promise<void>;
beforeEach(async () => {
  [folder, cleanUp] = await temporaryFolder();
});
afterEach(() => cleanUp());

const fail = (error: unknown) => {
  throw error;
};

it("has the Worker's lines as it wrote them, for the owner only, and starts again with the edge", async () => {
  const written: string[] = [];
  const onWorkerLog = ({ message }: { message: string }) => written.push(message);
  const edge = await startEdge({ port: 0, stateDir: folder, onWorkerLog });
  const path = join(folder, "worker.log");
  expect(edge.paths.workerLog).toBe(path);
  const headers = { "user-agent": "curl/8 \u00e9\u001b[31m" };
  await send(edge, "/first?token=SECRET", {
    headers: { "user-agent": headers["user-agent"].replace("\u001b", "") },
  });
  await expect.poll(() => written.length).toBeGreaterThan(0);
  const text = await readFile(path, "utf8");
  expect(text).toBe(written.map((line) => `${line}\n`).join(""));
  expect(JSON.parse(text)).toMatchObject({ event: "refused", path: "/first", reason: "no-certificate" });
  expect(text).not.toContain("SECRET");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await edge.stop();
  expect(await readFile(path, "utf8")).toBe(text);

  const again = await startEdge({ port: 0, stateDir: folder });
  expect(await readFile(path, "utf8")).toBe("");
  await again.stop();
});

it("stays below its limit, and who reads the old file misses nothing of it", () => {
  const path = join(folder, "worker.log");
  const log = new WorkerLog(path, fail, 1000);
  const line = (number: number) => `{"n":${String(number).padStart(4, "0")}}`;
  log.write(line(0));
  const old = openSync(path, "r");
  for (let i = 1; i < 1000; i++) {
    log.write(line(i));
    expect(statSync(path).size).toBeLessThanOrEqual(1000);
  }
  expect(readFileSync(path, "utf8")).toMatch(/^\{"n":\d+\}\n(.+\n)*\{"n":0999\}\n$/);
  const buffer = Buffer.alloc(2000);
  const seen = buffer.subarray(0, readSync(old, buffer)).toString();
  expect(seen).toBe(Array.from({ length: 90 }, (_, i) => `${line(i)}\n`).join(""));
  log.close();
  log.write("after the end");
});

it("keeps what is not ours in one line, and harmless on a terminal", () => {
  const path = join(folder, "worker.log");
  const log = new WorkerLog(path, fail);
  log.write("Uncaught Error: \u001b[31mred\n    at line 2");
  log.write('{"event":"x"}');
  log.close();
  expect(readFileSync(path, "utf8")).toBe(
    'Uncaught Error: \\u{1b}[31mred\\u{a}    at line 2\n{"event":"x"}\n',
  );
});

it("that cannot be written is told once, and stops nothing", async () => {
  const path = join(folder, "worker.log");
  await mkdir(path);
  await writeFile(join(path, "in the way"), "");
  const errors: unknown[] = [];
  const log = new WorkerLog(path, (error) => errors.push(error));
  log.write("one");
  log.write("two");
  log.close();
  expect(errors).toHaveLength(1);
});

it.each([
  [
    { client: "Bitwarden_Mobile/2026.9.0 (Android 16)" },
    "refused unknown-device: GET app.localhost/x from CH, fingerprint 0d1e2f3a, by Bitwarden Android",
  ],
  [{ client: null }, "refused unknown-device: GET app.localhost/x from CH, fingerprint 0d1e2f3a"],
  [
    { reason: "no-certificate", fingerprint: null, token: "invalid", client: "curl/8.5.0" },
    "refused no-certificate: GET app.localhost/x from CH, with a token that is not valid here, by curl",
  ],
  [
    { client: "\u001b]0;owned\u0007/1", fingerprint: null, country: null },
    "refused unknown-device: GET app.localhost/x, by \\u{1b}]0;owned\\u{7}",
  ],
])("is shown to people with the program's name: %j", (fields, shown) => {
  const line = {
    event: "refused",
    reason: "unknown-device",
    app: "app.localhost",
    method: "GET",
    path: "/x",
  };
  const message = JSON.stringify({ ...line, country: "CH", fingerprint: "0d1e2f3a", ...fields });
  expect(logText({ level: "log", message })).toBe(shown);
});
