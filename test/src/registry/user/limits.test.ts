import { reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SecretDigest } from "../../../../src/domain/credential.ts";
import { NO_LIMITS } from "../../../../src/domain/limits.ts";
import { type DeviceRecord, type GuestLimits, NO_DETAILS } from "../../../../src/domain/records.ts";
import { Invitations } from "../../../../src/registry/client/invitations.ts";
import { RegistryClient } from "../../../../src/registry/client/registry-client.ts";
import {
  ALICE,
  by,
  enrolment,
  key,
  registry,
  registryStub,
  sighting,
  totalChanges,
  UNLIMITED,
} from "../fixtures.ts";

// What a device is limited to: by whoever enrols it, by an edit later, or by the invitation that it came with.

const END = Date.UTC(2120, 0, 1);
const GUEST: GuestLimits = { apps: ["photos.example.com"], countries: ["CH", "FR"], expiresAt: END };
const worker = new RegistryClient(env);
const alice = () => registry(ALICE);

beforeEach(() => worker.putUser(by(), ALICE, undefined));
afterEach(reset);

async function enrolled(limits = NO_LIMITS): Promise<DeviceRecord> {
  const made = await worker.enrol(by(), ALICE, enrolment({ limits }));
  return made.ok ? made.value.device : expect.fail(made.error.code);
}

const lines = async () => (await alice().audit(100, null)).items.reverse();

describe("an edit of a device's limits", () => {
  it("takes effect with the gate's next question, and is audited with what was before", async () => {
    const { id } = await enrolled();
    expect(await alice().edit(by(), id, GUEST)).toMatchObject({ ok: true, value: GUEST });
    expect(await alice().standing(key(1), sighting())).toMatchObject({ limits: { ...NO_LIMITS, ...GUEST } });
    const [apps, countries] = ['["photos.example.com"]', '["CH","FR"]'];
    const expiresAt = new Date(END).toISOString();
    expect((await lines()).at(-1)).toMatchObject({
      ...{ act: "edit", outcome: "done" },
      detail: {
        ...{ appsBefore: null, apps, countriesBefore: null, countries },
        ...{ expiresAtBefore: null, expiresAt },
      },
    });
    await alice().edit(by(), id, { countries: null, expiresAt: null });
    expect(await alice().get(id)).toMatchObject({ apps: GUEST.apps, countries: null, expiresAt: null });
    expect((await lines()).at(-1)?.detail).toEqual({
      ...{ countriesBefore: countries, countries: null, expiresAtBefore: expiresAt, expiresAt: null },
    });
  });

  it("writes nothing when they hold already, or when nothing is named", async () => {
    const { id } = await enrolled({ ...NO_LIMITS, ...GUEST });
    const changes = () => runInDurableObject(registryStub(ALICE), (_, state) => totalChanges(state));
    const before = await changes();
    for (const same of [GUEST, {}, { apps: undefined }, { expiresAt: END }]) {
      expect(await alice().edit(by(), id, same)).toMatchObject({ ok: true, value: GUEST });
    }
    expect(await changes()).toBe(before);
  });

  it("leaves the device's other fields alone, and a change of status leaves the limits alone", async () => {
    const device = await enrolled();
    await alice().edit(by(), device.id, { expiresAt: END });
    expect(await alice().get(device.id)).toEqual({ ...device, expiresAt: END });
    await alice().changeStatus(by(), device.id, "suspend");
    await alice().edit(by(), device.id, { name: "Tablet" });
    expect(await alice().get(device.id)).toMatchObject({
      name: "Tablet",
      status: "suspended",
      expiresAt: END,
    });
  });
});

describe("a guest's invitation", () => {
  const invitations = new Invitations(env, worker);
  const digest = "digest" as SecretDigest;
  const invite = (limits: GuestLimits) =>
    invitations.create(
      by(),
      ALICE,
      { id: "i", app: null, approval: false, expiresAt: Date.now() + 60_000, limits },
      digest,
    );
  const redeem = () => invitations.redeem(by({ actor: "invitation" }), digest, "a.b", enrolment(), ALICE);

  it("gives its limits to the device that it enrols; making it again says the same", async () => {
    const made = await invite(GUEST);
    expect(made).toMatchObject({ ok: true, value: { limits: GUEST } });
    expect(await invite(UNLIMITED), "it was made before").toEqual(made);
    expect(await alice().invitations()).toEqual([made.ok ? made.value : expect.fail()]);
    expect((await lines()).at(-1)).toMatchObject({
      act: "invite",
      detail: {
        ...{ deviceApps: "photos.example.com", deviceCountries: "CH FR" },
        deviceExpiresAt: new Date(END).toISOString(),
      },
    });
    expect(await redeem()).toMatchObject({
      value: { created: true, device: { kind: "certificate", ...GUEST, paths: null } },
    });
    expect(await alice().standing(key(1), sighting())).toMatchObject({ limits: { ...NO_LIMITS, ...GUEST } });
    expect((await lines()).at(-1)).toMatchObject({
      act: "enrol",
      detail: { invitation: "i", apps: "photos.example.com", countries: "CH FR" },
    });
  });

  it("without limits gives none, and says nothing of them", async () => {
    await invite(UNLIMITED);
    expect(Object.keys((await lines()).at(-1)?.detail ?? {})).toEqual(["app", "approval", "expiresAt"]);
    expect(await redeem()).toMatchObject({ value: { device: NO_LIMITS } });
  });
});

it("a certificate's own end is not in its standing: the gate sees that for itself", async () => {
  await enrolled();
  const first = await alice().standing(key(1), sighting());
  expect(first).toMatchObject({ limits: NO_LIMITS, validUntil: null });
  expect(await alice().standing(key(1), sighting({ details: NO_DETAILS }))).toEqual(first);
});
