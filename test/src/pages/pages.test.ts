// What the pages say, without a browser: the real Worker, asked as a browser asks.

import { reset } from "cloudflare:test";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { AuditList, Device } from "../../../src/contract/answers.ts";
import { devicePath, PATHS } from "../../../src/contract/paths.ts";
import { ADMIN_HOST, api, enrol, fingerprint, makeToken } from "../fixtures.ts";
import { deviceToken, Isolate } from "../gate/fixtures.ts";
import { signedIn, words } from "./fixtures.ts";

const WITHOUT_BITWARDEN = { APPS: { "app.example.com": {} } };
const F = fingerprint(1);

let phone: Device;

beforeEach(async () => {
  await reset();
  phone = await enrol("alice", "Phone", F);
});

const act = (name: string, body: Record<string, string> = {}) =>
  api("POST", `/users/alice/devices/${phone.id}/${name}`, body);

describe("a lost device", () => {
  it("says that nothing is deleted where no app has the profile bitwarden, before and after", async () => {
    const { page } = await signedIn(WITHOUT_BITWARDEN);
    const asked = words(await page(devicePath(phone, "lost")));
    expect(asked).toContain("No app here has the profile bitwarden : nothing will be deleted on it.");
    expect(asked).not.toContain("vault");
    await act("lost", { confirm: "Phone" });
    expect(words(await page(devicePath(phone)))).toContain("nothing will be deleted on it.");
    expect(words(await page(devicePath(phone, "revoke")))).not.toContain("vault");
  });

  it("says that nothing is deleted where it shows no certificate, before and after", async () => {
    const { device } = await deviceToken(["vault.example.com"]);
    const { page } = await signedIn();
    for (const status of ["active", "lost"]) {
      const asked = words(await page(devicePath(device, status === "active" ? "lost" : "revoke")));
      if (status === "active") expect(asked).toContain("nothing will be deleted on it.");
      expect(asked).not.toContain("vault");
      const confirm = { confirm: device.name };
      await api("POST", `/users/${device.user}/devices/${device.id}/lost`, confirm);
    }
    const shown = words(await page(devicePath(device)));
    expect(shown).toContain("It has no certificate to prove itself with: nothing will be deleted on it.");
    expect(shown).not.toContain("Wipe not delivered");
    expect(words(await page(devicePath(device, "reinstate")))).not.toContain("vault");
  });

  it("promises the wipe where an app can, and warns against revoking it first", async () => {
    const { page } = await signedIn();
    const asked = words(await page(devicePath(phone, "lost")));
    expect(asked).toContain("it will delete its vault from the device.");
    expect(asked).toContain("Don’t revoke the device first: a revoked device never receives the wipe.");
    await act("lost", { confirm: "Phone" });
    expect(words(await page(devicePath(phone)))).toContain("Wipe not delivered yet: not seen since");
    expect(words(await page(devicePath(phone, "revoke")))).toContain(
      "It has not been told to delete its vault yet.",
    );
  });

  it("that called another app is not said to have stayed away", async () => {
    const { page } = await signedIn();
    await act("lost", { confirm: "Phone" });
    const visit = { cf: { tlsClientAuth: clientAuth(), country: "CH" } };
    expect((await new Isolate().fetch("https://app.example.com/", visit)).status).toBe(404);
    expect(words(await page(devicePath(phone)))).toContain(
      "Wipe not delivered yet: seen since it was reported lost, but not on an app with the profile bitwarden",
    );
  });
});

describe("the last time that a device was seen", () => {
  const DELAY = { REVOCATION_DELAY_SECONDS: 0 };
  const visit = (app = "app.example.com", country = "CH") =>
    new Isolate(DELAY).fetch(`https://${app}/`, { cf: { tlsClientAuth: clientAuth(), country } });
  const line = async (settings = DELAY) => {
    const { page } = await signedIn(settings);
    return /Seen.*?(?=<\/p>)/.exec(await page(devicePath(phone)))?.[0].replace(/<[^>]+>/g, "");
  };

  it("is no refusal while it is let in", async () => {
    expect((await visit()).status).toBe(200);
    expect(await line()).toBe("Seen just now, app.example.com, CH");
  });

  it.each(["suspend", "lost", "revoke"])(
    "is a refusal after %s, once no isolate lets it in",
    async (name) => {
      await act(name, name === "lost" ? { confirm: "Phone" } : {});
      expect((await visit()).status).toBe(404);
      expect(await line()).toBe("Seen (refused) just now, app.example.com, CH");
      expect(await line({ REVOCATION_DELAY_SECONDS: 30 })).toBe("Seen just now, app.example.com, CH");
    },
  );

  it("is none if it was before the device was suspended", async () => {
    expect((await visit()).status).toBe(200);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 1_000 });
    onTestFinished(() => void vi.useRealTimers());
    await act("suspend");
    expect(await line()).toMatch(/^Seen (?!\(refused\))/);
  });

  it("is a refusal once the device's time is up", async () => {
    await api("PATCH", `/users/alice/devices/${phone.id}/limits`, { expiresAt: 60 });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
    onTestFinished(() => void vi.useRealTimers());
    expect((await visit()).status).toBe(404);
    expect(await line()).toContain("Seen (refused)");
  });

  it.each([
    ["app", { apps: ["app.example.com"] }, "vault.example.com", "CH"],
    ["country", { countries: ["CH"] }, "app.example.com", "DE"],
  ])(
    "says that the device isn't let in there, if its limits forbid the %s",
    async (_, limits, app, country) => {
      await api("PATCH", `/users/alice/devices/${phone.id}/limits`, limits);
      expect((await visit(app, country)).status).toBe(404);
      expect(await line()).toBe(`Seen just now, ${app}, ${country}, where it isn’t let in`);
    },
  );
});

describe("a reason", () => {
  it("is asked for before each change, audited, shown, and leaves the note alone", async () => {
    await api("PATCH", `/users/alice/devices/${phone.id}`, { note: "black" });
    const { ask, page } = await signedIn();
    expect(await page(devicePath(phone, "lost"))).toContain('name="reason"');
    const sent = await ask(devicePath(phone, "lost"), { confirm: "phone", reason: "in the <tram>" });
    expect(sent).toMatchObject({ status: 303, location: devicePath(phone) });
    const shown = await page(devicePath(phone));
    expect(shown).toContain("in the &lt;tram&gt;");
    expect(shown).toContain(">black</textarea>");
    const { entries } = await ((await api("GET", "/users/alice/audit")).json() as Promise<AuditList>);
    expect(entries[0]).toMatchObject({ act: "lost", detail: { reason: "in the <tram>" } });
    expect(words(await page(PATHS.activity))).toContain(
      "Alice’s Phone was reported lost: in the &lt;tram&gt;",
    );
  });

  it("that is too long is refused, and nothing is changed", async () => {
    const { ask } = await signedIn();
    const sent = await ask(devicePath(phone, "suspend"), { reason: "x".repeat(501) });
    expect(sent.status).toBe(422);
    expect(words(sent.text)).toContain("A reason has at most 500 characters.");
    expect(await (await api("GET", `/users/alice/devices/${phone.id}`)).json()).toMatchObject({
      status: "active",
    });
  });
});

describe("a device that is renewed", () => {
  it("says which certificate is old, and when it retires", async () => {
    const next = fingerprint(0x2b).replace(/^0{8}/, "cafe0123");
    await api("POST", `/users/alice/devices/${phone.id}/certificates`, {
      fingerprint: next,
      retireBy: 30 * 86_400,
    });
    const { page } = await signedIn();
    const shown = words(await page(devicePath(phone)));
    expect(shown).toContain("00000000, old Retires when cafe0123 is first seen, or on ");
    expect(shown).toContain("cafe0123, new Replaces 00000000 as soon as it is first seen.");
    expect(shown).toContain("(in 30 days)");
  });
});

describe("who is signed in", () => {
  it("is named, with what they may do, on every page and on errors", async () => {
    const { token } = await makeToken("alice", "read", "desk");
    const reader = await signedIn({}, token);
    for (const path of [PATHS.devices, PATHS.invite, "/.latchkey/nope"]) {
      expect(await reader.page(path), path).toContain('<p class="who">token alice/desk, read only</p>');
    }
    expect((await reader.ask("/.latchkey/nope")).status).toBe(404);
  });

  it("alone sees that a page is not there: strangers get what they always got", async () => {
    const stranger = new Isolate();
    const ask = (path: string) => stranger.fetch(`https://${ADMIN_HOST}${path}`, { cf: { country: "CH" } });
    const [nope, api] = await Promise.all([ask("/.latchkey/nope"), ask("/.latchkey/api/v1/nope")]);
    expect([nope.status, await nope.text()]).toEqual([api.status, await api.text()]);
  });
});

describe("the activity", () => {
  it("tells each change once, in sentences that lead to the device", async () => {
    await act("suspend");
    await act("reinstate");
    await api("PATCH", `/users/alice/devices/${phone.id}`, { name: "Pixel" });
    await act("approve");
    // Bob's own log tells of the removal and of the second PUT, too.
    for (const method of ["PUT", "DELETE", "PUT"]) {
      await api(method, "/users/bob", method === "PUT" ? {} : undefined);
    }
    const { page } = await signedIn();
    const shown = await page(PATHS.activity);
    expect(shown).toContain(`<a href="${devicePath(phone)}"><strong>Phone</strong></a> was suspended.`);
    const told = words(shown);
    for (const sentence of [
      "User alice was added .",
      "Alice’s Phone was enrolled .",
      "Alice’s Phone was let back in .",
      "Alice’s Phone was renamed Pixel .",
      "Admin signed in .",
    ]) {
      expect(told.replaceAll(/ ?\./g, " ."), sentence).toContain(sentence);
    }
    expect(told.match(/User alice was added/g)).toHaveLength(1);
    expect(told.match(/User bob was added/g)).toHaveLength(2);
    expect(told.match(/User bob was removed/g)).toHaveLength(1);
  });
});

function clientAuth() {
  return {
    ...{ certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", certFingerprintSHA256: F },
    ...{ certNotBefore: "Jan  1 00:00:00 2020 GMT", certNotAfter: "Jan  1 00:00:00 2120 GMT" },
    ...{ certSerial: "0A", certSubjectDN: "CN=phone", certIssuerDN: "CN=CA" },
  };
}
