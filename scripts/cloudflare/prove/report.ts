// The report of a run: what is in it, and what must not be.
import type { Finding, Measurement, Probe } from "./probe.ts";

/** What is sent to us. */
export interface Report {
  /** The version of this form. */
  latchkeyProve: 1;
  /** The day, in UTC. */
  date: string;
  versions: { latchkey: string; node: string; openssl: string; system: string };
  /** `other`: a stand-in's, so that its report is not taken for Cloudflare's. */
  api: "cloudflare" | "other";
  /** How many data centres answered. Which ones would show where someone lives. */
  dataCentres: number;
  /** Whether the run went to its end, and whether nothing of it remains. */
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
/** Shorter ones are in words of all kinds. */
const SHORTEST_SECRET = 4;

/**
 * The last net below probes that measure forms only: no measurement holds a name or a secret of the run. Those that
 * do are removed.
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
