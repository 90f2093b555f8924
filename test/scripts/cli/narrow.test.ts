// A terminal of 80 columns: every help text, and every table of an ordinary household.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { Command } from "commander";
import stringWidth from "string-width";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createProgram } from "../../../scripts/cli/program.ts";
import { send } from "../edge/client.ts";
import { type Gate, startGate } from "./gate.ts";
import { hasTerminal, runOnTerminal } from "./run.ts";
import { runHere } from "./run-here.ts";

const COLUMNS = 80;

const tooWide = (text: string) =>
  stripVTControlCharacters(text)
    .split(/\r?\n/)
    .filter((line) => stringWidth(line) > COLUMNS);

describe("help", () => {
  function everyHelp(command: Command, path = ""): [path: string, help: string][] {
    let help = "";
    command.configureOutput({
      writeOut: (text) => {
        help += text;
      },
      getOutHelpWidth: () => COLUMNS,
    });
    command.outputHelp();
    const name = `${path} ${command.name()}`.trim();
    return [[name, help], ...command.commands.flatMap((each) => everyHelp(each, name))];
  }
  const helps = everyHelp(createProgram());

  it("is there for every command", () => {
    expect(helps.length).toBeGreaterThan(50);
  });

  it.each(helps)("of %s fits", (_, help) => {
    expect(help).toMatch(/^Usage: latchkey /);
    expect(tooWide(help)).toEqual([]);
  });
});

describe.runIf(hasTerminal)("a household's table", () => {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-narrow-"));
  let gate: Gate;

  async function latchkey(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await runHere(words, gate.environment);
    if (code !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
    return stdout;
  }

  async function enrol(user: string, name: string, visits = true): Promise<void> {
    const device = await gate.newDevice(name);
    const path = join(folder, `${user}-${name.replaceAll(" ", "-")}.pem`);
    writeFileSync(path, device.certificate);
    await latchkey("enrol", user, name, "--certificate", path);
    if (visits) await send(gate.edge, "/", { as: device });
  }

  beforeAll(async () => {
    gate = await startGate();
    for (const [user, name] of [
      ["alice", "Alice Example"],
      ["bartholomew", "Bartholomew Example-Beispiel"],
    ] as const) {
      await latchkey("users", "add", user, "--name", name);
    }
    await enrol("alice", "pixel-9");
    await enrol("alice", "work laptop");
    await enrol("bartholomew", "living-room-tablet");
    await enrol("bartholomew", "ipad", false);
    const next = await gate.newDevice("pixel-9");
    writeFileSync(join(folder, "next.pem"), next.certificate);
    await latchkey("rotate", "alice/pixel-9", "--certificate", join(folder, "next.pem"));
    await latchkey(
      "lost",
      "bartholomew/ipad",
      "--yes",
      "--reason",
      "left in the tram on the way home, line 7 or 9, not at the lost property office",
    );
    await latchkey("suspend", "bartholomew/living-room-tablet");
    await latchkey("block", "bartholomew/ipad", "--force", "--yes", "--edge", join(gate.tokenFile, ".."));
    for (const stranger of ["stranger", "another phone of the neighbours"])
      await gate.visitAsStranger(stranger);
    await latchkey("invite", "alice", "--app", "app.localhost", "--approval", "--no-qr");
    await latchkey("invite", "bartholomew", "--no-qr", "--expires", "7d");
    await latchkey("token", "create", "alice", "--for", "devices", "--name", "Home Assistant");
    await latchkey(
      "token",
      "create",
      "--everyone",
      "--for",
      "read",
      "--name",
      "grafana",
      "--expires",
      "never",
    );
    await signIn();
  });
  afterAll(async () => {
    await gate?.stop();
    rmSync(folder, { recursive: true });
  });

  /** A browser on the pages, for the list of sessions. */
  async function signIn(): Promise<void> {
    const { readFileSync } = await import("node:fs");
    const body = new URLSearchParams({ token: readFileSync(gate.tokenFile, "utf8").trim() }).toString();
    const answer = await send(gate.edge, "/.latchkey/sign-in", {
      method: "POST",
      host: gate.edge.apiHost,
      body,
      headers: { "content-type": "application/x-www-form-urlencoded", origin: gate.url, "user-agent": AGENT },
    });
    expect(answer.status).toBe(303);
  }
  const AGENT =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

  it.each([
    ["devices", /^DEVICE +STATUS +CERTIFICATE +EXPIRES +LAST SEEN *$/m],
    ["users", /^USER +NAME +ROLE +ADDRESSES +SINCE *$/m],
    ["unknown", /^FINGERPRINT +SUBJECT .*SEEN *$/m],
    ["invitations", /^INVITATION +STATUS +LINK AT +APPROVAL +CREATED +EXPIRES *$/m],
    ["token list", /^TOKEN +ID +FOR +CREATED +EXPIRES +LAST USED *$/m],
    ["sessions", /^SESSION +SIGNED IN WITH +BROWSER +FROM +SINCE +EXPIRES *$/m],
    ["audit", /^TIME +ACT +TARGET +(OUTCOME +)?ACTOR *$/m],
    ["audit --directory", /^TIME +ACT +TARGET +(OUTCOME +)?ACTOR *$/m],
    ["status", /^devices +/m],
  ])("%s fits, and has its columns still", async (words, head) => {
    const { code, shown } = await runOnTerminal(words.split(" "), gate.environment, { columns: COLUMNS });
    const text = stripVTControlCharacters(shown).replaceAll("\r", "");
    expect(tooWide(shown)).toEqual([]);
    expect(text).toMatch(head);
    expect(code).toBe(0);
  });

  it("the prose of a result fits, without a word cut in two", async () => {
    const words = ["suspend", "alice/work laptop"];
    const { shown } = await runOnTerminal(words, gate.environment, { columns: COLUMNS });
    expect(tooWide(shown)).toEqual([]);
    expect(stripVTControlCharacters(shown).replaceAll(/\s+/g, " ")).toContain(
      "alice/work laptop is suspended: it is refused everywhere within 10 seconds (or your REVOCATION_DELAY_SECONDS)",
    );
  });

  it("blocked fits, with the whole fingerprint only of what has no name", async () => {
    const words = ["blocked", "--edge", join(gate.tokenFile, "..")];
    const { shown } = await runOnTerminal(words, gate.environment, { columns: COLUMNS });
    expect(tooWide(shown)).toEqual([]);
    expect(stripVTControlCharacters(shown)).toMatch(/^[0-9a-f]{8} +bartholomew\/ipad +lost/m);
  });

  it("is whole where nothing limits it", async () => {
    const [fingerprint] = JSON.parse(await latchkey("unknown", "--json")).unknownCertificates;
    expect(await latchkey("unknown")).toContain(fingerprint.fingerprint);
    expect(await latchkey("audit")).toMatch(/ \(\w+ [^)]*\) +\S+ +\S+ +done +/);
  });
});
