import { describe, expect, it } from "vitest";
import { takeBackup } from "../../../scripts/backup/snapshot.ts";
import type { Api } from "../../../scripts/client/api.ts";
import type { AuditEntry } from "../../../src/contract/answers.ts";

const NOW = Date.UTC(2026, 10, 26);

function line(id: number, act: AuditEntry["act"], outcome: AuditEntry["outcome"] = "done"): AuditEntry {
  const place = { ip: null, country: null, target: null, detail: {} };
  return { id, at: new Date(NOW).toISOString(), actor: "admin", act, outcome, ...place };
}

/** A registry without users, in which `during` happens while its lists are read: lines by their acts. */
function registry(during: (read: number) => [AuditEntry["act"], AuditEntry["outcome"]?][]) {
  const log: AuditEntry[] = [line(1, "create-user")];
  const seen = { reads: 0 };
  const api = {
    origin: "https://vault.example.com",
    audit: async (_: undefined, limit: number) => ({
      entries: log.toReversed().slice(0, limit),
      next: null,
    }),
    users: async () => {
      seen.reads += 1;
      for (const [act, outcome] of during(seen.reads)) log.push(line(log.length + 1, act, outcome));
      return [];
    },
    backup: async () => ({ tokens: [], unknownCertificates: [] }),
  };
  return { api: api as unknown as Api, seen };
}

const many = (count: number, act: AuditEntry["act"]): [AuditEntry["act"]][] =>
  Array.from({ length: count }, () => [act]);

describe("a backup that is taken while something happens", () => {
  it.each<[string, [AuditEntry["act"], AuditEntry["outcome"]?][]]>([
    ["nothing", []],
    ["sign-ins and sign-outs", [["sign-in"], ["sign-out"], ["sign-in"]]],
    [
      "refused attempts",
      [
        ["enrol", "refused"],
        ["sign-in", "refused"],
        ["delete-user", "refused"],
      ],
    ],
    ["ninety-nine sign-ins", many(99, "sign-in")],
  ])("is not disturbed by what it does not hold (finding 14): %s", async (_, lines) => {
    const { api, seen } = registry(() => lines);
    const backup = await takeBackup(api, NOW);
    expect(seen.reads).toBe(1);
    expect(backup.audit).toEqual([line(1, "create-user")]);
  });

  it.each([
    "create-token",
    "revoke-token",
    "create-user",
    "delete-user",
    "restore",
    "dismiss",
    "enrol",
  ] as const)("is read again after a change: %s", async (act) => {
    const { api, seen } = registry((read) => (read === 1 ? [["sign-in"], [act], ["sign-in"]] : []));
    const backup = await takeBackup(api, NOW);
    expect(seen.reads).toBe(2);
    expect(backup.audit.map((entry) => entry.act)).toEqual(["create-user", "sign-in", act, "sign-in"]);
  });

  it("is read again when more lines came than are looked through", async () => {
    const { api, seen } = registry((read) => (read === 1 ? [["create-token"], ...many(100, "sign-in")] : []));
    await takeBackup(api, NOW);
    expect(seen.reads).toBe(2);
  });

  it("fails when it changes each time", async () => {
    const { api, seen } = registry(() => [["create-token"]]);
    await expect(takeBackup(api, NOW)).rejects.toThrow("the list of users changes while it is read");
    expect(seen.reads).toBe(5);
  });
});
