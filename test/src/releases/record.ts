// Records this version for the tests of later ones: npm run release:fixture runs it. It does to a real Worker what a
// household does, writes down each call of the API and of the objects, and at the end the tables. Keep to what the
// earliest version can do that is to be recorded; add at the end of `live` what is new.
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { API_PATH } from "../../../src/contract/paths.ts";
import { DEVICE_PEM } from "../api/fixtures.ts";
import { HOST } from "../fixtures.ts";
import { cf, Isolate, VAULT_HOST } from "../gate/fixtures.ts";
import { by, directoryStub, fingerprint, registryStub, rows, userId } from "../registry/fixtures.ts";
import type { ApiCall, RpcCall } from "./recording.ts";

const FOLDER = "../../fixtures/releases/new";

/** From now. */
const YEARS_SECONDS = 9 * 365 * 24 * 3600;

it("records", { timeout: 60_000 }, async () => {
  const api: ApiCall[] = [];
  const rpc: RpcCall[] = [];
  const bindings = {
    USER_REGISTRY: recorded(env.USER_REGISTRY, rpc),
    DIRECTORY: recorded(env.DIRECTORY, rpc),
  };
  const isolate = new Isolate(bindings);
  await live(isolate, api, bindings.DIRECTORY);
  await isolate.idle();
  const write = (name: string, text: string) => expect(text).toMatchFileSnapshot(`${FOLDER}/${name}`);
  await write("api.json", lines(api));
  await write("rpc.json", lines(rpc));
  await write("directory.sql", await sqlOf(directoryStub()));
  for (const user of ["alice", "bob"]) await write(`${user}.sql`, await sqlOf(registryStub(userId(user))));
});

async function live(isolate: Isolate, calls: ApiCall[], bindings: Namespace): Promise<void> {
  async function call(method: string, path: string, body?: unknown, token: string = env.ADMIN_TOKEN) {
    const at = Date.now();
    const response = await isolate.fetch(`${API_PATH}${path}`, {
      method,
      cf: { country: "CH" },
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const answer = text === "" ? null : JSON.parse(text);
    const as = token === env.ADMIN_TOKEN ? {} : { token };
    calls.push({
      at,
      method,
      path,
      ...as,
      ...(body === undefined ? {} : { body }),
      status: response.status,
      answer,
    });
    if (response.status >= 300) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return answer;
  }
  const enrol = (user: string, name: string, n: number, more = {}) =>
    call("POST", `/users/${user}/devices`, { name, fingerprint: fingerprint(n), ...more });
  const visit = async (of: number, host = HOST, init = {}) => {
    await (await isolate.fetch(`https://${host}/`, { cf: cf({}, fingerprint(of)), ...init })).text();
    await isolate.idle();
  };

  await call("PUT", "/users/alice", { name: "Alice" });
  await call("PUT", "/users/bob", {});
  const alice = (path: string) => `/users/alice/devices/${path}`;

  const pixel = await enrol("alice", "Pixel 9", 1, { note: "black" });
  const laptop = await enrol("alice", "Laptop", 2);
  await call("POST", alice(`${laptop.id}/certificates`), { fingerprint: fingerprint(6) });
  const old = await enrol("alice", "Old phone", 3);
  await call("POST", alice(`${old.id}/revoke`), { reason: "sold" });
  const tablet = await enrol("alice", "Tablet", 4);
  await call("POST", alice(`${tablet.id}/lost`), { confirm: "Tablet", reason: "left on a train" });
  const away = await enrol("alice", "Away", 5);
  await call("POST", alice(`${away.id}/suspend`), {});
  const gone = await enrol("alice", "Gone", 7);
  await call("POST", alice(`${gone.id}/revoke`), {});
  await call("DELETE", alice(gone.id));
  await enrol("bob", "Desk", 10);
  await call("PATCH", alice(`${pixel.id}/limits`), {
    ...{ apps: [HOST, VAULT_HOST], countries: ["CH", "LI"], expiresAt: YEARS_SECONDS },
  });

  const secret = { apps: [HOST], validSeconds: 365 * 24 * 3600 };
  const radio = await call("POST", "/users/alice/device-tokens", { name: "Radio", kind: "token", ...secret });
  const feed = { name: "Calendar", kind: "feed", paths: ["/feeds/*"], ...secret };
  await call("POST", "/users/alice/device-tokens", feed);
  await call("POST", alice(`${radio.device.id}/tokens`), {});

  await visit(1);
  await visit(3);
  await visit(4, VAULT_HOST);
  await visit(8);
  const { tlsClientAuth: _, ...without } = cf();
  await visit(0, HOST, { cf: without, headers: { "x-latchkey-token": radio.token } });

  const token = await call("POST", "/tokens", { user: "alice", scope: "devices", name: "script" });
  await call("POST", "/tokens", { user: null, scope: "read", name: "monitor" });
  await call("POST", "/tokens", { user: "bob", scope: "emergency", name: "card" });
  const revoked = await call("POST", "/tokens", { user: "alice", scope: "read", name: "revoked" });
  await call("DELETE", `/tokens/${revoked.id}`);
  await call("GET", "/users/alice/devices?limit=500", undefined, token.token);

  const guest = { apps: [HOST], countries: ["CH"], expiresAt: YEARS_SECONDS };
  await call("POST", "/users/bob/invitations", { approval: true, limits: guest });
  const withdrawn = await call("POST", "/users/alice/invitations", {});
  await call("DELETE", `/users/alice/invitations/${withdrawn.id}`);
  const bundle = { id: crypto.randomUUID(), name: "New phone", certificate: DEVICE_PEM };
  await call("POST", "/users/alice/invitations", {
    bundle: { ...bundle, ciphertext: "QUJD", proof: "ab".repeat(32) },
  });

  // The pages' calls, with the arguments that this version's Worker gives.
  const objects = bindings.getByName("directory");
  const admin = await digestOf(env.ADMIN_TOKEN);
  const signIn = async (text: string) => {
    const session = {
      ...{
        id: crypto.randomUUID(),
        digest: await digestOf(crypto.randomUUID()),
        credential: await digestOf(text),
      },
      ...{ ip: "198.51.100.7", country: "CH", client: "Firefox" },
    };
    const opened = (await objects.signIn?.(by(), session, text === env.ADMIN_TOKEN)) as {
      value: { holder: string };
    };
    return { holder: opened.value.holder, digest: session.digest };
  };
  for (const text of [token.token, env.ADMIN_TOKEN]) {
    const [open, ended] = [await signIn(text), await signIn(text)];
    await objects.signOut?.(by(), ended, admin);
    for (const key of [open, ended, { ...open, digest: ended.digest }, { ...open, holder: "user-alice" }]) {
      await objects.ofSession?.(key, admin, Date.now());
    }
    // Another ADMIN_TOKEN than the one with which a session was opened.
    await objects.ofSession?.(open, "0".repeat(64), Date.now());
  }

  // At the end, each list: what a later version has to answer from the same tables.
  for (const path of LISTS) await call("GET", path);
}

const LISTS = [
  ...["/me", "/users?limit=500", "/users/alice/devices?limit=500", "/users/bob/devices?limit=500"],
  ...["/users/alice/invitations", "/users/bob/invitations", "/unknown-certificates", "/blocked"],
  ...["/tokens", "/sessions", "/backup", "/audit?limit=500"],
  ...["/users/alice/audit?limit=500", "/users/bob/audit?limit=500"],
];

type Namespace = { getByName(name: string): Record<string, (...args: unknown[]) => Promise<unknown>> };

/** Objects whose calls are written down. */
function recorded(binding: unknown, calls: RpcCall[]): Namespace {
  const namespace = binding as Namespace;
  return {
    getByName(object) {
      const stub = namespace.getByName(object);
      return new Proxy({} as ReturnType<Namespace["getByName"]>, {
        get:
          (_, method: string) =>
          async (...given: unknown[]) => {
            // JSON would make null of what is left out.
            const args = given.slice(0, given.findLastIndex((arg) => arg !== undefined) + 1);
            const call: RpcCall = {
              at: Date.now(),
              object,
              method,
              args: structuredClone(args),
              answer: null,
            };
            calls.push(call);
            const answer = await stub[method]?.(...args);
            call.answer = structuredClone(answer) ?? null;
            return answer;
          },
      });
    },
  };
}

async function digestOf(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A call per line, so that they can be read. */
const lines = (calls: readonly unknown[]) =>
  `[\n${calls.map((call) => JSON.stringify(call)).join(",\n")}\n]\n`;

/** The tables with their rows, as statements. */
function sqlOf(stub: DurableObjectStub): Promise<string> {
  return runInDurableObject(stub, (_, state) => {
    const own =
      "name NOT LIKE '\\_cf\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND sql IS NOT NULL";
    const made = rows(state, `SELECT type, name, sql FROM sqlite_master WHERE ${own} ORDER BY rowid`);
    const content = made
      .filter(({ type }) => type === "table")
      .flatMap(({ name }) =>
        rows(state, `SELECT * FROM ${name}`).map(
          (row) => `INSERT INTO ${name} VALUES (${Object.values(row).map(literal).join(", ")});`,
        ),
      );
    return `${[...made.map(({ sql }) => `${sql};`), ...content].join("\n")}\n`;
  });
}

function literal(value: SqlStorageValue): string {
  if (value === null || typeof value === "number") return String(value);
  if (typeof value === "string") return `'${value.replaceAll("'", "''")}'`;
  return `x'${[...new Uint8Array(value)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}'`;
}
