import type { Fingerprint } from "../../../src/domain/fingerprint.ts";
import type { CloudflareClient } from "../client/client.ts";
import type { Zone } from "../client/zone.ts";
import type { Reach } from "./connection.ts";
import type { Names } from "./things.ts";
import type { UndoStack } from "./undo.ts";

/**
 * `seen`: as the docs and the code assume; `differs`: otherwise than assumed; `not-seen`: it did not happen in time;
 * `skipped`: not tried; `failed`: it could not be tried.
 */
export type Outcome = "seen" | "differs" | "not-seen" | "skipped" | "failed";

/** What goes into the report: never a name, an address, an id or a secret. */
export type Measurement = string | number | boolean | null | readonly (string | number)[];
export type Measurements = Readonly<Record<string, Measurement>>;

export interface Finding {
  outcome: Outcome;
  /** For `skipped`, `not-seen` and `failed`: a fixed sentence, without names. */
  reason?: string;
  measurements?: Measurements;
}

/** Something that was waited for did not happen. */
export function notInTime(reason: string, waitedSeconds: number, more: Measurements = {}): Finding {
  return { outcome: "not-seen", reason, measurements: { waitedSeconds, ...more } };
}

/** One assumption that was never tested on a real zone. */
export interface Probe {
  /** For programs; it never changes. */
  id: string;
  /** What the probe does, for people. */
  title: string;
  /** What it is to find out. */
  question: string;
  /** Probes that must have worked before. */
  needs: readonly string[];
  run(scene: Scene): Promise<Finding>;
}

/** A certificate that Cloudflare signed for this run. */
export interface Credential {
  /** Cloudflare's id. */
  id: string;
  /** PEM, both. */
  certificate: string;
  key: string;
  fingerprint: Fingerprint;
}

/** What the probes work with, and what earlier ones made for later ones. */
export interface Scene {
  readonly client: CloudflareClient;
  readonly zone: Zone;
  readonly names: Names;
  readonly undo: UndoStack;
  readonly options: SceneOptions;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  progress(line: string): void;
  /** Every data centre that answered. */
  readonly colos: Set<string>;
  /** Every name and secret of the run: the report must not contain any. */
  readonly secrets: Set<string>;
  reach?: Reach;
  credential?: Credential;
}

export interface SceneOptions {
  /** Where https goes, whatever the host's name resolves to. */
  connectTo: { hostname: string; port: number } | undefined;
  /** PEM: the only authorities that are trusted; without it, the system's own. */
  ca: string | undefined;
  timeoutMs: number;
  uploads: boolean;
  exhaustQuota: boolean;
}

/** For probes that need the DNS record's. */
export function reachOf({ reach }: Scene): Reach {
  if (reach === undefined) throw new Error("this probe needs the one that makes the DNS record");
  return reach;
}

export function credentialOf({ credential }: Scene): Credential {
  if (credential === undefined) throw new Error("this probe needs the one that issues the certificate");
  return credential;
}
