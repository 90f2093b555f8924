// The completion scripts, in the shells themselves: bash is everywhere, zsh and fish are tried where they are.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Gate, startGate } from "./gate.ts";
import { runHere, runOnceAsProcess } from "./run-here.ts";

const folder = mkdtempSync(join(tmpdir(), "latchkey-completion-"));
const script = (shell: string) => join(folder, `completion.${shell}`);
const has = (shell: string) => spawnSync(shell, ["-c", "exit 0"], { stdio: "ignore" }).status === 0;

beforeAll(async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, stdout, stderr } = await runHere(["completion", shell]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    writeFileSync(script(shell), stdout);
  }
  // Stands for the program where it is asked for names; that it answers so is tested below.
  writeFileSync(
    join(folder, "latchkey"),
    `#!/bin/sh
case "$1 $2" in
  "complete-names user") printf 'alice\\nbob\\n' ;;
  "complete-names device") printf 'alice/pixel-9\\nalice/my phone\\nbob/ipad\\n' ;;
  *) printf '<%s>' "$@" >> '${folder}/ran'; echo >> '${folder}/ran'; echo ran: ;;
esac
`,
  );
  chmodSync(join(folder, "latchkey"), 0o755);
  writeFileSync(join(folder, "a file.pem"), "");
});
afterAll(() => rmSync(folder, { recursive: true }));

const environment = { PATH: `${folder}:${process.env.PATH}`, HOME: folder, TERM: "dumb" };

/** What a shell offers for the last word of the line. */
type Complete = (line: string) => string[];

const inBash: Complete = (line) => {
  const words = line.split(" ").map((word) => `'${word}'`);
  const { stdout, stderr } = spawnSync(
    "bash",
    [
      "--norc",
      "-c",
      `source ${script("bash")}
complete -p latchkey >/dev/null || exit 1
COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}
_latchkey
printf '%s\\n' "\${COMPREPLY[@]}"`,
    ],
    { env: environment, cwd: folder, encoding: "utf8" },
  );
  expect(stderr).toBe("");
  return stdout.split("\n").filter((word) => word !== "");
};

const inFish: Complete = (line) => {
  const { stdout, stderr } = spawnSync(
    "fish",
    ["--no-config", "-c", `source ${script("fish")}; complete -C '${line}'`],
    { env: environment, cwd: folder, encoding: "utf8" },
  );
  expect(stderr).toBe("");
  return stdout
    .split("\n")
    .map((each) => each.split("\t")[0] ?? "")
    .filter((word) => word !== "");
};

describe.each([
  { shell: "bash", complete: inBash, phone: "alice/my\\ phone" },
  { shell: "fish", complete: inFish, phone: "alice/my phone" },
])("$shell", ({ shell, complete, phone }) => {
  it.runIf(has(shell)).each<[string, string[]]>([
    ["latchkey ren", ["rename"]],
    ["latchkey --url https://x token cr", ["create"]],
    ["latchkey token ", ["list", "create", "revoke"]],
    ["latchkey tokens rm --y", ["--yes"]],
    ["latchkey token create --e", ["--emergency", "--everyone", "--expires"]],
    ["latchkey completion ", ["bash", "zsh", "fish"]],
    ["latchkey devices ", ["list", "alice", "bob"]],
    ["latchkey devices list ", ["alice", "bob"]],
    ["latchkey users remove b", ["bob"]],
    ["latchkey show alice/", ["alice/pixel-9", phone]],
    ["latchkey show bob/ipad ", []],
    ["latchkey block bob/ipad alice/p", ["alice/pixel-9"]],
    ["latchkey enrol alice x --note ", []],
    ["latchkey enrol alice x --certificate a", ["a file.pem"]],
    ["latchkey fingerprint a", ["a file.pem"]],
    // What runs only by itself is not offered.
    ["latchkey complete", []],
  ])("completes %s", (line, expected) => {
    expect(complete(line).sort()).toEqual([...expected].sort());
  });

  it.runIf(has(shell))("offers every command", async () => {
    const { stdout } = await runHere(["--help"]);
    const commands = [...stdout.matchAll(/^ {2}([a-z][a-z-]+) .*/gm)].map(([, name]) => name);
    const listed = new Set(complete("latchkey "));
    expect(listed.size).toBeGreaterThan(30);
    expect([...listed].filter((name) => !commands.includes(name))).toEqual([]);
  });
});

it.runIf(has("zsh"))("zsh reads its script, and completes with it", () => {
  expect(spawnSync("zsh", ["-n", script("zsh")], { encoding: "utf8" })).toMatchObject({
    status: 0,
    stderr: "",
  });
  // A terminal inside zsh: its completion works in an interactive shell only.
  const { status, stderr } = spawnSync(
    "zsh",
    [
      "-f",
      "-c",
      `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PS1=; autoload -U compinit; compinit -u -D; source ${script("zsh")}; echo re''ady'
zpty -r z out '*ready*'
for line in 'latchkey ren' 'latchkey token cr' 'latchkey show alice/m'; do
  zpty -w z "$line"$'\t'
  zpty -r z out '*ran:*'
done`,
    ],
    { env: environment, cwd: folder, encoding: "utf8", timeout: 20_000 },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(readFileSync(join(folder, "ran"), "utf8")).toBe(
    "<rename>\n<token><create>\n<show><alice/my phone>\n",
  );
});

describe("the names", () => {
  let gate: Gate;
  beforeAll(async () => {
    gate = await startGate();
    for (const user of ["alice", "bob"]) {
      await runHere(["users", "add", user], gate.environment);
      const fingerprint = user === "alice" ? "a".repeat(64) : "b".repeat(64);
      await runHere(["enrol", user, `${user}'s phone`, "--fingerprint", fingerprint], gate.environment);
    }
  });
  afterAll(() => gate?.stop());

  it("come from the gate, one a line", async () => {
    const names = (...words: string[]) => runOnceAsProcess(["complete-names", ...words], gate.environment);
    expect(await names("user")).toEqual({ code: 0, stdout: "alice\nbob\n", stderr: "" });
    expect(await names("device")).toEqual({
      code: 0,
      stdout: "alice/alice's phone\nbob/bob's phone\n",
      stderr: "",
    });
    expect(await names("device", "bob/b")).toEqual({ code: 0, stdout: "bob/bob's phone\n", stderr: "" });
  });

  it("are silently missing without a gate or without such a user", async () => {
    const nothing = { code: 0, stdout: "", stderr: "" };
    expect(await runHere(["complete-names", "device"])).toEqual(nothing);
    expect(
      await runHere(["complete-names", "user"], { ...gate.environment, LATCHKEY_URL: "https://127.0.0.1:1" }),
    ).toEqual(nothing);
    expect(await runHere(["complete-names", "device", "nobody/"], gate.environment)).toEqual(nothing);
  });
});
