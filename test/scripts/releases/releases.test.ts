// Earlier releases and the command line of today: it talks to their gates, and restores their backups.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BackupJson } from "../../../scripts/backup/backup-file.ts";
import { type Gate, startGate } from "../cli/gate.ts";
import { runHere } from "../cli/run-here.ts";
import { type RecordedGate, startRecordedGate } from "./recorded-gate.ts";

const FOLDER = join(import.meta.dirname, "../../fixtures/releases");
const RELEASES = readdirSync(FOLDER);

it("are there", () => {
  expect(RELEASES).toContain("4b51997");
});

describe.each(RELEASES)("of %s:", (release) => {
  const file = join(FOLDER, release, "backup.json");
  const backup: BackupJson = JSON.parse(readFileSync(file, "utf8"));

  describe("its gate", () => {
    let old: RecordedGate;
    let folder: string;
    beforeAll(async () => {
      old = await startRecordedGate(join(FOLDER, release));
      folder = mkdtempSync(join(tmpdir(), "latchkey-release-"));
    });
    afterAll(() => {
      old.stop();
      rmSync(folder, { recursive: true });
    });

    it.each([
      [["status"], /5 active, 1 suspended, 1 lost, 1 revoked/],
      [["me"], /admin/],
      [["users"], /alice +Alice/],
      [["devices"], /Pixel 9/],
      [["show", "alice/pixel 9"], /CH, LI/],
      [["show", "alice/radio"], /Radio/],
      [["unknown"], /00000000/],
      [["token"], /monitor/],
      [["sessions"], /Firefox/],
      [["invitations", "bob"], /open/],
      [["audit", "alice"], /lost +Tablet/],
    ])("answers %j", async (words, shown) => {
      const { code, stdout, stderr } = await runHere(words, old.environment);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(shown);
    });

    it("is backed up as its own command line did", async () => {
      const out = join(folder, "backup.json");
      expect(await runHere(["backup", "--out", out], old.environment)).toMatchObject({ code: 0, stderr: "" });
      const { createdAt: _, source: __, checksum: ___, ...same } = { checksum: "", ...backup };
      expect(JSON.parse(readFileSync(out, "utf8"))).toMatchObject(same);
    });
  });

  describe("its backup", () => {
    let gate: Gate;
    beforeAll(async () => {
      gate = await startGate();
    });
    afterAll(() => gate.stop());

    const list = async (...words: string[]) => {
      const { code, stdout } = await runHere([...words, "--json"], gate.environment);
      expect(code).toBe(0);
      return JSON.parse(stdout);
    };

    it("is restored into an empty registry, with everything in it", async () => {
      const { code, stderr } = await runHere(["restore", file, "--yes"], gate.environment);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect((await list("devices")).devices).toMatchObject(backup.users.flatMap(({ devices }) => devices));
      expect((await list("users")).users).toMatchObject(backup.users.map(({ id, name }) => ({ id, name })));
      expect((await list("token")).tokens.map(({ id }: { id: string }) => id).sort()).toEqual(
        backup.tokens
          // The others have ended since.
          .filter(({ expiresAt }) => expiresAt === null || Date.parse(expiresAt) > Date.now())
          .map(({ id }) => id)
          .sort(),
      );
      expect((await list("unknown")).unknownCertificates).toMatchObject(
        backup.unknownCertificates.map(({ fingerprint }) => ({ fingerprint })),
      );
      for (const { id, audit } of backup.users) {
        const { entries } = (await list("audit", id)) as { entries: { restored?: true }[] };
        expect(entries.filter(({ restored }) => restored)).toMatchObject(audit.toReversed());
      }
    });

    it("again changes nothing", async () => {
      const { code, stdout } = await runHere(["restore", file, "--yes"], gate.environment);
      expect([code, stdout]).toEqual([0, expect.stringContaining("there is nothing to restore")]);
    });
  });
});
