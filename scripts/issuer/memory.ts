// What the issuer remembers while it runs: sessions, codes and tokens.
import type { Adapter, AdapterFactory, AdapterPayload } from "oidc-provider";

/** A store of its own for each issuer: the library's would be shared by all of them, with a warning in the terminal. */
export function memory(): AdapterFactory {
  const kept = new Map<string, AdapterPayload>();
  return (model) => new Memory(kept, model);
}

/** Whether something has expired, the library sees for itself. */
class Memory implements Adapter {
  readonly #kept: Map<string, AdapterPayload>;
  readonly #model: string;

  constructor(kept: Map<string, AdapterPayload>, model: string) {
    this.#kept = kept;
    this.#model = model;
  }

  async upsert(id: string, payload: AdapterPayload): Promise<void> {
    this.#kept.set(this.#key(id), payload);
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    return this.#kept.get(this.#key(id));
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.#first((payload) => payload.uid === uid);
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return this.#first((payload) => payload.userCode === userCode);
  }

  async consume(id: string): Promise<void> {
    const payload = this.#kept.get(this.#key(id));
    if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id: string): Promise<void> {
    this.#kept.delete(this.#key(id));
  }

  /** All codes and tokens of the grant; the grant itself has an id of its own. */
  async revokeByGrantId(grantId: string): Promise<void> {
    for (const [key, payload] of this.#kept) {
      if (payload.grantId === grantId) this.#kept.delete(key);
    }
  }

  #key(id: string): string {
    return `${this.#model}:${id}`;
  }

  #first(fits: (payload: AdapterPayload) => boolean): AdapterPayload | undefined {
    for (const [key, payload] of this.#kept) {
      if (key.startsWith(`${this.#model}:`) && fits(payload)) return payload;
    }
    return undefined;
  }
}
