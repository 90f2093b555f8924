// Writers who change a registry without pause, and remember what was acknowledged.
import { X509Certificate } from "node:crypto";
import type {
  AuditEntry,
  AuditList,
  Device,
  DeviceList,
  NewInvitation,
  NewToken,
  TokenList,
  UserList,
} from "../../src/control/contract.ts";
import type { Credential } from "../edge/certificates.ts";
import type { Chance } from "./chance.ts";
import { type Answer, type Gate, Lost } from "./gate.ts";
import { Ledger } from "./ledger.ts";

const ABSENT = "absent";
const PRESENT = "present";
const DEVICES_EACH = 3;
/** After two minutes an unfinished change of another user no longer holds a certificate; and a moment. */
const ABANDONED_MS = 125_000;
/** The API's largest page. */
const PAGE = 500;

export interface Tally {
  operations: number;
  acknowledged: number;
  underWay: number;
  visits: number;
  auditLines: number;
}

interface Certificate {
  credential: Credential;
  fingerprint: string;
}

/** Certificates that nobody of the household has enrolled. */
class CertificatePool {
  readonly #gate: Gate;
  readonly #waiting: (Certificate & { from: number })[] = [];
  #issued = 0;

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  async take(): Promise<Certificate> {
    const index = this.#waiting.findIndex(({ from }) => from <= Date.now());
    const [waited] = index === -1 ? [] : this.#waiting.splice(index, 1);
    if (waited !== undefined) return waited;
    this.#issued += 1;
    const credential = await this.#gate.issue(`device ${this.#issued}`);
    const fingerprint = new X509Certificate(credential.certificate).fingerprint256;
    return { credential, fingerprint: fingerprint.replaceAll(":", "").toLowerCase() };
  }

  /** `isCertain`: that the directory knows that nobody has it; otherwise it is somebody's until it is abandoned. */
  give(certificates: readonly Certificate[], isCertain: boolean): void {
    const from = isCertain ? 0 : Date.now() + ABANDONED_MS;
    for (const certificate of certificates) this.#waiting.push({ ...certificate, from });
  }
}

/** All that the writers share. */
interface Scene {
  gate: Gate;
  chance: Chance;
  tally: Tally;
  violations: string[];
  pool: CertificatePool;
}

/** The writers of one registry. One run of it ends when the gate does. */
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

  /** Changes things until `isOver`, or until the gate is gone. */
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
        if (owner !== undefined) violations.push(`${fingerprint} is of ${owner} and of ${device}`);
        owners.set(fingerprint, device);
      }
    }
    const { tokens } = await read<TokenList>(gate, "/tokens");
    for (const holder of this.#tokens) await holder.compare(tokens, log);
    this.#scene.tally.auditLines = log.length;
    for (const person of this.#people) this.#scene.tally.auditLines += person.auditLines;
  }
}

/** A user whose devices come and go, and who is deleted and added again. */
class Person {
  readonly #scene: Scene;
  readonly #id: string;
  readonly #ledger = new Ledger(ABSENT);
  readonly #lives: DeviceLife[];
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
    const steps = Math.ceil(chance.number(12));
    await together(this.#lives, async (life) => {
      for (let step = 0; step < steps; step++) await life.step();
    });
    if (!chance.happens(0.3)) return;
    await together(this.#lives, (life) => life.end());
    await change(this.#scene, this.#ledger, ABSENT, "delete-user", path, () => gate.api("DELETE", path));
  }

  /** Returns whose certificates are whose: the fingerprints of this person's devices. */
  async compare(users: readonly string[], log: readonly AuditEntry[]): Promise<Map<string, string>> {
    const { gate, violations } = this.#scene;
    const state = users.includes(this.#id) ? PRESENT : ABSENT;
    const acts = actsOn(log, this.#id);
    violations.push(...this.#ledger.compare(this.#id, state, acts));
    // The registry of a user who was deleted has a log still; it can be read when the user is back.
    const isThere = state === PRESENT;
    const path = `/users/${this.#id}`;
    const devices = isThere ? (await read<DeviceList>(gate, `${path}/devices?limit=${PAGE}`)).devices : [];
    const audit = isThere ? await auditLog(gate, `${path}/audit`) : undefined;
    this.auditLines = audit?.length ?? this.auditLines;
    for (const life of this.#lives) await life.compare(devices, audit);
    const known = new Set(this.#lives.map(({ name }) => name));
    for (const { name } of devices.filter((device) => !known.has(device.name))) {
      violations.push(`${this.#id}/${name} is there, and nobody has enrolled it`);
    }
    const owners = new Map<string, string>();
    for (const device of devices) {
      for (const { fingerprint } of device.certificates)
        owners.set(fingerprint, `${this.#id}/${device.name}`);
    }
    return owners;
  }
}

/** What a device is: its status, its name, and the fingerprints that are let in while it is active. */
interface DeviceState {
  status: string;
  name: string;
  living: readonly string[];
}

const written = ({ status, name, living }: DeviceState) => [status, name, ...living].join(" ");

/** One device after the other: enrolled, changed, revoked, forgotten. */
class DeviceLife {
  readonly #scene: Scene;
  readonly #user: string;
  readonly #index: number;
  /** How many devices there were before this one. */
  #count = 0;
  #ledger = new Ledger(ABSENT);
  /** What the ledger's state and the one after it say. */
  #known = new Map<string, DeviceState>();
  #id: string | undefined;
  /** Of this device, newest last. Some may be retired, or never have been added. */
  #certificates: Certificate[] = [];
  /** Whether every change of this device was answered. */
  #isCertain = true;

  constructor(scene: Scene, user: string, index: number) {
    this.#scene = scene;
    this.#user = user;
    this.#index = index;
    this.name = "";
    this.#begin();
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
          const next = chance.pick(["suspend", "lost", "revoke", "rename", "renew", "renew"]);
          if (next === "rename") await this.#rename(state);
          else if (next === "renew") await this.#renew(state);
          else await this.#act(next, state);
        }
        break;
      case "suspended":
      case "lost":
        await this.#act(chance.pick(["restore", "restore", "revoke"]), state);
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
    if (found === undefined) this.#begin();
  }

  /** The certificates go back to the others: whoever gets them next is let in only when it is enrolled. */
  #begin(): void {
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
    const answer = await this.#change({ status: "active", name, living: [fingerprint] }, "enrol", () =>
      gate.api("POST", `/users/${this.#user}/devices`, body),
    );
    this.#id = (answer?.body as Device | undefined)?.id;
    if (answer === undefined) this.#begin();
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
    const answer = await this.#change({ status: "active", name, living: [fingerprint] }, "enrol", () =>
      gate.redeem(code, name, credential),
    );
    if (answer === undefined) {
      this.#begin();
      return;
    }
    const { invitations } = await read<{ invitations: { id: string; device: string | null }[] }>(
      gate,
      `/users/${this.#user}/invitations`,
    );
    this.#id = invitations.find((invitation) => invitation.id === id)?.device ?? undefined;
    if (this.#id === undefined)
      violations.push(`the use of the invitation ${id} was acknowledged, and is lost`);
  }

  #act(act: string, state: DeviceState): Promise<unknown> {
    const { gate } = this.#scene;
    const status = { suspend: "suspended", lost: "lost", revoke: "revoked", restore: "active" }[act] ?? "";
    const body = act === "lost" ? { confirm: this.name } : {};
    return this.#change({ ...state, status }, act, () => gate.api("POST", `${this.#path}/${act}`, body));
  }

  /** Only the note's, in the log: a name finds the device again. */
  #rename(state: DeviceState): Promise<unknown> {
    const { gate } = this.#scene;
    const note = String(this.#scene.chance.number(1));
    return this.#change(state, "edit", () => gate.api("PATCH", this.#path, { note }));
  }

  async #renew(state: DeviceState): Promise<void> {
    const { gate } = this.#scene;
    const { fingerprint } = await this.#take();
    const next = { ...state, living: [...state.living, fingerprint].sort() };
    await this.#change(next, "add-certificate", () =>
      gate.api("POST", `${this.#path}/certificates`, { fingerprint }),
    );
  }

  /** Either at once, or by the first visit with the next certificate. */
  async #retire(state: DeviceState): Promise<void> {
    const { gate, chance, tally } = this.#scene;
    const [old, next] = this.#living(state);
    if (next === undefined || old === undefined) throw new Error("there is nothing to retire");
    const left = { ...state, living: state.living.filter((fingerprint) => fingerprint !== old.fingerprint) };
    if (chance.happens(0.5)) {
      await this.#change(left, "retire-certificate", () =>
        gate.api("DELETE", `${this.#path}/certificates/${old.fingerprint}`),
      );
    } else {
      tally.visits += 1;
      await this.#change(left, "retire-certificate", () => gate.visit(next.credential));
    }
  }

  async #forget(state: DeviceState): Promise<void> {
    const { gate } = this.#scene;
    const answer = await this.#change(undefined, "forget", () => gate.api("DELETE", this.#path));
    if (answer === undefined) throw new Error(`${written(state)} cannot be forgotten`);
    // Who was forgotten is a stranger, before somebody else gets the certificate.
    await this.#visit();
    this.#begin();
  }

  /** Every certificate is let in or refused as was acknowledged last. */
  async #visit(): Promise<void> {
    const { gate, tally, violations } = this.#scene;
    const state = this.#state;
    // The first visit with a certificate's successor retires it: that is a change.
    const next = state === undefined ? undefined : this.#living(state)[1];
    for (const { credential, fingerprint } of this.#certificates.filter((each) => each !== next)) {
      const mayPass = state?.status === "active" && state.living.includes(fingerprint);
      const { status } = await gate.visit(credential);
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

  /** `undefined` is a device that is gone; a refused change has no answer. */
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

function stateOf({ status, name, certificates }: Device): DeviceState {
  const living = certificates.filter(({ retiredAt }) => retiredAt === null);
  return { status, name, living: living.map(({ fingerprint }) => fingerprint).sort() };
}

/** A token that reads everything, made and revoked. */
class TokenHolder {
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
    // Not more often: wrong tokens are throttled.
    await this.#use(this.#revoked, false);
    // One whose secret nobody has heard is left to itself.
    if (this.#token === undefined) this.#begin();
  }

  async #use(token: NewToken | undefined, isGood: boolean): Promise<void> {
    if (token === undefined) return;
    const { status } = await this.#scene.gate.api("GET", "/me", undefined, token.token);
    if ((status === 200) === isGood && status < 500) return;
    const stand = isGood ? "there" : "revoked";
    this.#scene.violations.push(`the token ${token.name} is ${stand}, and was answered ${status}`);
  }

  #begin(): void {
    this.#count += 1;
    this.#revoked = this.#token ?? this.#revoked;
    this.#token = undefined;
    this.#ledger = new Ledger(ABSENT);
  }
}

/** Sends a change. Throws `Lost` when its outcome is unknown; a refusal is a violation, since each was allowed. */
async function change(
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

/** All of them to their end, also when one is lost. */
async function together<T>(all: readonly T[], work: (one: T) => Promise<unknown>): Promise<void> {
  const results = await Promise.allSettled(all.map(work));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

async function read<T>(gate: Gate, path: string): Promise<T> {
  const answer = await gate.api("GET", path);
  if (answer.status !== 200) throw new Lost(`GET ${path} was answered ${answer.status}`);
  return answer.body as T;
}

/** The whole log, oldest first. */
async function auditLog(gate: Gate, path: string): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for (let before: string | null = ""; before !== null; ) {
    const query: string = before === "" ? "" : `&before=${before}`;
    const page: AuditList = await read(gate, `${path}?limit=${PAGE}${query}`);
    entries.push(...page.entries);
    before = page.next;
  }
  return entries.reverse();
}

function actsOn(log: readonly AuditEntry[], id: string): string[] {
  return log.filter(({ target, outcome }) => target?.id === id && outcome === "done").map(({ act }) => act);
}
