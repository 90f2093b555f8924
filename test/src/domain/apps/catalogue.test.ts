import { describe, expect, it } from "vitest";
import { CATALOGUE } from "../../../../src/domain/apps/catalogue.ts";
import { certificateHints, rowOfProgram } from "../../../../src/domain/apps/hints.ts";
import { APP_NAMES, APP_PROFILES, isAppName } from "../../../../src/domain/apps/names.ts";
import { PROFILE_NAMES } from "../../../../src/domain/request/app.ts";
import { clientName } from "../../../../src/domain/request/client-name.ts";
import { pathPatternProblem } from "../../../../src/domain/request/path-rules.ts";

describe("a row of the catalogue", () => {
  it.each(CATALOGUE)("is whole: $name", (row) => {
    expect(row.name).toMatch(/^[a-z][a-z-]*$/);
    expect(PROFILE_NAMES).toContain(APP_PROFILES[row.name]);
    for (const { path } of row.public) expect(pathPatternProblem(path), path).toBeUndefined();
    expect(row.sources.length).toBeGreaterThan(0);
    for (const source of row.sources) {
      expect(source).toMatch(/^(?:[\w.-]+\/[\w.-]+#\d+|https:\/\/\S+|docs\/[\w-]+\.md)$/);
    }
    // Sentences end, and parts of sentences do not.
    for (const note of row.notes) expect(note).toMatch(/\.$/);
    const parts = [row.instead, row.preflight, ...row.public.map(({ why }) => why)];
    for (const [carried, note] of Object.values(row.credentials)) {
      expect(["yes", "some", "no", "not known"]).toContain(carried);
      // Which ones, if only some do.
      if (carried === "some") expect(note).toBeDefined();
      parts.push(note ?? null);
    }
    for (const part of parts) expect(part ?? "none").not.toMatch(/\.$/);
  });

  it("has a name of its own, which is no profile's, and hostnames that speak of no other", () => {
    expect(new Set<string>([...PROFILE_NAMES, ...APP_NAMES]).size).toBe(
      PROFILE_NAMES.length + APP_NAMES.length,
    );
    const words = CATALOGUE.flatMap(({ name, hosts }) => [name, ...hosts]);
    expect(words.filter((word, index) => words.indexOf(word) !== index)).toEqual([]);
    expect(["__proto__", "toString", "web", "Immich"].filter(isAppName)).toEqual([]);
  });

  it("answers as web only where no client is known to delete anything on a 404", () => {
    expect(APP_NAMES.filter((name) => APP_PROFILES[name] === "web")).toEqual(["gitea", "jellyfin"]);
    expect(APP_NAMES.filter((name) => APP_PROFILES[name] === "bitwarden")).toEqual(["vaultwarden"]);
  });
});

describe("hints", () => {
  const hints = (...apps: (string | undefined)[]) =>
    certificateHints(apps.map((app, index) => ({ host: `${index}.example.com`, app })));

  it("speak of the apps that are named and whose clients can show no certificate, each once", () => {
    expect(hints(undefined, "immich", "jellyfin", "jellyfin", "nothing")).toEqual([
      expect.stringMatching(
        /^Jellyfin: some clients can show a certificate \(Finamp .+\)\. A device token in a header works with some clients \(Streamyfin.+\)\. Otherwise: .+\.$/,
      ),
    ]);
    const [joplin = ""] = hints("joplin");
    expect(joplin).toBe(
      "Joplin Server: no client can show a certificate (requested). Otherwise: keep it behind a VPN.",
    );
    expect(hints("couchdb")).toEqual([
      expect.stringMatching(
        /^CouchDB .+: it is not known whether a client can show a certificate \(.+\)\. A device token in a header works \(LiveSync/,
      ),
    ]);
  });

  it.each([
    ["Bitwarden_Mobile/2026.9.0 (Android 16)", "vaultwarden"],
    ["Home Assistant/2026.9 (Android 16)", "home-assistant"],
    ["DAVx5/4.5 (Android 16)", "caldav"],
    ["Mozilla/5.0 (Linux) mirall/3.14", "nextcloud"],
    ["ntfy/1.21 (Android 16)", "ntfy"],
    ["Jellyfin-Android/2.6", "jellyfin"],
    ["curl/8.10", undefined],
    ["Jellyfinder/1.0 (Android 16)", "jellyfin"],
    ["Music/1.0", undefined],
    [null, undefined],
  ])("know whose client calls itself %s", (userAgent, name) => {
    expect(rowOfProgram(clientName(userAgent))?.name).toBe(name);
  });
});
