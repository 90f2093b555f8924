// Deletions, additions and enrolments of one user, all at the same moment. Whatever their order, what was acknowledged
// must exist afterwards, and each certificate must have one owner.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Device, DeviceList } from "../../src/contract/answers.ts";
import type { Chance } from "./chance.ts";
import { type Gate, Lost } from "./gate.ts";

/** How many of each are sent at the same time. */
export interface Race {
  deletions: number;
  additions: number;
  enrolments: number;
}

export const RACES: readonly Race[] = [
  { deletions: 2, additions: 0, enrolments: 3 },
  { deletions: 1, additions: 1, enrolments: 3 },
  { deletions: 2, additions: 1, enrolments: 3 },
  { deletions: 1, additions: 0, enrolments: 4 },
];

export function raceName({ deletions, additions, enrolments }: Race): string {
  return `${deletions} DELETE, ${additions} PUT, ${enrolments} enrolments`;
}

/** All calls of a round start within this many milliseconds, about the duration of a change. */
const SPREAD_MS = 150;
/** Concurrent rounds, each with a user of its own. */
const WIDTH = 12;

/** Runs rounds until there are enough, or `isOver`. Returns how many it ran, and what it found. */
export async function runRaces(
  gate: Gate,
  chance: Chance,
  race: Race,
  rounds: number,
  isOver: () => boolean,
): Promise<{ rounds: number; violations: string[] }> {
  const violations: string[] = [];
  let begun = 0;
  const runner = async () => {
    while (begun < rounds && !isOver()) {
      begun += 1;
      violations.push(...(await runRound(gate, chance, race)));
    }
  };
  await Promise.all(Array.from({ length: Math.min(WIDTH, rounds) }, runner));
  return { rounds: begun, violations };
}

async function runRound(gate: Gate, chance: Chance, race: Race): Promise<string[]> {
  const suffix = randomBytes(6).toString("hex");
  const [user, other] = [`race-${suffix}`, `other-${suffix}`];
  await sure(gate, "PUT", `/users/${user}`, {});
  await sure(gate, "PUT", `/users/${other}`, {});

  const atSomeMoment = async <T>(call: () => Promise<T>): Promise<T> => {
    await sleep(chance.number(SPREAD_MS));
    return call();
  };
  const times = <T>(count: number, call: (index: number) => Promise<T>) =>
    Array.from({ length: count }, (_, index) => atSomeMoment(() => call(index)));
  const [enrolled] = await Promise.all([
    Promise.all(
      times(race.enrolments, (index) => {
        const fingerprint = randomBytes(32).toString("hex");
        return gate.api("POST", `/users/${user}/devices`, { name: `device-${index}`, fingerprint });
      }),
    ),
    ...times(race.deletions, () => gate.api("DELETE", `/users/${user}`)),
    ...times(race.additions, () => gate.api("PUT", `/users/${user}`, {})),
  ]);
  const acknowledged = enrolled.filter(({ status }) => status === 201).map(({ body }) => body as Device);
  return judge(gate, race, user, other, acknowledged);
}

async function judge(
  gate: Gate,
  race: Race,
  user: string,
  other: string,
  acknowledged: readonly Device[],
): Promise<string[]> {
  const violations: string[] = [];
  const listed = await gate.api("GET", `/users/${user}/devices`);
  const ids = listed.status === 200 ? (listed.body as DeviceList).devices.map(({ id }) => id) : [];
  const lost = acknowledged.filter(({ id }) => !ids.includes(id));
  if (lost.length > 0) {
    violations.push(
      `${raceName(race)}: ${lost.length} of ${acknowledged.length} acknowledged devices of ${user} are gone (list: ${listed.status})`,
    );
  }
  // A user who is added again has everything that the registry kept.
  await sure(gate, "PUT", `/users/${user}`, {});
  const { devices } = await sure<DeviceList>(gate, "GET", `/users/${user}/devices`);
  for (const device of devices.filter(({ status }) => status === "active")) {
    const fingerprint = device.credentials[0]?.fingerprint;
    const taken = await gate.api("POST", `/users/${other}/devices`, { name: device.name, fingerprint });
    if (taken.status === 201) {
      violations.push(`${raceName(race)}: ${fingerprint} is active for both ${user} and ${other}`);
    }
  }
  return violations;
}

async function sure<T>(gate: Gate, method: string, path: string, body?: unknown): Promise<T> {
  const answer = await gate.api(method, path, body);
  if (answer.status >= 300) throw new Lost(`${method} ${path} answered ${answer.status}`);
  return answer.body as T;
}
