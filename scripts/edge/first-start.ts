import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { parseFingerprint } from "../../src/registry/fingerprint.ts";
import { parseUserId } from "../../src/registry/user.ts";
import { createApi } from "../commands/shared/api.ts";
import type { Edge } from "./edge.ts";
import { PUBLIC_MODE, readIfThere, writeWhole } from "./files.ts";
import type { DemoDevice } from "./state.ts";

const DEMO_USER = "alice";
const ENROLLED: readonly DemoDevice[] = ["alice-phone", "alice-laptop"];
const TIMEOUT_MS = 30_000;

/**
 * Enrols alice's phone and laptop through the API, once in the life of a state folder: a later start
 * must not bring back a device that the owner revoked or forgot. A first start that was interrupted
 * is completed by the next.
 */
export async function enrolDemoDevices(edge: Edge): Promise<void> {
  if ((await readIfThere(edge.paths.demoEnrolled)) !== undefined) return;
  const user = parseUserId(DEMO_USER);
  if (user === undefined) throw new Error(`${DEMO_USER} is not a user id`);
  const api = createApi({
    origin: edge.url(edge.apiHost),
    token: edge.adminToken,
    ca: edge.ca,
    timeoutMs: TIMEOUT_MS,
  });
  await api.putUser(user, undefined);
  const known = await api.devices(user);
  for (const name of ENROLLED) {
    const certificate = await readFile(edge.paths.devices[name].pem, "utf8");
    const fingerprint = parseFingerprint(new X509Certificate(certificate).fingerprint256);
    // Enrolled by the start that was interrupted, whatever the owner has done with it since.
    const isKnown = known.some(
      (device) =>
        device.name === name || device.certificates.some((each) => each.fingerprint === fingerprint),
    );
    if (!isKnown) await api.enrol(user, { name, certificate });
  }
  await writeWhole(
    edge.paths.demoEnrolled,
    "The demo's devices were enrolled. Delete this file to have those enrolled again that are missing.\n",
    PUBLIC_MODE,
  );
}
