// Plays a recording to code that makes ids, secrets and times of its own.
import { expect } from "vitest";

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** A digest, but not one of the tests' certificates, which begin with zeros. */
const DIGEST = /^(?!0{32})[0-9a-f]{64}$/;
const SECRETS = ["token", "code", "link", "comparisonCode"];
/** How far the times may differ: the objects have clocks of their own, and a recording notes when a call began. */
const MAX_LATE_MS = 60_000;
const YEAR_2020 = Date.UTC(2020, 0, 1);

/** Remembers what the code of today made where the recording has something random. */
export class Recorded {
  readonly #made = new Map<string, string>();

  /** A recorded call, with what is random replaced by what was made now. */
  now<T>(call: T): T {
    let text = JSON.stringify(call);
    for (const [recorded, made] of this.#made) text = text.replaceAll(recorded, made);
    return JSON.parse(text);
  }

  /** Expects every field of a recorded answer; there may be more now. */
  compare(recorded: unknown, now: unknown, where: string): void {
    if (typeof recorded !== "object" || recorded === null) {
      if (recorded !== now && !this.#stands(recorded, now, where)) expect(now, where).toEqual(recorded);
      return;
    }
    if (typeof now !== "object" || now === null) {
      expect(now, where).toEqual(recorded);
      return;
    }
    if (Array.isArray(recorded)) expect(now, where).toHaveLength(recorded.length);
    for (const [name, value] of Object.entries(recorded)) {
      this.compare(value, (now as Record<string, unknown>)[name], `${where}.${name}`);
    }
  }

  /** Whether something random, or a time, stands in the place of another one. */
  #stands(recorded: unknown, now: unknown, where: string): boolean {
    const name = where.split(".").at(-1) ?? "";
    const isTime = Math.abs(timeOf(recorded) - timeOf(now)) < MAX_LATE_MS;
    const isRandom =
      typeof recorded === "string" &&
      typeof now === "string" &&
      (SECRETS.includes(name) || [ID, DIGEST].some((form) => form.test(recorded) && form.test(now)));
    // Times count where the directory grants them and the Worker hands them on.
    if (isRandom || (isTime && typeof now === "number")) this.#made.set(String(recorded), String(now));
    return isRandom || isTime;
  }
}

function timeOf(value: unknown): number {
  const time = typeof value === "string" ? Date.parse(value) : Number(value);
  return time > YEAR_2020 ? time : Number.NaN;
}
