// What all writers share, and how they make a change.
import type { AuditEntry, AuditList } from "../../src/contract/answers.ts";
import type { CertificatePool } from "./certificate-pool.ts";
import type { Chance } from "./chance.ts";
import { type Answer, type Gate, Lost } from "./gate.ts";
import type { Ledger } from "./ledger.ts";

export const ABSENT = "absent";
export const PRESENT = "present";

/** The largest page of the API. */
export const PAGE = 500;

export interface Tally {
  operations: number;
  acknowledged: number;
  underWay: number;
  visits: number;
  auditLines: number;
}

export interface Scene {
  gate: Gate;
  chance: Chance;
  tally: Tally;
  violations: string[];
  pool: CertificatePool;
}

/** Sends a change. Throws `Lost` if its outcome is unknown. A refusal is a violation, since every change is allowed. */
export async function change(
  { tally, violations }: Scene,
  ledger: Ledger,
  after: string,
  act: string,
  name: string,
  call: () => Promise<Answer>,
): Promise<Answer | undefined> {
  const before = ledger.state;
  ledger.begin(after, act);
  tally.operations += 1;
  let answer: Answer;
  try {
    answer = await call();
    if (answer.status >= 500) throw new Lost(`${act} was answered ${answer.status}`);
  } catch (error) {
    tally.underWay += 1;
    throw error;
  }
  if (answer.status < 400) {
    tally.acknowledged += 1;
    ledger.acknowledge();
    return answer;
  }
  ledger.refuse();
  violations.push(
    `${name} (${before}): ${act} was refused with ${answer.status} ${JSON.stringify(answer.body)}`,
  );
  return undefined;
}

export async function read<T>(gate: Gate, path: string): Promise<T> {
  const answer = await gate.api("GET", path);
  if (answer.status !== 200) throw new Lost(`GET ${path} was answered ${answer.status}`);
  return answer.body as T;
}

/** The whole log, oldest first. */
export async function auditLog(gate: Gate, path: string): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for (let before: string | null = ""; before !== null; ) {
    const query: string = before === "" ? "" : `&before=${before}`;
    const page: AuditList = await read(gate, `${path}?limit=${PAGE}${query}`);
    entries.push(...page.entries);
    before = page.next;
  }
  return entries.reverse();
}

export function actsOn(log: readonly AuditEntry[], id: string): string[] {
  return log.filter(({ target, outcome }) => target?.id === id && outcome === "done").map(({ act }) => act);
}
