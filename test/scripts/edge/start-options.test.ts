import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { callersFolder, readOptions, shownFrom } from "../../../scripts/edge/start-options.ts";

const ROOT = resolve(import.meta.dirname, "..", "..", "..");

describe("options that npm took for itself are named", () => {
  // What npm 10 and npm 11 make of each.
  it.each([
    ["--port 8600", { npm_config_port: "true" }, ["8600"], "--port", "--port 8600"],
    ["--port=8600", { npm_config_port: "8600" }, [], "--port", "--port 8600"],
    ["--state 'my gate'", { npm_config_state: "true" }, ["my gate"], "--state", "--state 'my gate'"],
    ["--origin=http://x", { npm_config_origin: "http://x" }, [], "--origin", "--origin http://x"],
    ["--var A=1", { npm_config_var: "true" }, ["A=1"], "--var", "--var A=1"],
    ["--country US", { npm_config_country: "true" }, ["US"], "--country", "--country US"],
    ["--latency", { npm_config_latency: "true" }, [], "--latency", "--latency …"],
    [
      "--port 8600 --state gate",
      { npm_config_port: "true", npm_config_state: "true" },
      ["8600", "gate"],
      "--port and --state",
      "--port … --state …",
    ],
  ])("npm start %s", (_, taken, words, named, written) => {
    expect(() => readOptions(words, { npm_lifecycle_event: "start", ...taken })).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: `npm took ${named} for itself`,
        hint: `write npm start -- ${written}`,
      }),
    );
  });

  it("but not what is set outside of npm, for something else", () => {
    expect(readOptions(["--port", "0"], { npm_config_port: "8600" }).port).toBe(0);
  });

  it("and a word that stands alone gets the same advice", () => {
    expect(() => readOptions(["8600"], { npm_lifecycle_event: "start" })).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("npm start -- --port 9443") }),
    );
  });
});

it("a variable that the Worker does not have is refused, with the names of those that it has", () => {
  expect(() => readOptions(["--var", "REVOCATION_DELAY=0"], {})).toThrow(
    expect.objectContaining({
      exitCode: 2,
      message: "--var names no variable of the Worker: REVOCATION_DELAY",
      hint: expect.stringContaining("REVOCATION_DELAY_SECONDS"),
    }),
  );
  expect(
    readOptions(["--var", "REVOCATION_DELAY_SECONDS=0", "--var", "ADMIN_HOST=a.localhost"], {}).vars,
  ).toEqual({
    REVOCATION_DELAY_SECONDS: 0,
    ADMIN_HOST: "a.localhost",
  });
});

describe("npm called from another folder", () => {
  const environment = { npm_lifecycle_event: "start", INIT_CWD: tmpdir() };

  it("leaves relative paths those of the caller, and the default the clone's", () => {
    expect(readOptions(["--state", "gate"], environment).stateDir).toBe(join(tmpdir(), "gate"));
    expect(readOptions([], environment).stateDir).toBe(resolve(".latchkey"));
    expect(readOptions(["--state", "gate"], { INIT_CWD: tmpdir() }).stateDir).toBe(resolve("gate"));
    expect(callersFolder(environment)).toBe(tmpdir());
  });

  it.each([
    ["the clone", ROOT, join(ROOT, ".latchkey"), ".latchkey"],
    ["the clone, to itself", ROOT, ROOT, "."],
    ["a folder of the clone", join(ROOT, "docs"), join(ROOT, ".latchkey"), join(ROOT, ".latchkey")],
    ["elsewhere, where no command would run", tmpdir(), join(tmpdir(), "gate"), join(tmpdir(), "gate")],
  ])("shows paths that hold where they are typed: from %s", (_, folder, path, shown) => {
    expect(shownFrom(folder, path)).toBe(shown);
  });
});
