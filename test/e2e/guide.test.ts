// The guide's commands, page by page, as they are printed: against the real local edge and the stand-in. What needs a
// zone (setup, deploy, upgrade, remove) or runs until it is ended (watch) has tests of its own.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LocalZone, startLocalZone } from "../cloudflare/zone.ts";
import { blocks, latchkeyCalls, read } from "../project/markdown.ts";
import { runHere } from "../scripts/cli/run-here.ts";

const PAGES = [
  "start-here",
  "your-apps",
  "before-you-lose-a-phone",
  "lost-phone",
  "refused",
  "renew",
  "back-up",
];

const ELSEWHERE = ["init", "setup", "deploy", "upgrade", "remove", "doctor", "watch", "--version"];

const APPS = ["vault", "photos", "ntfy"].map((name) => `${name}.example.com`);

let zone: LocalZone;
beforeAll(async () => {
  zone = await startLocalZone({ APPS: Object.fromEntries(APPS.map((host) => [host, {}])) });
});
afterAll(() => zone?.stop());

/** Runs the program in a folder. Its exit code must be 0. */
async function latchkey(words: readonly string[], cwd: string) {
  // A folder as home, too: login stores the address there.
  const { code, stdout, stderr } = await runHere(
    [...words, "--yes"],
    { ...zone.environment, HOME: cwd },
    "",
    { cwd },
  );
  expect(code, `latchkey ${words.join(" ")}: ${stderr}`).toBe(0);
  return stdout;
}

describe.each(PAGES)("%s", (name) => {
  const calls = latchkeyCalls(read(`docs/guide/${name}.md`)).filter(
    ([command = ""]) => !ELSEWHERE.includes(command),
  );
  // Each page has a user of its own, so that no page depends on another.
  const user = `alice-${PAGES.indexOf(name)}`;

  it("shows commands that do what it says", async () => {
    expect(calls.length).toBeGreaterThan(0);
    const folder = zone.folder();
    const devices = new Set(calls.join(" ").match(/(?<=\balice\/)[\w-]+\b(?! card)/g));
    if (name !== "start-here") await latchkey(["users", "add", user], folder);
    for (const device of devices) {
      const isToken = device === "tv";
      await latchkey(
        isToken
          ? ["device-token", user, device, "--app", "photos.example.com"]
          : ["issue", user, device, "--out", folder],
        folder,
      );
    }
    for (const words of calls) {
      const here = words.map((word) =>
        word
          .replace(/^alice\b/, user)
          .replace("https://latchkey.example.com", zone.environment.LATCHKEY_URL ?? "")
          .replace("~/.latchkey-token", zone.edge.paths.adminToken)
          .replace(/^~\//, `${folder}/`),
      );
      await latchkey(here, folder);
    }
  });
});

describe("curl", () => {
  const curl = async (line: string, cwd: string) => {
    const [, ...words] = line.split(" ");
    const edge = [
      "--silent",
      "--cacert",
      zone.edge.paths.ca,
      "--connect-to",
      `::127.0.0.1:${zone.edge.port}`,
    ];
    return (await promisify(execFile)("curl", [...edge, ...words], { cwd })).stdout;
  };

  it("shows the app with the files that issue wrote, and a refusal without", async () => {
    const folder = zone.folder();
    await latchkey(["issue", "alice", "laptop"], folder);
    const [line = ""] = blocks(read("docs/guide/your-device.md"), "sh")
      .flatMap((text) => text.split("\n"))
      .filter((each) => each.startsWith("curl "));
    expect(await curl(line, folder)).toContain("you are through the gate");
    const [, without = ""] = /`(curl -i [^`]+)`/.exec(read("docs/guide/start-here.md")) ?? [];
    expect(await curl(without, folder)).toMatch(/^HTTP\/\S+ 404[\s\S]*Not Found$/);
  });
});
