import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { DeviceList } from "../../src/contract/answers.ts";
import { parseFingerprint } from "../../src/domain/fingerprint.ts";
import { PUBLIC_MODE, readIfThere, writeWhole } from "../files.ts";
import { type Failure, failed } from "../terminal/failure.ts";
import type { Edge } from "./edge.ts";
import { callApi } from "./local-api.ts";
import { logEntry } from "./log-text.ts";
import type { DemoDevice } from "./state/paths.ts";

const USER = "/users/alice";
const ENROLLED: readonly DemoDevice[] = ["alice-phone", "alice-laptop"];

const MARKER = `The demo's devices were enrolled, and are not again on later starts.
Delete this file to have those enrolled that are missing.
`;

/**
 * Enrols alice's phone and laptop through the API, once in the life of a state folder: a later start
 * must not bring back a device that the owner revoked or forgot. A first start that was interrupted
 * is completed by the next.
 */
export async function enrolDemoDevices(edge: Edge): Promise<void> {
  if ((await readIfThere(edge.paths.demoEnrolled)) !== undefined) return;
  await ask(edge, "PUT", USER, {});
  const { devices } = (await ask(edge, "GET", `${USER}/devices`)) as DeviceList;
  for (const name of ENROLLED) {
    const certificate = await readFile(edge.paths.devices[name].pem, "utf8");
    const fingerprint = parseFingerprint(new X509Certificate(certificate).fingerprint256);
    // Enrolled by the start that was interrupted, whatever the owner has done with it since.
    const isKnown = devices.some(
      (device) => device.name === name || device.credentials.some((each) => each.fingerprint === fingerprint),
    );
    if (!isKnown) await ask(edge, "POST", `${USER}/devices`, { name, certificate });
  }
  await writeWhole(edge.paths.demoEnrolled, MARKER, PUBLIC_MODE);
}

/** How long the Worker's lines about a refusal may take to get here, in milliseconds. */
const LOG_PATIENCE_MS = 2_000;

/** Why nothing that the welcome text proposes could work; `undefined` when the gate answers as it should. */
export async function whyItRefuses(edge: Edge): Promise<Failure | undefined> {
  const problems: string[] = [];
  const logged = Promise.withResolvers<void>();
  const stopListening = edge.onWorkerLog((line) => {
    const entry = logEntry(line);
    if (entry?.event === "misconfigured") problems.push(`${entry.variable} ${entry.message}`);
    // The last line about it.
    if (entry?.reason === "misconfigured") logged.resolve();
  });
  try {
    const { status } = await callApi(edge, "GET", "/me");
    if (status === 200) return undefined;
    await Promise.race([logged.promise, delay(LOG_PATIENCE_MS)]);
    const [first, ...others] = problems;
    if (first === undefined) {
      return failed(`the gate does not work: GET /me answered ${status}`, "see the Worker's lines above");
    }
    return failed(
      `the gate refuses everything: ${first}`,
      "correct it in --var, wrangler.toml or blocked.txt; Ctrl-C, then start again",
      others,
    );
  } finally {
    stopListening();
  }
}

async function ask(edge: Edge, method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await callApi(edge, method, path, body);
  if (answer.status >= 200 && answer.status < 300) return answer.body;
  throw failed(
    `the demo's devices could not be enrolled: ${method} ${path} answered ${answer.status}`,
    "see the Worker's lines above; the next start tries again",
  );
}
