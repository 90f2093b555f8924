import { reset, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it } from "vitest";
import {
  ALICE,
  by,
  cost,
  directoryStub,
  enrolment,
  fingerprint,
  registryStub,
  rows,
  sighting,
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
    `INSERT INTO certificates (fingerprint, device, not_after, added_at)
       ${numbers} SELECT printf('%064x', i), i, 4e12, 0 FROM n`,
  );
}

const WIPE = { at: 2000, count: 1, tokenRefresh: true, app: "app.example.com", country: null, ip: null };

async function costsWith(devices: number) {
  return runInDurableObject(registryStub(userId(`with-${devices}`)), (alice, state) => {
    fill(state, devices);
    const last = fingerprint(devices);
    const measure = (work: () => unknown) => cost(state, work);
    return {
      standing: measure(() => expect(alice.standing(last, sighting({ at: 1000 }))).not.toBeNull()),
      "standing of a stranger": measure(() => alice.standing(fingerprint(99_999), sighting())),
      "standing, last seen due": measure(() => alice.standing(last, sighting())),
      get: measure(() => expect(alice.get(`id-${devices}`)).not.toBeNull()),
      holds: measure(() => alice.holds(last)),
      "list a page": measure(() => alice.list(5, 0)),
      "audit a page": measure(() => alice.audit(5, null)),
      checkEnrolment: measure(() => {
        expect(alice.checkEnrolment(by(), enrolment({ fingerprint: fingerprint(50_000) })).ok).toBe(true);
      }),
      enrol: measure(() => {
        expect(alice.enrol(by(), enrolment({ fingerprint: fingerprint(50_000) }), Date.now(), 0).ok).toBe(
          true,
        );
      }),
      changeStatus: measure(() => {
        expect(alice.changeStatus(by(), `id-${devices}`, "revoke", undefined).ok).toBe(true);
      }),
      lost: measure(() => expect(alice.changeStatus(by(), "id-5", "lost", undefined).ok).toBe(true)),
      "noteWipe, the first": measure(() => alice.noteWipe(fingerprint(5), WIPE)),
      noteWipe: measure(() => alice.noteWipe(fingerprint(5), WIPE)),
      "noteWipe of an active device": measure(() => alice.noteWipe(fingerprint(6), WIPE)),
      edit: measure(() => alice.edit(by(), "id-3", { name: "Other name", note: undefined })),
      forget: measure(() => expect(alice.forget(by(), `id-${devices}`, 0).ok).toBe(true)),
    };
  });
}

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

it("no call of the directory costs more with 2,000 users and claims than with 10", async () => {
  const costsOf = (users: number) =>
    runInDurableObject(directoryStub(), (directory, state) => {
      for (const table of ["users", "claims", "audit", "pending"])
        state.storage.sql.exec(`DELETE FROM ${table}`);
      const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${users})`;
      state.storage.sql.exec(`INSERT INTO users ${numbers} SELECT 'u' || i, NULL, 0, 0 FROM n`);
      state.storage.sql.exec(`INSERT INTO claims ${numbers} SELECT printf('%064x', i), 'u' || i, 0 FROM n`);
      for (let n = 1; n <= 5; n++) directory.resolve(fingerprint(90_000 + n), sighting());
      const measure = (work: () => unknown) => cost(state, work);
      const last = userId(`u${users}`);
      let removal = 0;
      return {
        resolve: measure(() => expect(directory.resolve(fingerprint(users), sighting())).toBe(last)),
        user: measure(() => expect(directory.user(last)).not.toBeNull()),
        pending: measure(() => directory.pending()),
        "users, a page": measure(() => directory.users(5, "u")),
        claim: measure(() => expect(directory.claim(by(), fingerprint(50_000), last).ok).toBe(true)),
        release: measure(() => directory.release([fingerprint(50_000)], last, Number.MAX_SAFE_INTEGER)),
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

describe("reading writes nothing", () => {
  it("in a user's registry", async () => {
    await runInDurableObject(registryStub(ALICE), (alice, state) => {
      fill(state, 10);
      const { written } = cost(state, () => {
        alice.list(5, 0);
        alice.get("id-3");
        alice.get("nobody's");
        alice.holds(fingerprint(3));
        alice.audit(10, null);
        alice.standing(fingerprint(99), sighting());
        alice.standing(fingerprint(3), sighting({ at: 1000 }));
        alice.checkEnrolment(by(), enrolment({ fingerprint: fingerprint(99) }));
      });
      expect(written).toBe(0);
    });
  });

  it("in the directory", async () => {
    await runInDurableObject(directoryStub(), (directory, state) => {
      directory.putUser(by(), ALICE, undefined);
      directory.claim(by(), fingerprint(1), ALICE);
      directory.resolve(fingerprint(2), sighting());
      const { written } = cost(state, () => {
        directory.users(10, "");
        directory.user(ALICE);
        directory.pending();
        directory.pendingCertificate(fingerprint(2));
        directory.audit(10, null);
        directory.resolve(fingerprint(1), sighting());
        directory.resolve(fingerprint(2), sighting());
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
