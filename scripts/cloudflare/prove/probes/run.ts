import { Failure } from "../../../terminal/failure.ts";
import type { CloudflareClient } from "../../client/client.ts";
import { CloudflareFailure } from "../../client/failure.ts";
import { watchForInterruption } from "../../client/interruption.ts";
import type { Zone } from "../../client/zone.ts";
import type { Finding, Probe, Scene, SceneOptions } from "../probe.ts";
import { type ReportedProbe, reportedProbe } from "../report.ts";
import type { Names } from "../things.ts";
import { UndoStack } from "../undo.ts";
import { secondsSince } from "../waiting.ts";
import { PROBES } from "./all.ts";

/** Follows the run. */
export interface Listener {
  progress(line: string): void;
  found(probe: Probe, finding: Finding, why: string | undefined): void;
}

export interface Result {
  probes: ReportedProbe[];
  dataCentres: number;
  /** What the report must not contain. */
  secrets: ReadonlySet<string>;
  interrupted: boolean;
  /** What could not be undone, one line each. */
  remaining: string[];
}

/** Runs every probe in order, and undoes everything, whatever happens. Throws only faults of our own. */
export async function prove(
  client: CloudflareClient,
  zone: Zone,
  names: Names,
  options: SceneOptions,
  listener: Listener,
): Promise<Result> {
  const interruption = watchForInterruption();
  const { host, worker, key, commonName } = names;
  const { id, name, account } = zone;
  const scene: Scene = {
    ...{ client, zone, names, options },
    undo: new UndoStack(),
    signal: interruption.signal,
    progress: listener.progress,
    colos: new Set(),
    secrets: new Set([host, worker, key, commonName, id, name, account.id, account.name]),
  };
  const probes: ReportedProbe[] = [];
  let remaining: string[] = [];
  try {
    const worked = new Set<string>();
    for (const probe of PROBES) {
      if (interruption.signal.aborted) break;
      const start = performance.now();
      const { finding, why } = await tryProbe(probe, scene, worked);
      // Half a probe proves nothing.
      if (interruption.signal.aborted) break;
      if (finding.outcome === "seen" || finding.outcome === "differs") worked.add(probe.id);
      probes.push(reportedProbe(probe, finding, secondsSince(start)));
      listener.found(probe, finding, why);
    }
  } finally {
    remaining = await scene.undo.undoAll(listener.progress);
    interruption.end();
  }
  const interrupted = interruption.signal.aborted;
  return { probes, dataCentres: scene.colos.size, secrets: scene.secrets, interrupted, remaining };
}

/** `why` is for the terminal only, since it may contain names. */
async function tryProbe(
  probe: Probe,
  scene: Scene,
  worked: ReadonlySet<string>,
): Promise<{ finding: Finding; why?: string }> {
  const missing = probe.needs.find((need) => !worked.has(need));
  if (missing !== undefined) {
    return { finding: { outcome: "skipped", reason: `needs ${missing}, which did not work` } };
  }
  scene.progress(`${probe.title} ...`);
  try {
    return { finding: await probe.run(scene) };
  } catch (error) {
    return { finding: failedFinding(error), why: whyOf(error) };
  }
}

function failedFinding(error: unknown): Finding {
  if (error instanceof CloudflareFailure) {
    const { problem } = error;
    const status = problem.kind === "refused" ? { status: problem.status, code: problem.code } : {};
    return {
      outcome: "failed",
      reason: `Cloudflare's API: ${problem.kind}`,
      measurements: problem.kind === "permission" ? { permission: problem.permission } : status,
    };
  }
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return {
    outcome: "failed",
    reason:
      error instanceof Failure ? "an answer that is not understood" : "no connection, or a fault of ours",
    measurements: typeof code === "string" && /^[A-Z0-9_]{1,60}$/.test(code) ? { code } : {},
  };
}

function whyOf(error: unknown): string {
  if (error instanceof Failure) return `${error.message}; ${error.hint}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
