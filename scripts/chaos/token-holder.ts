import type { AuditEntry, NewToken, TokenList } from "../../src/contract/answers.ts";
import { Ledger } from "./ledger.ts";
import { ABSENT, actsOn, change, PRESENT, type Scene } from "./scene.ts";

/** A token that reads everything, made and revoked. */
export class TokenHolder {
  readonly #scene: Scene;
  readonly #name: string;
  #ledger = new Ledger(ABSENT);
  #count = 0;
  #token: NewToken | undefined;
  #revoked: NewToken | undefined;

  constructor(scene: Scene, name: string) {
    this.#scene = scene;
    this.#name = name;
  }

  get #fullName(): string {
    return `${this.#name}-${this.#count}`;
  }

  async step(): Promise<void> {
    const { gate } = this.#scene;
    const name = this.#fullName;
    if (this.#ledger.state === ABSENT) {
      const body = { user: null, name, scope: "read" };
      const answer = await change(this.#scene, this.#ledger, PRESENT, "create-token", name, () =>
        gate.api("POST", "/tokens", body),
      );
      this.#token = answer?.body as NewToken | undefined;
    } else {
      const id = this.#token?.id ?? "";
      await change(this.#scene, this.#ledger, ABSENT, "revoke-token", name, () =>
        gate.api("DELETE", `/tokens/${id}`),
      );
    }
    if (this.#ledger.state === ABSENT) this.#begin();
    else await this.#use(this.#token, true);
  }

  async compare(tokens: TokenList["tokens"], log: readonly AuditEntry[]): Promise<void> {
    const { violations } = this.#scene;
    const token = tokens.find(({ name }) => name === this.#fullName);
    const id = token?.id ?? this.#token?.id;
    const acts = id === undefined ? undefined : actsOn(log, id);
    violations.push(...this.#ledger.compare(this.#fullName, token === undefined ? ABSENT : PRESENT, acts));
    if (this.#ledger.state === ABSENT) this.#begin();
    await this.#use(this.#token, true);
    // No more often than this, since wrong tokens are throttled.
    await this.#use(this.#revoked, false);
    // If nobody received the token's secret, it is left alone.
    if (this.#token === undefined) this.#begin();
  }

  async #use(token: NewToken | undefined, isGood: boolean): Promise<void> {
    if (token === undefined) return;
    const { status } = await this.#scene.gate.api("GET", "/me", undefined, token.token);
    if ((status === 200) === isGood && status < 500) return;
    const stand = isGood ? "there" : "revoked";
    this.#scene.violations.push(`the token ${token.name} is ${stand}, but got the answer ${status}`);
  }

  #begin(): void {
    this.#count += 1;
    this.#revoked = this.#token ?? this.#revoked;
    this.#token = undefined;
    this.#ledger = new Ledger(ABSENT);
  }
}
