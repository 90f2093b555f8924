// The report of a run: what it contains, and what it must not.
import type { Finding, Measurement, Probe } from "./probe.ts";

/** What the owner may send to the project. */
export interface Report {
  /** The version of this form. */
  latchkeyProve: 1;
  /** The day, in UTC. */
  date: string;
  versions: { latchkey: string; node: string; openssl: string; system: string };
  /** `other`: a stand-in, whose report must not be taken for Cloudflare's. */
  api: "cloudflare" | "other";
  /** How many data centres answered; naming them would show where someone lives. */
  dataCentres: number;
  /** Whether the run completed, and whether all of it was undone. */
  complete: boolean;
  undone: boolean;
  probes: ReportedProbe[];
}

export type ReportedProbe = ReturnType<typeof reportedProbe>;

export function reportedProbe({ id, question }: Probe, finding: Finding, seconds: number) {
  const { outcome, reason = null, measurements = {} } = finding;
  return { id, question, outcome, reason, seconds, measurements };
}

const REMOVED = "(removed: it held a name)";
/** Shorter ones occur in ordinary words. */
const SHORTEST_SECRET = 4;

/**
 * Removes every measurement that contains a name or a secret of the run. Probes measure only forms, so this is a safety
 * net.
 */
export function withoutSecrets(report: Report, secrets: Iterable<string>): Report {
  const needles = [...secrets]
    .filter(({ length }) => length >= SHORTEST_SECRET)
    .map((secret) => secret.toLowerCase());
  const holds = (value: unknown) => {
    const text = String(value).toLowerCase();
    return needles.some((needle) => text.includes(needle));
  };
  const clean = (value: Measurement): Measurement => {
    if (Array.isArray(value)) return value.map((item) => (holds(item) ? REMOVED : item));
    return typeof value === "string" && holds(value) ? REMOVED : value;
  };
  return {
    ...report,
    probes: report.probes.map((probe) => ({
      ...probe,
      measurements: Object.fromEntries(
        Object.entries(probe.measurements)
          .filter(([name]) => !holds(name))
          .map(([name, value]) => [name, clean(value)]),
      ),
    })),
  };
}
