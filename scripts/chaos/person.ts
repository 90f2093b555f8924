import type { AuditEntry, DeviceList } from "../../src/contract/answers.ts";
import { DeviceLife } from "./device-life.ts";
import { Lost } from "./gate.ts";
import { Ledger } from "./ledger.ts";
import { ABSENT, actsOn, auditLog, change, PAGE, PRESENT, read, type Scene } from "./scene.ts";

const DEVICES_EACH = 3;

/** A user whose devices come and go, and who is deleted and added again. */
export class Person {
  readonly #scene: Scene;
  readonly #id: string;
  readonly #ledger = new Ledger(ABSENT);
  readonly #lives: DeviceLife[];
  /** A deletion was begun, and no acknowledgement has arrived. */
  #isBeingDeleted = false;
  auditLines = 0;

  constructor(scene: Scene, id: string) {
    this.#scene = scene;
    this.#id = id;
    this.#lives = Array.from({ length: DEVICES_EACH }, (_, index) => new DeviceLife(scene, id, index));
  }

  async step(): Promise<void> {
    const { gate, chance } = this.#scene;
    const path = `/users/${this.#id}`;
    if (this.#ledger.state === ABSENT) {
      await change(this.#scene, this.#ledger, PRESENT, "create-user", path, () => gate.api("PUT", path, {}));
    }
    // An interrupted deletion leaves a user to whom nothing can be added, until the next PUT.
    if (this.#isBeingDeleted) {
      const { status } = await gate.api("PUT", path, {});
      if (status !== 200) throw new Lost(`PUT ${path} was answered ${status}`);
      this.#isBeingDeleted = false;
    }
    const steps = Math.ceil(chance.number(12));
    await together(this.#lives, async (life) => {
      for (let step = 0; step < steps; step++) await life.step();
    });
    if (!chance.happens(0.3)) return;
    await together(this.#lives, (life) => life.end());
    this.#isBeingDeleted = true;
    await change(this.#scene, this.#ledger, ABSENT, "delete-user", path, () => gate.api("DELETE", path));
    this.#isBeingDeleted = false;
  }

  /** Returns the owner of each certificate: this person's devices by fingerprint. */
  async compare(users: readonly string[], log: readonly AuditEntry[]): Promise<Map<string, string>> {
    const { gate, violations } = this.#scene;
    const state = users.includes(this.#id) ? PRESENT : ABSENT;
    const acts = actsOn(log, this.#id);
    violations.push(...this.#ledger.compare(this.#id, state, acts));
    // A deleted user's log still exists, but can be read only once the user is back.
    const isThere = state === PRESENT;
    const path = `/users/${this.#id}`;
    const devices = isThere ? (await read<DeviceList>(gate, `${path}/devices?limit=${PAGE}`)).devices : [];
    const audit = isThere ? await auditLog(gate, `${path}/audit`) : undefined;
    this.auditLines = audit?.length ?? this.auditLines;
    for (const life of this.#lives) await life.compare(devices, audit);
    const known = new Set(this.#lives.map(({ name }) => name));
    for (const { name } of devices.filter((device) => !known.has(device.name))) {
      violations.push(`${this.#id}/${name} exists, but nobody enrolled it`);
    }
    return new Map(
      devices.flatMap(({ name, credentials }) =>
        credentials.map(({ fingerprint }) => [fingerprint, `${this.#id}/${name}`] as const),
      ),
    );
  }
}

/** Waits for all of them, even if one is lost. */
async function together<T>(all: readonly T[], work: (one: T) => Promise<unknown>): Promise<void> {
  const results = await Promise.allSettled(all.map(work));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
