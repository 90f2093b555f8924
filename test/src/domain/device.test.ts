import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DEVICE_STATUSES,
  type DeviceStatus,
  deviceNameKey,
  deviceNameProblem,
  STATUS_ACTS,
  type StatusAct,
  transition,
} from "../../../src/domain/device.ts";

// What each act does to a device of each status: the status after it, "=" where that status holds
// already, "-" where the act is forbidden.
const TABLE: Record<StatusAct, Record<DeviceStatus, DeviceStatus | "=" | "-">> = {
  approve: { pending: "active", active: "=", suspended: "-", lost: "-", revoked: "-" },
  suspend: { pending: "-", active: "suspended", suspended: "=", lost: "-", revoked: "-" },
  reinstate: { pending: "-", active: "=", suspended: "active", lost: "active", revoked: "-" },
  lost: { pending: "-", active: "lost", suspended: "lost", lost: "=", revoked: "-" },
  revoke: { pending: "revoked", active: "revoked", suspended: "revoked", lost: "revoked", revoked: "=" },
};

describe("transition", () => {
  const cells = Object.entries(TABLE).flatMap(([act, row]) =>
    Object.entries(row).map(([status, to]) => [status as DeviceStatus, act as StatusAct, to] as const),
  );

  it.each(cells)("%s, %s: %s", (status, act, to) => {
    expect(transition(status, act)).toEqual(
      to === "=" ? { kind: "unchanged" } : to === "-" ? { kind: "forbidden" } : { kind: "changed", to },
    );
  });

  it("has no status and no act that the table leaves out", () => {
    expect(Object.keys(STATUS_ACTS).sort()).toEqual(Object.keys(TABLE).sort());
    for (const row of Object.values(TABLE)) {
      expect(Object.keys(row).sort()).toEqual([...DEVICE_STATUSES].sort());
    }
  });

  it("leads nowhere out of revoked, by any sequence of acts", () => {
    const acts = fc.array(fc.constantFrom(...(Object.keys(STATUS_ACTS) as StatusAct[])), { maxLength: 12 });
    fc.assert(
      fc.property(fc.constantFrom(...DEVICE_STATUSES), acts, acts, (begin, before, after) => {
        const step = (status: DeviceStatus, act: StatusAct) => {
          const next = transition(status, act);
          return next.kind === "changed" ? next.to : status;
        };
        const revoked = step(before.reduce(step, begin), "revoke");
        expect(after.reduce(step, revoked)).toBe("revoked");
      }),
    );
  });
});

describe("deviceNameProblem", () => {
  it.each([
    ["one letter", "x"],
    ["blanks inside", "Pixel 9 Pro"],
    ["punctuation", "alice/pixel-9 (new) <b>\"'`&;"],
    ["other scripts", "电话 телефон طوف"],
    ["64 letters", "x".repeat(64)],
    ["64 characters outside the basic plane", "📱".repeat(64)],
    ["an emoji of several code points", "👩‍💻"],
  ])("takes %s", (_, name) => {
    expect(deviceNameProblem(name)).toBeUndefined();
  });

  it.each([
    ["nothing", "", /empty/],
    ["blanks alone", "  ", /empty/],
    ["a no-break space alone", "\u00a0", /empty/],
    ["a blank first", " x", /begin or end/],
    ["a blank last", "x ", /begin or end/],
    ["a line end last", "x\n", /begin or end/],
    ["65 letters", "x".repeat(65), /64 characters/],
    ["65 characters outside the basic plane", "📱".repeat(65), /64 characters/],
    ["NUL", "a\0b", /control/],
    ["a tab", "a\tb", /control/],
    ["a line end", "a\nb", /control/],
    ["escape, which colours terminals", "a\x1b[31mb", /control/],
    ["delete", "a\x7fb", /control/],
    ["a C1 control", "a\x9bb", /control/],
    ["a line separator", "a\u2028b", /control/],
    ["a right-to-left override", "a\u202eb", /control/],
    ["an isolate", "a\u2066b", /control/],
    ["a right-to-left mark", "a\u200fb", /control/],
    ["half a surrogate pair", "a\ud83db", /control/],
  ])("refuses %s", (_, name, problem) => {
    expect(deviceNameProblem(name)).toMatch(problem);
  });
});

describe("deviceNameKey", () => {
  it.each([
    ["case", "Pixel 9", "pIXEL 9"],
    ["Unicode composition", "Zoe\u0308", "Zoë"],
    ["both", "ZOE\u0308", "zoë"],
    ["cyrillic case", "ТЕЛЕФОН", "телефон"],
  ])("is the same whatever the %s", (_, one, other) => {
    expect(deviceNameKey(one)).toBe(deviceNameKey(other));
  });

  it.each([
    ["another digit", "Pixel 9", "Pixel 8"],
    ["a blank more", "Pixel 9", "Pixel  9"],
    ["an accent", "Zoe", "Zoë"],
  ])("tells names apart by %s", (_, one, other) => {
    expect(deviceNameKey(one)).not.toBe(deviceNameKey(other));
  });
});
