// Writers who change a registry constantly, and remember what was acknowledged.
import type { TokenList, UserList } from "../../src/contract/answers.ts";
import { CertificatePool } from "./certificate-pool.ts";
import type { Chance } from "./chance.ts";
import { type Gate, Lost } from "./gate.ts";
import { Person } from "./person.ts";
import { auditLog, PAGE, read, type Scene, type Tally } from "./scene.ts";
import { TokenHolder } from "./token-holder.ts";

/** The writers of one registry. They stop when the gate does. */
export class Household {
  readonly #scene: Scene;
  readonly #people: Person[];
  readonly #tokens: TokenHolder[];

  constructor(gate: Gate, chance: Chance, people: number) {
    const tally = { operations: 0, acknowledged: 0, underWay: 0, visits: 0, auditLines: 0 };
    this.#scene = { gate, chance, tally, violations: [], pool: new CertificatePool(gate) };
    this.#people = Array.from({ length: people }, (_, index) => new Person(this.#scene, `person-${index}`));
    this.#tokens = Array.from({ length: 2 }, (_, index) => new TokenHolder(this.#scene, `holder-${index}`));
  }

  get tally(): Readonly<Tally> {
    return this.#scene.tally;
  }

  get violations(): readonly string[] {
    return this.#scene.violations;
  }

  /** Makes changes until `isOver`, or until the gate is gone. */
  async live(isOver: () => boolean): Promise<void> {
    const writers = [...this.#people, ...this.#tokens];
    await Promise.all(
      writers.map(async (writer) => {
        try {
          while (!isOver()) await writer.step();
        } catch (error) {
          if (!(error instanceof Lost)) throw error;
        }
      }),
    );
  }

  /** Compares everything with what was acknowledged. The gate must be idle. */
  async compare(): Promise<void> {
    const { gate, violations } = this.#scene;
    const users = (await read<UserList>(gate, `/users?limit=${PAGE}`)).users.map(({ id }) => id);
    const log = await auditLog(gate, "/audit");
    const owners = new Map<string, string>();
    for (const person of this.#people) {
      for (const [fingerprint, device] of await person.compare(users, log)) {
        const owner = owners.get(fingerprint);
        if (owner !== undefined) violations.push(`${fingerprint} belongs to both ${owner} and ${device}`);
        owners.set(fingerprint, device);
      }
    }
    const { tokens } = await read<TokenList>(gate, "/tokens");
    for (const holder of this.#tokens) await holder.compare(tokens, log);
    this.#scene.tally.auditLines = log.length;
    for (const person of this.#people) this.#scene.tally.auditLines += person.auditLines;
  }
}
