import { describe, expect, it } from "vitest";
import { keyOf } from "../../../src/domain/credential-key.ts";
import { DAY_MS } from "../../../src/domain/relative-time.ts";
import { bodyFor } from "../../../src/notify/deliver.ts";
import {
  certificateWaiting,
  credentialExpiring,
  deviceLost,
  wipeDelivered,
} from "../../../src/notify/event.ts";
import { notifySettings } from "../../../src/notify/settings.ts";
import { ALICE, type Fingerprint } from "../registry/fixtures.ts";

const NOW = Date.UTC(2026, 10, 24, 12);
const F = "3a1b09fe".padEnd(64, "0") as Fingerprint;
// A whole record: nothing but id and name may leave.
const device = { id: "d1", name: "Zoë's Pixel", note: "PRIVATE", lastSeen: { ip: "PRIVATE" } };
const DEVICE = { id: "d1", name: "Zoë's Pixel" };

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
      message: expect.stringMatching(/^Certificate 3a1b09fe \(CN=phone\) came to a\.example from CH\. /),
      data: { fingerprint: F, subject: "CN=phone", app: "a.example", country: "CH" },
    });
    expect(certificateWaiting({ ...of, subject: null, country: null })).toMatchObject({
      message: expect.stringMatching(/^Certificate 3a1b09fe came to a\.example\. /),
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
    expect(deviceLost({ user: ALICE, device, by: "admin", since: NOW })).toEqual({
      id: `device-lost:d1:${NOW}`,
      type: "device-lost",
      at: "2026-11-24T12:00:00.000Z",
      title: "Zoë's Pixel (alice) is reported lost",
      message: expect.stringMatching(/^Reported by admin\. /),
      data: { user: "alice", device: DEVICE, by: "admin" },
    });
  });

  it("of a wipe answer", () => {
    const of = { user: ALICE, device, app: "v.example", country: "BR", lostSince: 7, at: NOW };
    expect(wipeDelivered({ ...of, tokenRefresh: true })).toEqual({
      id: "wipe-delivered:d1:7:token",
      type: "wipe-delivered",
      at: "2026-11-24T12:00:00.000Z",
      title: "Zoë's Pixel (alice) was told to delete its vault",
      message: expect.stringMatching(
        /^It came to v\.example from BR .*, on the token call, which phones obey\.$/,
      ),
      data: { user: "alice", device: DEVICE, app: "v.example", country: "BR", tokenRefresh: true },
    });
    expect(wipeDelivered({ ...of, country: null, tokenRefresh: false })).toMatchObject({
      id: "wipe-delivered:d1:7:other",
      message: expect.stringMatching(/^It came to v\.example and .* not yet on the token call/),
    });
  });
});

describe("its form", () => {
  const notification = deviceLost({ user: ALICE, device, by: "admin", since: NOW });
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
