import { setTimeout as sleep } from "node:timers/promises";
import type { AuditEntry, Device, InvitationList, NewInvitation } from "../../src/contract/answers.ts";
import { NEGATIVE_MEMORY_MS } from "../../src/gate/standing-cache.ts";
import type { Certificate } from "./certificate-pool.ts";
import { type Answer, Lost } from "./gate.ts";
import { Ledger } from "./ledger.ts";
import { ABSENT, actsOn, change, read, type Scene } from "./scene.ts";

/** A device as the API shows it, with the fingerprints that pass while it is active. */
interface DeviceState {
  status: string;
  name: string;
  note: string | null;
  living: readonly string[];
}

/** How often to check whether a refusal is forgotten, in milliseconds. */
const LOOK_AGAIN_MS = 250;

const written = ({ status, name, note, living }: DeviceState) => [status, name, note, ...living].join(" ");

/** One device after the other: enrolled, changed, revoked, forgotten. */
export class DeviceLife {
  readonly #scene: Scene;
  readonly #user: string;
  readonly #index: number;
  /** How many devices there were before this one. */
  #count = 0;
  #ledger = new Ledger(ABSENT);
  /** The devices that the ledger's states stand for. */
  #known = new Map<string, DeviceState>();
  #id: string | undefined;
  /** This device's, newest last. Some may be retired, or were never added. */
  #certificates: Certificate[] = [];
  /** Whether every change of this device was answered. */
  #isCertain = true;

  constructor(scene: Scene, user: string, index: number) {
    this.#scene = scene;
    this.#user = user;
    this.#index = index;
    this.name = "";
    this.#startOver();
  }

  name: string;

  get #state(): DeviceState | undefined {
    return this.#known.get(this.#ledger.state);
  }

  get #path(): string {
    return `/users/${this.#user}/devices/${this.#id}`;
  }

  async step(): Promise<void> {
    const { chance } = this.#scene;
    const state = this.#state;
    if (state === undefined) {
      await (chance.happens(0.3) ? this.#enrolByInvitation() : this.#enrol());
      return;
    }
    if (chance.happens(0.4)) {
      await this.#visit();
      return;
    }
    switch (state.status) {
      case "active":
        if (state.living.length > 1) await this.#retire(state);
        else {
          const next = chance.pick(["suspend", "lost", "revoke", "edit", "renew", "renew"]);
          if (next === "edit") await this.#edit(state);
          else if (next === "renew") await this.#renew(state);
          else await this.#act(next, state);
        }
        break;
      case "suspended":
      case "lost":
        await this.#act(chance.pick(["reinstate", "reinstate", "revoke"]), state);
        break;
      default:
        await this.#forget(state);
    }
  }

  /** Revokes and forgets the device, if there is one. */
  async end(): Promise<void> {
    for (let state = this.#state; state !== undefined; state = this.#state) {
      if (state.status === "revoked") await this.#forget(state);
      else await this.#act("revoke", state);
    }
  }

  async compare(devices: readonly Device[], audit: readonly AuditEntry[] | undefined): Promise<void> {
    const { violations } = this.#scene;
    const device = devices.find(({ name }) => name === this.name);
    const found = device === undefined ? undefined : stateOf(device);
    this.#id = device?.id ?? this.#id;
    const id = this.#id;
    if (found !== undefined) this.#known.set(written(found), found);
    const acts = audit === undefined || id === undefined ? undefined : actsOn(audit, id);
    const state = found === undefined ? ABSENT : written(found);
    violations.push(...this.#ledger.compare(`${this.#user}/${this.name}`, state, acts));
    await this.#visit();
    if (found === undefined) this.#startOver();
  }

  /**
   * Returns the certificates to the pool: the next device that gets them must not pass before it is enrolled.
   */
  #startOver(): void {
    this.#scene.pool.give(this.#certificates, this.#isCertain);
    this.#certificates = [];
    this.#isCertain = true;
    this.#id = undefined;
    this.#ledger = new Ledger(ABSENT);
    this.#known.clear();
    this.#count += 1;
    this.name = `device-${this.#index}-${this.#count}`;
  }

  async #take(): Promise<Certificate> {
    const certificate = await this.#scene.pool.take();
    this.#certificates.push(certificate);
    return certificate;
  }

  async #enrol(): Promise<void> {
    const { gate } = this.#scene;
    const { fingerprint, credential } = await this.#take();
    const { name } = this;
    const body = { name, certificate: credential.certificate };
    const answer = await this.#change(
      { status: "active", name, note: null, living: [fingerprint] },
      "enrol",
      () => gate.api("POST", `/users/${this.#user}/devices`, body),
    );
    this.#id = (answer?.body as Device | undefined)?.id;
    if (answer === undefined) this.#startOver();
  }

  async #enrolByInvitation(): Promise<void> {
    const { gate, tally, violations } = this.#scene;
    const { fingerprint, credential } = await this.#take();
    const { name } = this;
    tally.operations += 1;
    const invited = await gate.api("POST", `/users/${this.#user}/invitations`, {});
    if (invited.status !== 201) throw new Lost(`an invitation was answered with ${invited.status}`);
    tally.acknowledged += 1;
    const { code, id } = invited.body as NewInvitation;
    const answer = await this.#change(
      { status: "active", name, note: null, living: [fingerprint] },
      "enrol",
      () => gate.redeem(code, name, this.#user, credential),
    );
    if (answer === undefined) {
      this.#startOver();
      return;
    }
    const { invitations } = await read<InvitationList>(gate, `/users/${this.#user}/invitations`);
    this.#id = invitations.find((invitation) => invitation.id === id)?.device ?? undefined;
    if (this.#id === undefined)
      violations.push(`the use of the invitation ${id} was acknowledged, and is lost`);
  }

  #act(act: string, state: DeviceState): Promise<unknown> {
    const { gate } = this.#scene;
    const status = { suspend: "suspended", lost: "lost", revoke: "revoked", reinstate: "active" }[act] ?? "";
    const body = act === "lost" ? { confirm: this.name } : {};
    return this.#change({ ...state, status }, act, () => gate.api("POST", `${this.#path}/${act}`, body));
  }

  /** Only the note, since the device is found by its name. */
  #edit(state: DeviceState): Promise<unknown> {
    const { gate } = this.#scene;
    const note = String(this.#scene.chance.number(1));
    return this.#change({ ...state, note }, "edit", () => gate.api("PATCH", this.#path, { note }));
  }

  async #renew(state: DeviceState): Promise<void> {
    const { gate } = this.#scene;
    const { fingerprint } = await this.#take();
    const next = { ...state, living: [...state.living, fingerprint].sort() };
    await this.#change(next, "add-credential", () =>
      gate.api("POST", `${this.#path}/certificates`, { fingerprint }),
    );
  }

  /** Either immediately, or by the first visit with the next certificate. */
  async #retire(state: DeviceState): Promise<void> {
    const { gate, chance, tally } = this.#scene;
    const [old, next] = this.#living(state);
    if (next === undefined || old === undefined) throw new Error("there is no certificate to retire");
    const left = { ...state, living: state.living.filter((fingerprint) => fingerprint !== old.fingerprint) };
    if (chance.happens(0.5)) {
      await this.#change(left, "retire-credential", () =>
        gate.api("DELETE", `${this.#path}/credentials/${old.fingerprint}`),
      );
    } else {
      tally.visits += 1;
      await this.#change(left, "retire-credential", () => gate.visit(next.credential));
    }
  }

  async #forget(state: DeviceState): Promise<void> {
    const { gate } = this.#scene;
    const answer = await this.#change(undefined, "forget", () => gate.api("DELETE", this.#path));
    if (answer === undefined) throw new Error(`${written(state)} cannot be forgotten`);
    // A forgotten device must be a stranger before another one gets the certificate.
    await this.#visit();
    this.#startOver();
  }

  /** Checks that every certificate passes or is refused, as was last acknowledged. */
  async #visit(): Promise<void> {
    const { gate, tally, violations } = this.#scene;
    const state = this.#state;
    // The first visit with a new certificate retires the old one, which is a change.
    const next = state === undefined ? undefined : this.#living(state)[1];
    for (const { credential, fingerprint } of this.#certificates.filter((each) => each !== next)) {
      const mayPass = state?.status === "active" && state.living.includes(fingerprint);
      // The gate remembers a refusal for a moment, whatever the revocation delay.
      const until = Date.now() + NEGATIVE_MEMORY_MS + 500;
      let { status } = await gate.visit(credential);
      while (mayPass && status === 404 && Date.now() < until) {
        await sleep(LOOK_AGAIN_MS);
        ({ status } = await gate.visit(credential));
      }
      tally.visits += 1;
      if (status !== (mayPass ? 200 : 404)) {
        const stand = state === undefined ? ABSENT : written(state);
        violations.push(`${this.#user}/${this.name} (${stand}) visited with ${fingerprint}: ${status}`);
      }
    }
  }

  /** The older one first. */
  #living(state: DeviceState): Certificate[] {
    return this.#certificates.filter(({ fingerprint }) => state.living.includes(fingerprint));
  }

  /** `next` is `undefined` for a device that goes. Resolves to `undefined` if the change was refused. */
  async #change(next: DeviceState | undefined, act: string, call: () => Promise<Answer>) {
    const after = next === undefined ? ABSENT : written(next);
    if (next !== undefined) this.#known.set(after, next);
    const name = `${this.#user}/${this.name}`;
    const wasCertain = this.#isCertain;
    this.#isCertain = false;
    const answer = await change(this.#scene, this.#ledger, after, act, name, call);
    this.#isCertain = wasCertain;
    return answer;
  }
}

function stateOf({ status, name, note, credentials }: Device): DeviceState {
  const living = credentials.filter(({ retiredAt }) => retiredAt === null);
  return { status, name, note, living: living.map(({ fingerprint }) => fingerprint).sort() };
}
