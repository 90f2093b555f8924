import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type BackupJson, FORMAT, VERSION, writeBackup } from "../../../scripts/backup/backup-file.ts";
import { backupName, prune } from "../../../scripts/backup/folder.ts";

const DAY_MS = 24 * 3600 * 1000;
const FIRST = Date.UTC(2026, 10, 24, 2, 1, 3);

/** The name of the backup of a day. */
const on = (day: number) => backupName(FIRST + day * DAY_MS);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "latchkey-backups-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function put(name: string, change: Partial<BackupJson> = {}): Promise<void> {
  const alice = { id: "alice", name: null, createdAt: new Date(FIRST).toISOString(), devices: [], audit: [] };
  const createdAt = new Date(FIRST).toISOString();
  await writeBackup(join(folder, name), {
    ...{ format: FORMAT, version: VERSION, createdAt, source: "https://latchkey.example.com" },
    ...{ users: [alice], tokens: [], unknownCertificates: [], audit: [], ...change },
  });
}

const left = () => readdirSync(folder).sort();

it("leaves the newest, and deletes the others", async () => {
  for (const day of [0, 1, 2, 3]) await put(on(day));
  expect(await prune(folder, on(3), 2)).toEqual({
    deleted: [on(1), on(0)],
    unreadable: [],
    later: [],
    spared: false,
  });
  expect(left()).toEqual([on(2), on(3)]);
});

it("neither counts nor deletes what is later by its name: the clock was wrong then, or is now", async () => {
  for (const day of [0, 1, 2, 100, 200]) await put(on(day));
  const later = [on(100), on(200)];
  const pruned = await prune(folder, on(2), 2);
  expect({ ...pruned, later: pruned.later.sort() }).toEqual({
    ...{ deleted: [on(0)], unreadable: [], later, spared: false },
  });
  expect(left()).toEqual([on(1), on(2), ...later]);
});

it("neither counts nor deletes another gate's backups, damaged ones, and files of other names", async () => {
  await put(on(0));
  await put(on(1), { source: "https://latchkey.example.org" });
  writeFileSync(join(folder, on(2)), "{");
  await put("latchkey-november.json");
  await put(on(3));
  expect(await prune(folder, on(3), 2)).toEqual({
    deleted: [],
    unreadable: [on(2)],
    later: [],
    spared: false,
  });
  await put(on(4));
  expect(await prune(folder, on(4), 2)).toMatchObject({ deleted: [on(0)] });
  expect(left()).toEqual([on(1), on(2), on(3), on(4), "latchkey-november.json"]);
});

it("deletes nothing if the new one cannot be read back", async () => {
  await put(on(0));
  writeFileSync(join(folder, on(1)), "");
  await expect(prune(folder, on(1), 1)).rejects.toMatchObject({
    exitCode: 1,
    message: expect.stringMatching(/^the new backup is written, but cannot be read back: .+ is not JSON/),
    hint: expect.stringContaining("no earlier one was deleted"),
  });
  expect(left()).toEqual([on(0), on(1)]);
});

it("deletes nothing once the registry has been emptied", async () => {
  for (const day of [0, 1]) await put(on(day));
  await put(on(2), { users: [] });
  expect(await prune(folder, on(2), 1)).toEqual({ deleted: [], unreadable: [], later: [], spared: true });
  expect(left()).toEqual([on(0), on(1), on(2)]);
});

it("names files so that the order of names is that of times", () => {
  expect(backupName(FIRST)).toBe("latchkey-backup-20261124T020103Z.json");
});
