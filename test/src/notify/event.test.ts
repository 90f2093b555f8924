import { describe, expect, it } from "vitest";
import { keyOf } from "../../../src/domain/credential-key.ts";
import { DAY_MS } from "../../../src/domain/general/relative-time.ts";
import type { EmailAddress } from "../../../src/domain/person.ts";
import {
  adminSignIn,
  deviceApproved,
  deviceEnrolled,
  deviceLost,
  identityBound,
  ownerSignIn,
} from "../../../src/notify/acts.ts";
import { bodyFor } from "../../../src/notify/deliver.ts";
import { credentialExpiring, deviceExpiring } from "../../../src/notify/expiries.ts";
import { notifySettings } from "../../../src/notify/settings.ts";
import {
  certificateWaiting,
  deviceInNewCountry,
  deviceRefused,
  tokenFirstUsed,
  wipeDelivered,
} from "../../../src/notify/sightings.ts";
import { ALICE, type Fingerprint } from "../registry/fixtures.ts";

const NOW = Date.UTC(2026, 10, 24, 12);
const F = "3a1b09fe".padEnd(64, "0") as Fingerprint;
// A whole record: nothing but id and name may leave.
const device = { id: "d1", name: "Zoë's Pixel", note: "PRIVATE", lastSeen: { ip: "PRIVATE" } };
const DEVICE = { id: "d1", name: "Zoë's Pixel" };
const LOST = { user: ALICE, device: { ...device, kind: "certificate" as const }, by: "admin", since: NOW };

describe("what is told", () => {
  it("of a certificate that ends soon", () => {
    const notAfter = NOW + 6.9 * DAY_MS;
    const of = { user: ALICE, device, key: keyOf("certificate", F), notAfter, threshold: 7 };
    expect(credentialExpiring(of, NOW)).toEqual({
      id: `certificate-expiring:${F}:7`,
      type: "certificate-expiring",
      at: "2026-11-24T12:00:00.000Z",
      title: "The certificate of Zoë's Pixel (alice) expires in 6 d 22 h",
      message: expect.stringContaining("3a1b09fe is valid until 2026-12-01T09:36:00.000Z"),
      data: {
        user: "alice",
        device: DEVICE,
        fingerprint: F,
        notAfter: "2026-12-01T09:36:00.000Z",
        threshold: 7,
      },
    });
  });

  it.each([
    [30 * DAY_MS, "in 30 days"],
    [2 * DAY_MS - 1, "in 2 days"],
    [DAY_MS, "in 24 hours"],
    [DAY_MS / 16, "in 1 h 30 min"],
    [1, "in less than a minute"],
  ])("with %d ms to go", (left, words) => {
    const of = { user: ALICE, device, key: keyOf("certificate", F), notAfter: NOW + left, threshold: 30 };
    expect(credentialExpiring(of, NOW).title).toMatch(new RegExp(`expires ${words}$`));
  });

  it("of a certificate that waits", () => {
    const of = { fingerprint: F, app: "a.example", firstSeen: NOW };
    expect(certificateWaiting({ ...of, subject: "CN=phone", country: "CH" })).toEqual({
      id: `certificate-waiting:${F}:${NOW}`,
      type: "certificate-waiting",
      at: "2026-11-24T12:00:00.000Z",
      title: "An unknown certificate is waiting",
      message: expect.stringMatching(/^Certificate 3a1b09fe \(CN=phone\) was used on a\.example from CH\. /),
      data: { fingerprint: F, subject: "CN=phone", app: "a.example", country: "CH" },
    });
    expect(certificateWaiting({ ...of, subject: null, country: null })).toMatchObject({
      message: expect.stringMatching(/^Certificate 3a1b09fe was used on a\.example\. /),
      data: { subject: null, country: null },
    });
  });

  it("of its subject in one line, short and of whole characters, since anybody can write it", () => {
    const subject = `CN=a\r\nb\u202ec\ud800 ${"😀".repeat(5_000)}`;
    const { message, data } = certificateWaiting({
      ...{ fingerprint: F, subject, app: "a.example", country: null, firstSeen: NOW },
    });
    expect(message).toContain(`(CN=a b c\ufffd ${"😀".repeat(90)}…)`);
    expect(data).toMatchObject({ subject: expect.stringMatching(/^CN=a b c\ufffd 😀+…$/u) });
  });

  it("of a device that is lost", () => {
    expect(deviceLost(LOST)).toEqual({
      id: `device-lost:d1:${NOW}`,
      type: "device-lost",
      at: "2026-11-24T12:00:00.000Z",
      title: "Zoë's Pixel (alice) was reported lost",
      message: expect.stringMatching(/^Reported by admin\. .* Bitwarden on it will delete its vault /),
      data: { user: "alice", device: DEVICE, by: "admin" },
    });
  });

  it.each(["token", "feed"] as const)("of a lost device with a %s, on which nothing is deleted", (kind) => {
    const { message } = deviceLost({ ...LOST, device: { ...device, kind } });
    expect(message).toMatch(
      /It is refused from now on\. .* instead of a certificate, so nothing will be deleted/,
    );
    expect(message).not.toContain("Bitwarden");
  });

  it("of a wipe answer", () => {
    const lost = { ...device, kind: "certificate" as const };
    const of = { user: ALICE, device: lost, app: "v.example", country: "BR", lostSince: 7, at: NOW };
    expect(wipeDelivered({ ...of, tokenRefresh: true })).toEqual({
      id: "wipe-delivered:d1:7:token",
      type: "wipe-delivered",
      at: "2026-11-24T12:00:00.000Z",
      title: "Zoë's Pixel (alice) was told to delete its vault",
      message: expect.stringMatching(
        /^It tried to use v\.example from BR .*, on the token call, the only one that phones obey\.$/,
      ),
      data: {
        ...{ user: "alice", device: DEVICE, kind: "certificate", app: "v.example", country: "BR" },
        tokenRefresh: true,
      },
    });
    expect(wipeDelivered({ ...of, country: null, tokenRefresh: false })).toMatchObject({
      id: "wipe-delivered:d1:7:other",
      message: expect.stringMatching(/^It tried to use v\.example and .* not yet on the token call/),
    });
    const browser = { ...device, kind: "browser" as const };
    expect(wipeDelivered({ ...of, device: browser, tokenRefresh: false })).toMatchObject({
      title: "Zoë's Pixel (alice) was told to clear what it stores",
      message:
        "It tried to use v.example from BR and was told to delete what it stores of that app. End its session at the identity provider, too.",
      data: { kind: "browser", tokenRefresh: false },
    });
  });

  it("of a device that expires", () => {
    const of = { user: ALICE, device, expiresAt: NOW + DAY_MS, threshold: 1 };
    expect(deviceExpiring(of, NOW)).toEqual({
      id: `device-expiring:d1:${NOW + DAY_MS}:1`,
      type: "device-expiring",
      at: "2026-11-24T12:00:00.000Z",
      title: "Zoë's Pixel (alice) expires in 24 hours",
      message:
        "It is let in until 2026-11-25T12:00:00.000Z and refused after that. To extend it: latchkey limit alice/d1 --until TIME.",
      data: { user: "alice", device: DEVICE, expiresAt: "2026-11-25T12:00:00.000Z", threshold: 1 },
    });
  });

  const seen = { user: ALICE, device, app: "v.example", country: "BR", at: NOW };
  const place = { user: "alice", device: DEVICE, app: "v.example", country: "BR" };

  it.each([
    ["token", "token"],
    ["feed", "feed URL"],
  ] as const)("of the first use of a %s", (kind, words) => {
    expect(tokenFirstUsed({ ...seen, key: keyOf(kind, F) })).toEqual({
      id: `token-first-used:${F}`,
      type: "token-first-used",
      at: "2026-11-24T12:00:00.000Z",
      title: `The ${words} of Zoë's Pixel (alice) was used for the first time`,
      message: `The ${words} 3a1b09fe was used on v.example from BR. If that was not you: latchkey suspend alice/d1.`,
      data: { ...place, kind, fingerprint: F },
    });
  });

  it.each([
    ["BR", "BR", "BR"],
    ["T1", "Tor", "T1"],
    ["XX", "an unknown country", "XX"],
    [null, "an unknown country", "unknown"],
  ])("of a new country: %j", (country, words, id) => {
    expect(deviceInNewCountry({ ...seen, country, isLost: false })).toEqual({
      id: `device-new-country:d1:${id}`,
      type: "device-new-country",
      at: "2026-11-24T12:00:00.000Z",
      title: `Zoë's Pixel (alice) was seen in a new country: ${words}`,
      message: `It was used on v.example from ${words}, where it had not been seen before. If that was not you: latchkey suspend alice/d1.`,
      data: { ...place, country },
    });
  });

  it("of a new country of a lost device, which nobody has to suspend", () => {
    const { message } = deviceInNewCountry({ ...seen, isLost: true });
    expect(message).toMatch(/It was reported lost, so it was refused\.$/);
  });

  it.each([
    ["device-suspended", "it is suspended"],
    ["device-revoked", "it is revoked, or the credential that it showed was retired"],
    ["device-expired", "it has expired"],
    ["expired-credential", "its token has expired"],
    ["wrong-app", "it is limited to other apps"],
    ["country", "it is limited to other countries"],
  ] as const)("of a refusal: %s", (reason, words) => {
    expect(deviceRefused({ ...seen, reason })).toEqual({
      id: `device-refused:d1:${NOW}`,
      type: "device-refused",
      at: "2026-11-24T12:00:00.000Z",
      title: "Zoë's Pixel (alice) was refused",
      message: `It tried to use v.example from BR and was refused, because ${words}. To see further refusals: latchkey watch.`,
      data: { ...place, reason },
    });
  });

  it("of an enrolment", () => {
    const of = {
      user: ALICE,
      device,
      kind: "certificate",
      status: "active",
      country: "BR",
      at: NOW,
    } as const;
    expect(deviceEnrolled({ ...of, by: "invitation", invitedBy: "admin" })).toEqual({
      id: "device-enrolled:d1",
      type: "device-enrolled",
      at: "2026-11-24T12:00:00.000Z",
      title: "Zoë's Pixel (alice) was enrolled",
      message:
        "Enrolled by an invitation from admin, from BR. It is let in from now on. If you did not expect this: latchkey suspend alice/d1.",
      data: {
        ...{ user: "alice", device: DEVICE, kind: "certificate", status: "active" },
        ...{ by: "invitation", invitedBy: "admin", country: "BR" },
      },
    });
    const waiting = deviceEnrolled({ ...of, status: "pending", by: "token alice/x", invitedBy: null });
    expect(waiting.message).toBe(
      "Enrolled by token alice/x, from BR. It is refused until somebody approves it: latchkey approve alice/d1.",
    );
    const browser = deviceEnrolled({ ...of, kind: "browser", by: "user alice", invitedBy: null });
    expect(browser.message).toMatch(
      /^Enrolled when alice signed in with it, from BR\. It is let in from now on\./,
    );
  });

  it("of an approval", () => {
    expect(deviceApproved({ user: ALICE, device, by: "token alice/x", since: NOW })).toEqual({
      id: `device-approved:d1:${NOW}`,
      type: "device-approved",
      at: "2026-11-24T12:00:00.000Z",
      title: "Zoë's Pixel (alice) was approved",
      message:
        "Approved by token alice/x. It is let in from now on. If you did not expect this: latchkey suspend alice/d1.",
      data: { user: "alice", device: DEVICE, by: "token alice/x" },
    });
  });

  it("of an owner's sign-in", () => {
    const of = { user: ALICE, session: "s1", client: "Mozilla/5.0 Firefox/140.0", country: "BR", at: NOW };
    expect(ownerSignIn(of)).toMatchObject({
      id: "owner-sign-in:s1",
      type: "owner-sign-in",
      title: "alice signed in as an owner",
      message:
        "From BR, with this browser: Firefox. If that was not alice: latchkey users edit alice --role member, and end the session at the provider.",
    });
  });

  it("of an identity that was bound, by its address or by somebody", () => {
    const identity = {
      ...{ id: "i1", user: ALICE, issuer: "https://id.example.com", subject: "42", boundAt: NOW },
      email: "alice@example.com" as EmailAddress,
    };
    expect(identityBound({ identity, by: "sign-in", country: "BR" })).toEqual({
      id: "identity-bound:i1",
      type: "identity-bound",
      at: "2026-11-24T12:00:00.000Z",
      title: "Somebody signed in as alice for the first time",
      message:
        "By the address alice@example.com, from BR, at https://id.example.com. If you did not expect this: latchkey users unbind alice i1.",
      data: {
        ...{ user: "alice", identity: { id: "i1", issuer: "https://id.example.com" } },
        ...{ email: "alice@example.com", by: "sign-in", country: "BR" },
      },
    });
    const admitted = identityBound({ identity: { ...identity, email: null }, by: "user bob", country: null });
    expect(admitted.message).toContain("Admitted by user bob, from an unknown country");
  });

  it("of a sign-in with the ADMIN_TOKEN, whatever the browser calls itself", () => {
    const of = { session: "s1", country: "BR", at: NOW };
    expect(adminSignIn({ ...of, client: "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0" })).toEqual({
      id: "admin-sign-in:s1",
      type: "admin-sign-in",
      at: "2026-11-24T12:00:00.000Z",
      title: "Somebody signed in with the ADMIN_TOKEN",
      message:
        "From BR, with this browser: Firefox on Windows. If that was not you, replace the token, which also ends its sessions: wrangler secret put ADMIN_TOKEN.",
      data: { session: "s1", browser: "Firefox on Windows", country: "BR" },
    });
    expect(adminSignIn({ ...of, client: null })).toMatchObject({ data: { browser: "no name given" } });
    const { data } = adminSignIn({ ...of, client: `a\u202eb${"😀".repeat(5_000)}` });
    expect(JSON.stringify(data)).not.toContain("\u202e");
    expect(JSON.stringify(data).length).toBeLessThan(300);
  });
});

describe("its form", () => {
  const notification = deviceLost(LOST);
  const bodies = notifySettings({ NOTIFY_URLS: "https://a.example ntfy+https://ntfy.sh/topic" }).targets.map(
    (target) => JSON.parse(bodyFor(target, notification)),
  );

  it("is the whole event in generic JSON", () => {
    expect(bodies[0]).toEqual(notification);
    expect(Object.keys(bodies[0])).toEqual(["id", "type", "at", "title", "message", "data"]);
  });

  it("is ntfy's own for ntfy", () => {
    expect(bodies[1]).toEqual({
      topic: "topic",
      title: notification.title,
      message: notification.message,
      tags: ["rotating_light"],
      priority: 4,
    });
  });

  it("has an id without dots, with which the signature joins", () => {
    expect(notification.id).not.toContain(".");
  });
});
