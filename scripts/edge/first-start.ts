import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { DeviceList } from "../../src/control/contract.ts";
import { parseFingerprint } from "../../src/registry/fingerprint.ts";
import { failed } from "../commands/shared/failure.ts";
import type { Edge } from "./edge.ts";
import { PUBLIC_MODE, readIfThere, writeWhole } from "./files.ts";
import { callApi } from "./local-api.ts";
import type { DemoDevice } from "./state.ts";

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
      (device) =>
        device.name === name || device.certificates.some((each) => each.fingerprint === fingerprint),
    );
    if (!isKnown) await ask(edge, "POST", `${USER}/devices`, { name, certificate });
  }
  await writeWhole(edge.paths.demoEnrolled, MARKER, PUBLIC_MODE);
}

async function ask(edge: Edge, method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await callApi(edge, method, path, body);
  if (answer.status >= 200 && answer.status < 300) return answer.body;
  throw failed(
    `the demo's devices could not be enrolled: ${method} ${path} answered ${answer.status}`,
    "see the Worker's lines above; the next start tries again",
  );
}
