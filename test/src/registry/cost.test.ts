import { reset, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it } from "vitest";
import type { SecretDigest } from "../../../src/domain/credential.ts";
import type { CredentialKey } from "../../../src/domain/credential-key.ts";
import type { Directory } from "../../../src/registry/directory/directory.ts";
import { ADMIN_HOLDER } from "../../../src/registry/directory/session-table.ts";
import { LAST_SEEN_EVERY_MS } from "../../../src/registry/user/rules/sightings.ts";
import {
  ALICE,
  by,
  cost,
  directoryStub,
  enrolment,
  fingerprint,
  key,
  registryStub,
  rows,
  sighting,
  UNLIMITED,
  userId,
} from "./fixtures.ts";

// The free plan counts rows: 5 million read and 100,000 written a day. The counts are the runtime's own.

afterEach(reset);

/** A registry with this many devices, each seen just now. */
function fill(state: DurableObjectState, devices: number): void {
  const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${devices})`;
  state.storage.sql.exec(
    `INSERT INTO devices (id, name, name_key, status, enrolled_at, last_seen_at, last_seen_app, last_seen_country)
       ${numbers} SELECT 'id-' || i, 'Device ' || i, 'device ' || i, 'active', 0, 1000, 'app.example.com', 'CH' FROM n`,
  );
  state.storage.sql.exec(
    `INSERT INTO credentials (key, device, not_after, added_at)
       ${numbers} SELECT printf('cert:%064x', i), i, 4e12, 0 FROM n`,
  );
}

const WIPE = { at: 2000, count: 1, tokenRefresh: true, app: "app.example.com", country: null, ip: null };

async function costsWith(devices: number) {
  return runInDurableObject(registryStub(userId(`with-${devices}`)), (alice, state) => {
    fill(state, devices);
    const last = key(devices);
    const measure = (work: () => unknown) => cost(state, work);
    return {
      standing: measure(() => expect(alice.standing(last, sighting({ at: 1000 }))).not.toBeNull()),
      "standing of a stranger": measure(() => alice.standing(key(99_999), sighting())),
      "standing, last seen due": measure(() => alice.standing(last, sighting())),
      get: measure(() => expect(alice.get(`id-${devices}`)).not.toBeNull()),
      holds: measure(() => alice.holds(last)),
      "list a page": measure(() => alice.list(5, 0)),
      "audit a page": measure(() => alice.audit(5, null)),
      checkEnrolment: measure(() => {
        expect(alice.checkEnrolment(by(), enrolment({ key: key(50_000) })).ok).toBe(true);
      }),
      enrol: measure(() => {
        expect(alice.enrol(by(), enrolment({ key: key(50_000) }), Date.now(), 0).ok).toBe(true);
      }),
      changeStatus: measure(() => {
        expect(alice.changeStatus(by(), `id-${devices}`, "revoke").ok).toBe(true);
      }),
      lost: measure(() => expect(alice.changeStatus(by(), "id-5", "lost").ok).toBe(true)),
      "noteWipe, the first": measure(() => alice.noteWipe(key(5), WIPE)),
      noteWipe: measure(() => alice.noteWipe(key(5), WIPE)),
      "noteWipe of an active device": measure(() => alice.noteWipe(key(6), WIPE)),
      edit: measure(() => alice.edit(by(), "id-3", { name: "Other name", note: undefined })),
      forget: measure(() => expect(alice.forget(by(), `id-${devices}`, 0).ok).toBe(true)),
    };
  });
}

it("nobody who signs in costs more with 2,000 browsers than with 10", async () => {
  const costs = (browsers: number) =>
    runInDurableObject(registryStub(userId(`browsers-${browsers}`)), (alice, state) => {
      fill(state, browsers);
      state.storage.sql.exec("UPDATE devices SET kind = 'browser', apps = '[]'");
      state.storage.sql.exec("INSERT INTO browsers SELECT id, 'issuer', 'subject', NULL, NULL FROM devices");
      const opener = { issuer: "issuer", subject: "subject", session: null };
      const ticket = { ticket: "t", ticketEndsAt: 2e12, authTime: null };
      const use = { ...ticket, opener, app: "app.example.com" };
      return {
        prospect: cost(state, () => expect(alice.prospect(null, null, 1e12)).toBe("new")),
        openBrowser: cost(state, () => {
          expect(alice.openBrowser(by({ at: 1e12 }), key(50_000, "browser"), use).ok).toBe(true);
        }),
      };
    });
  expect(await costs(2000)).toEqual(await costs(10));
});

it("no call of a user's registry costs more with 2,000 devices than with 10", async () => {
  expect(await costsWith(2000)).toEqual(await costsWith(10));
});

it("a gate's question costs two rows read and none written, and one written when last seen is due", async () => {
  const costs = await costsWith(10);
  expect(costs.standing).toEqual({ read: 2, written: 0 });
  expect(costs["standing, last seen due"].written).toBe(1);
  expect(costs["standing of a stranger"].written).toBe(0);
  expect(costs["standing of a stranger"].read).toBeLessThanOrEqual(1);
  expect(costs.noteWipe.written).toBe(1);
  expect(costs["noteWipe of an active device"].written).toBe(0);
});

it.each(["token", "feed"] as const)(
  "a gate's question for a %s costs what one for a certificate does",
  async (kind) => {
    await runInDurableObject(registryStub(ALICE), (alice, state) => {
      fill(state, 10);
      const limits = { kind, apps: ["app.example.com"], countries: ["CH"], expiresAt: 8e15, paths: null };
      const wanted = enrolment({ name: "TV", key: key(7, kind), limits });
      expect(alice.enrol(by(), wanted, Date.now(), 0).ok).toBe(true);
      const ask = (of: CredentialKey, at: number) => cost(state, () => alice.standing(of, sighting({ at })));
      for (const of of [key(7), key(7, kind)]) {
        alice.standing(of, sighting({ at: 2000 }));
        expect(ask(of, 2000)).toEqual({ read: 2, written: 0 });
        expect(ask(of, 2000 + LAST_SEEN_EVERY_MS).written).toBe(1);
      }
      expect(ask(key(99_999, kind), 2000)).toEqual(ask(key(99_999), 2000));
    });
    await runInDurableObject(directoryStub(), (directory, state) => {
      directory.putUser(by(), ALICE, undefined);
      directory.claim(by(), key(1, kind), ALICE);
      const found = cost(state, () => expect(directory.resolve(key(1, kind), sighting())).toBe(ALICE));
      expect(found).toEqual({ read: 1, written: 0 });
      const strange = cost(state, () => expect(directory.resolve(key(2, kind), sighting())).toBeNull());
      expect(strange.written, "a stranger's token is not noted").toBe(0);
      expect(strange.read).toBeLessThanOrEqual(1);
    });
  },
);

it("no call of the directory costs more with 2,000 users and claims than with 10", async () => {
  const costsOf = (users: number) =>
    runInDurableObject(directoryStub(), (directory, state) => {
      for (const table of ["users", "claims", "audit", "unknown_certificates"])
        state.storage.sql.exec(`DELETE FROM ${table}`);
      const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${users})`;
      state.storage.sql.exec(`INSERT INTO users ${numbers} SELECT 'u' || i, NULL, 0, 0, 'member' FROM n`);
      state.storage.sql.exec(
        `INSERT INTO claims ${numbers} SELECT printf('cert:%064x', i), 'u' || i, 0 FROM n`,
      );
      for (let n = 1; n <= 5; n++) directory.resolve(key(90_000 + n), sighting());
      const measure = (work: () => unknown) => cost(state, work);
      const last = userId(`u${users}`);
      let removal = 0;
      return {
        resolve: measure(() => expect(directory.resolve(key(users), sighting())).toBe(last)),
        user: measure(() => expect(directory.user(last)).not.toBeNull()),
        unknownCertificates: measure(() => directory.unknownCertificates()),
        "users, a page": measure(() => directory.users(5, "u")),
        claim: measure(() => expect(directory.claim(by(), key(50_000), last).ok).toBe(true)),
        release: measure(() => directory.release([key(50_000)], last, Number.MAX_SAFE_INTEGER)),
        putUser: measure(() => directory.putUser(by(), userId("new"), undefined)),
        asOf: measure(() => {
          removal = directory.asOf(last) ?? expect.fail();
        }),
        removeUser: measure(() =>
          expect(directory.removeUser(by(), last, removal)).toMatchObject({ ok: true }),
        ),
      };
    });
  const many = await costsOf(2000);
  expect(many).toEqual(await costsOf(10));
  expect(many.resolve).toEqual({ read: 1, written: 0 });
});

describe("credentials of people", () => {
  const NOW = Date.UTC(2026, 10, 26, 12);
  const MINUTE = 60_000;
  const ADMIN = "digest of the ADMIN_TOKEN" as SecretDigest;
  /** The digest of the n-th token, code or cookie that `fillCredentials` made. */
  const digest = (n: number) => n.toString(16).padStart(64, "0") as SecretDigest;

  /** A directory with this many entries in each table; each token has signed in twenty times. */
  function fillCredentials({ storage: { sql } }: DurableObjectState, count: number): void {
    const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})`;
    for (const table of ["users", "claims", "tokens", "sign_ins", "invitation_index", "audit"])
      sql.exec(`DELETE FROM ${table}`);
    sql.exec(`INSERT INTO users ${numbers} SELECT 'u' || i, NULL, 0, 0, 'member' FROM n`);
    sql.exec(`INSERT INTO claims ${numbers} SELECT printf('cert:%064x', i), 'u' || i, 0 FROM n`);
    sql.exec(
      `INSERT INTO tokens (id, digest, user, name, scope, created_at, last_used_at)
         ${numbers} SELECT 'id-' || i, printf('%064x', i), 'u' || i, 'token', 'devices', 0, ${NOW} FROM n`,
    );
    sql.exec(
      `INSERT INTO sign_ins ${numbers}, times(t) AS (SELECT 1 UNION ALL SELECT t + 1 FROM times WHERE t < 20)
         SELECT 'id-' || i, printf('%064x', i),
           (SELECT json_group_array(json_object('at', ${NOW} - 2 * 3600000, 'session', json_object(
              'id', i || '-' || t, 'digest', printf('%064x', t), 'expiresAt', ${NOW} + 3600000,
              'ip', '198.51.100.7', 'country', 'CH', 'client', 'Firefox'))) FROM times) FROM n`,
    );
    sql.exec(`INSERT INTO invitation_index ${numbers} SELECT printf('%064x', i), 'u' || i, 9e15 FROM n`);
    sql.exec(
      `INSERT INTO audit (at, actor, act, outcome, detail) ${numbers} SELECT i, 'admin', 'sign-in', 'done', '{}' FROM n`,
    );
    sql.exec("UPDATE credential_check SET exempt = (SELECT json_group_array(digest) FROM tokens)");
  }

  const session = (credential: SecretDigest, n: number) => ({
    ...{ id: `new-${n}`, digest: digest(0xa0000 + n), credential },
    ...{ ip: null, country: null, client: "Firefox" },
  });

  function costsOf(directory: Directory, state: DurableObjectState, count: number) {
    fillCredentials(state, count);
    directory.credentialCheck();
    const measure = (work: () => unknown) => cost(state, work);
    const found = digest(count);
    const nobodys = digest(0xdead00);
    const own = { holder: `id-${count}`, digest: digest(7) };
    const signIn = (credential: SecretDigest, n: number, at = NOW) =>
      directory.signIn(by({ at }), session(credential, n), credential === ADMIN).ok;
    return {
      credentialCheck: measure(() => expect(directory.credentialCheck().exempt).toHaveLength(count)),
      "token, found": measure(() => expect(directory.ofToken(found, NOW)).not.toBeNull()),
      "token, found, its last use due": measure(() => directory.ofToken(found, NOW + 5 * MINUTE)),
      "token, not found": measure(() => expect(directory.ofToken(nobodys, NOW)).toBeNull()),
      "session, found": measure(() => expect(directory.ofSession(own, ADMIN, NOW)).not.toBeNull()),
      "session, not found": measure(() =>
        expect(directory.ofSession({ ...own, digest: nobodys }, ADMIN, NOW)).toBeNull(),
      ),
      "sign-in, wrong": measure(() => expect(signIn(nobodys, 1)).toBe(false)),
      "sign-in, the first": measure(() => expect(signIn(ADMIN, 2)).toBe(true)),
      "sign-in, at the twentieth session": measure(() => expect(signIn(found, 3)).toBe(true)),
      "sign-in, too often": (() => {
        for (let n = 0; n < 20; n++) signIn(digest(1), 100 + n);
        return measure(() => expect(signIn(digest(1), 200)).toBe(false));
      })(),
      "sign-out": measure(() => {
        const key = { holder: ADMIN_HOLDER, digest: session(ADMIN, 2).digest };
        expect(directory.signOut(by({ at: NOW }), key, ADMIN)).toBe(true);
      }),
      "invitation, found": measure(() => expect(directory.invitationOwner(found)).not.toBeNull()),
      "invitation, not found": measure(() => expect(directory.invitationOwner(nobodys)).toBeNull()),
      "owner of a certificate": measure(() => directory.owner(key(count))),
      "owner of an unknown one": measure(() => directory.owner(key(0xdead00))),
      // Calls of those who manage it.
      createToken: measure(() => {
        const wanted = {
          id: "new",
          user: userId("u1"),
          name: "new",
          scope: "read" as const,
          expiresAt: null,
        };
        expect(directory.createToken(by(), wanted, digest(0xbeef)).ok).toBe(true);
      }),
      "sessions of a user": measure(() => expect(directory.sessions(userId("u2"), NOW)).toHaveLength(20)),
      "sessions of a user, ended": measure(() =>
        expect(directory.endSessions(by({ at: NOW }), userId("u2"), ["2-1", "2-2"])).toBe(2),
      ),
      revokeToken: measure(() => expect(directory.revokeToken(by(), "id-3").ok).toBe(true)),
      indexInvitation: measure(() => directory.indexInvitation(by(), digest(0xcafe), userId("u1"), 9e15)),
      removeUser: (() => {
        const removal = directory.asOf(userId("u4")) ?? 0;
        return measure(() => expect(directory.removeUser(by(), userId("u4"), removal).ok).toBe(true));
      })(),
    };
  }

  it("no call costs more with 10,000 of everything than with 10; an anonymous one reads at most 10 rows and writes 3", async () => {
    const [few, many] = await runInDurableObject(directoryStub(), (directory, state) => [
      costsOf(directory, state, 10),
      costsOf(directory, state, 10_000),
    ]);
    expect(many).toEqual(few);
    const { credentialCheck } = few;
    expect(credentialCheck).toEqual({ read: 1, written: 0 });
    for (const [name, { read, written }] of Object.entries(few)) {
      if (name === "createToken") break;
      expect(read, name).toBeLessThanOrEqual(10);
      expect(written, name).toBeLessThanOrEqual(3);
    }
    for (const name of [
      "token, found",
      "token, not found",
      "session, found",
      "session, not found",
    ] as const) {
      expect(few[name].read, name).toBeLessThanOrEqual(2);
      expect(few[name].written, name).toBe(0);
    }
    for (const name of ["sign-in, wrong", "sign-in, too often", "invitation, not found"] as const)
      expect(few[name].written, name).toBe(0);
  });

  it("300 right sign-ins in an hour write no more than 20 do (finding 4: a token that only reads wrote the day's rows)", async () => {
    await runInDurableObject(directoryStub(), (directory, state) => {
      fillCredentials(state, 10);
      const { written } = cost(state, () => {
        for (let n = 0; n < 300; n++) {
          const at = NOW + n * 10_000;
          const made = session(digest(5), n);
          const opened = directory.signIn(by({ at }), made, false);
          if (opened.ok) {
            directory.signOut(by({ at }), { holder: opened.value.holder, digest: made.digest }, ADMIN);
          }
        }
      });
      expect(written).toBeLessThanOrEqual(20 * (3 + 2));
    });
  });

  it("an invitation's page costs a user's registry the same with 10,000 invitations as with 10", async () => {
    const costs = async (count: number) =>
      runInDurableObject(registryStub(userId(`invited-${count}`)), (registry, state) => {
        fill(state, 10);
        const { sql } = state.storage;
        const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})`;
        sql.exec(
          `INSERT INTO invitations (id, digest, app, approval, created_at, created_by, expires_at)
             ${numbers} SELECT 'id-' || i, printf('%064x', i), NULL, 0, 0, 'admin', 9e15 FROM n`,
        );
        const measure = (work: () => unknown) => cost(state, work);
        const wanted = enrolment({ name: "New", key: key(50_000) });
        const use = (n: number) => ({ digest: digest(n), app: "app.example.com" });
        const invitation = { id: "new", app: null, approval: false, expiresAt: 8e15, limits: UNLIMITED };
        return {
          deviceOf: measure(() => expect(registry.deviceOf(key(3), Date.now())).not.toBeNull()),
          "deviceOf, not found": measure(() => expect(registry.deviceOf(key(50_000), Date.now())).toBeNull()),
          "a code that is good": measure(() =>
            expect(registry.checkEnrolment(by(), wanted, use(count)).ok).toBe(true),
          ),
          "a code that is not": measure(() =>
            expect(registry.checkEnrolment(by(), wanted, use(0xdead00)).ok).toBe(false),
          ),
          enrol: measure(() => expect(registry.enrol(by(), wanted, Date.now(), 0, use(count)).ok).toBe(true)),
          invite: measure(() => expect(registry.invite(by(), invitation, digest(0xcafe), 0).ok).toBe(true)),
          withdraw: measure(() => expect(registry.withdraw(by(), "id-2").ok).toBe(true)),
        };
      });
    const few = await costs(10);
    expect(await costs(10_000)).toEqual(few);
    const { enrol: _, invite: __, withdraw: ___, ...anonymous } = few;
    for (const [name, { read, written }] of Object.entries(anonymous)) {
      expect(read, name).toBeLessThanOrEqual(10);
      expect(written, name).toBeLessThanOrEqual(3);
    }
  });
});

describe("reading writes nothing", () => {
  it("in a user's registry", async () => {
    await runInDurableObject(registryStub(ALICE), (alice, state) => {
      fill(state, 10);
      const { written } = cost(state, () => {
        alice.list(5, 0);
        alice.get("id-3");
        alice.get("nobody's");
        alice.holds(key(3));
        alice.audit(10, null);
        alice.standing(key(99), sighting());
        alice.standing(key(3), sighting({ at: 1000 }));
        alice.checkEnrolment(by(), enrolment({ key: key(99) }));
      });
      expect(written).toBe(0);
    });
  });

  it("in the directory", async () => {
    await runInDurableObject(directoryStub(), (directory, state) => {
      directory.putUser(by(), ALICE, undefined);
      directory.claim(by(), key(1), ALICE);
      directory.resolve(key(2), sighting());
      const { written } = cost(state, () => {
        directory.users(10, "");
        directory.user(ALICE);
        directory.unknownCertificates();
        directory.unknownCertificate(fingerprint(2));
        directory.audit(10, null);
        directory.resolve(key(1), sighting());
        directory.resolve(key(2), sighting());
      });
      expect(written).toBe(0);
    });
  });
});

it("the measure sees what a scan of the table costs", async () => {
  await runInDurableObject(registryStub(ALICE), (_, state) => {
    fill(state, 200);
    expect(
      cost(state, () => rows(state, "SELECT * FROM devices WHERE note = 'x'")).read,
    ).toBeGreaterThanOrEqual(200);
  });
});
