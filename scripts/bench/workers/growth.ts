// Runs in workerd: one object with many devices, and what calling it costs. The caller takes the time, since clocks
// stand still inside a Worker; so each call is repeated within one request.

import { keyOf } from "../../../src/domain/credential-key.ts";
import type { Fingerprint } from "../../../src/domain/fingerprint.ts";
import { NO_LIMITS } from "../../../src/domain/limits.ts";
import { NO_DETAILS, type Sighting } from "../../../src/domain/records.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { Directory } from "../../../src/registry/directory/directory.ts";
import type { Actor } from "../../../src/registry/storage/audit-log.ts";
import { UserRegistry } from "../../../src/registry/user/user-registry.ts";
import { countStatements, takeTally } from "./tally.ts";

const BY: Actor = { actor: "bench", ip: null, country: null, at: 0 };
const SIGHTING: Sighting = { at: 1, app: "app.example.com", country: "CH", ip: null, details: NO_DETAILS };

/** Devices that exist are numbered from 1; those that a measurement enrols, from here. */
const NEW = 10_000_000;

const key = (n: number) => keyOf("certificate", n.toString(16).padStart(64, "0") as Fingerprint);

/** Spread over all devices, so as not to read the same page of the database each time. */
const spread = (index: number, devices: number) => ((index * 7_919) % devices) + 1;

type Operation = (index: number, devices: number) => unknown;

const numbersTo = (devices: number) =>
  `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${devices})`;

export class GrowthRegistry extends UserRegistry {
  #operations: Record<string, Operation> = {
    lookup: (index, devices) => this.standing(key(spread(index, devices)), SIGHTING),
    "lookup of a stranger": (index) => this.standing(key(NEW * 2 + index), SIGHTING),
    enrolment: (index) => {
      const named = { name: `New ${index}`, note: null, limits: NO_LIMITS, key: key(NEW + index) };
      return this.enrol(BY, { ...named, details: NO_DETAILS, status: "active" }, Date.now(), 0);
    },
    revocation: (index, devices) =>
      this.changeStatus(BY, `id-${spread(index, devices)}`, index < devices ? "revoke" : "reinstate"),
    listing: (index, devices) => this.list(100, Math.max(0, spread(index, devices) - 100)),
  };

  fill(devices: number): void {
    const numbers = numbersTo(devices);
    this.ctx.storage.transactionSync(() => {
      this.ctx.storage.sql.exec(
        `INSERT INTO devices (id, name, name_key, status, enrolled_at, last_seen_at, last_seen_app, last_seen_country)
         ${numbers} SELECT 'id-' || i, 'Device ' || i, 'device ' || i, 'active', 0, 1, 'app.example.com', 'CH' FROM n`,
      );
      this.ctx.storage.sql.exec(
        `INSERT INTO credentials (key, device, not_after, added_at)
         ${numbers} SELECT printf('cert:%064x', i), i, 4e12, 0 FROM n`,
      );
    });
    countStatements(this.ctx.storage.sql);
  }

  measure(operation: string, devices: number, from: number, times: number) {
    return repeat(this.#operations[operation], devices, from, times);
  }
}

export class GrowthDirectory extends Directory {
  #operations: Record<string, Operation> = {
    lookup: (index, devices) => this.resolve(key(spread(index, devices)), SIGHTING),
    "lookup of a stranger": (index) => this.resolve(key(NEW * 2 + (index % 5)), SIGHTING),
    enrolment: (index) => this.claim(BY, key(NEW + index), "u1" as UserId),
    revocation: (index, devices) => this.release([key(spread(index, devices))], "u1" as UserId, Date.now()),
    listing: () => this.users(100, "u5"),
  };

  fill(devices: number): void {
    const numbers = numbersTo(devices);
    this.ctx.storage.transactionSync(() => {
      this.ctx.storage.sql.exec(
        `INSERT INTO users (id, name, created_at) ${numbers} SELECT 'u' || i, NULL, 0 FROM n`,
      );
      this.ctx.storage.sql.exec(
        `INSERT INTO claims (key, user, claimed_at) ${numbers} SELECT printf('cert:%064x', i), 'u' || i, 0 FROM n`,
      );
    });
    countStatements(this.ctx.storage.sql);
  }

  measure(operation: string, devices: number, from: number, times: number) {
    return repeat(this.#operations[operation], devices, from, times);
  }
}

function repeat(operation: Operation | undefined, devices: number, from: number, times: number) {
  if (operation === undefined) throw new Error("no such operation");
  takeTally();
  for (let index = from; index < from + times; index++) operation(index, devices);
  const { read, written } = takeTally();
  return { read: read / times, written: written / times };
}

interface Env {
  USER_REGISTRY: DurableObjectNamespace<GrowthRegistry>;
  DIRECTORY: DurableObjectNamespace<GrowthDirectory>;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/") return new Response("ready");
    const number = (name: string) => Number(searchParams.get(name));
    const devices = number("devices");
    const object =
      searchParams.get("object") === "directory"
        ? env.DIRECTORY.getByName(`with-${devices}`)
        : env.USER_REGISTRY.getByName(`with-${devices}`);
    if (pathname === "/fill") return Response.json((await object.fill(devices)) ?? null);
    const operation = searchParams.get("operation") ?? "";
    return Response.json(await object.measure(operation, devices, number("from"), number("times")));
  },
};
