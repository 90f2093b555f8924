// What the command line says of apps that APPS names: against the stand-in and the real local edge.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recipesFor } from "../../../src/domain/apps/recipes.ts";
import { type LocalZone, startLocalZone } from "../../cloudflare/zone.ts";
import { runHere } from "./run-here.ts";

let zone: LocalZone;
beforeAll(async () => {
  zone = await startLocalZone({
    APPS: {
      "app.localhost": { profile: "immich" },
      "tv.localhost": { profile: "jellyfin" },
      "vault.localhost": { profile: "vaultwarden" },
    },
  });
});
afterAll(() => zone?.stop());

const latchkey = async (...words: string[]) => {
  const { code, stdout, stderr } = await runHere(words, zone.environment);
  expect(code, stderr).toBe(0);
  return stdout;
};
const JELLYFIN = "Jellyfin: some clients can show a certificate (";
const VAULTWARDEN = "Vaultwarden and Bitwarden: some clients can show a certificate (";

describe("apps by name", () => {
  it("are shown with the profile that they stand for", async () => {
    const { apps } = JSON.parse(await latchkey("me", "--json"));
    expect(apps).toEqual([
      { host: "app.localhost", profile: "sync", app: "immich" },
      { host: "tv.localhost", profile: "web", app: "jellyfin" },
      { host: "vault.localhost", profile: "bitwarden", app: "vaultwarden" },
    ]);
  });

  it("are spoken of by issue, where some client can show no certificate", async () => {
    const shown = await latchkey("issue", "alice", "phone", "--out", zone.folder());
    expect(shown).toContain(`\n\n${JELLYFIN}`);
    expect(shown).toContain(`\n${VAULTWARDEN}`);
    expect(shown).not.toContain("Immich");
    // Programs get one object, and no sentences.
    const json = await latchkey("issue", "alice", "laptop", "--out", zone.folder(), "--json");
    expect(JSON.parse(json)).not.toHaveProperty("hints");
  });

  it("are spoken of by invite, if the link leads to that app", async () => {
    const shown = await latchkey("invite", "alice", "--app", "tv.localhost");
    expect(shown).toContain(`\n\n${JELLYFIN}`);
    expect(shown).not.toContain(VAULTWARDEN);
    expect(await latchkey("invite", "alice", "--app", "app.localhost")).not.toContain("certificate");
    expect(await latchkey("invite", "alice")).not.toContain("Jellyfin");
  });

  it("make a vault that a lost device is told to delete", async () => {
    const shown = await latchkey("lost", "alice/phone", "--yes");
    expect(shown).toContain("to see whether the wipe was delivered");
  });
});

it("the recipe for git is taken by git, which sends the token to that address only", () => {
  const place = { url: "https://git.example.com", token: "lkd_abc", basic: false };
  const [recipe] = recipesFor("gitea", place);
  expect(recipe?.title).toBe("git");
  const HOME = zone.folder();
  const env = { ...process.env, HOME, XDG_CONFIG_HOME: HOME, GIT_CONFIG_GLOBAL: join(HOME, ".gitconfig") };
  const sh = (command: string) => execFileSync("sh", ["-c", command], { env, cwd: HOME, encoding: "utf8" });
  sh(recipe?.lines.join("\n") ?? "");
  const header = (url: string) => sh(`git config --get-urlmatch http.extraHeader ${url} || true`).trim();
  expect(header("https://git.example.com/alice/notes.git")).toBe("X-Latchkey-Token: lkd_abc");
  expect(header("https://git.example.org/alice/notes.git")).toBe("");
});
