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
    ["--sign-in http://x", { npm_config_sign_in: "true" }, ["http://x"], "--sign-in", "--sign-in http://x"],
    ["--client-id=gate", { npm_config_client_id: "gate" }, [], "--client-id", "--client-id gate"],
    ["--no-sign-in", { npm_config_sign_in: "" }, [], "--no-sign-in", "--no-sign-in"],
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

describe("the identity provider", () => {
  const issuer = "https://id.example.com";
  const settings = { issuer, clientId: "gate" };
  const owners = { alice: "alice@example.com" };
  const written = JSON.stringify({ ...settings, owners });

  it.each([
    ["the local one", [], "local"],
    ["none", ["--no-sign-in"], "none"],
    ["one of the owner's", ["--sign-in", issuer, "--client-id", "gate"], { settings }],
    ["with all settings", ["--var", `SIGN_IN=${written}`], { settings: { ...settings, owners } }],
  ])("is %s", (_, words, provider) => {
    expect(readOptions(words, {}).provider).toEqual(provider);
  });

  it.each([
    [["--sign-in", issuer], "--sign-in needs the client's id", "--client-id"],
    [["--client-id", "gate"], "--client-id is for a provider of yours", "--sign-in https://"],
    [["--client-id", "gate", "--no-sign-in"], "--client-id is for a provider of yours", "--sign-in https://"],
    [
      ["--sign-in", "http://id.example.com", "--client-id", "x"],
      "--sign-in must be the issuer's https://",
      "such as",
    ],
    [["--sign-in", issuer, "--client-id", ""], "--client-id must be the client's id", "such as"],
    [
      ["--var", "SIGN_IN=yes"],
      "--var SIGN_IN cannot be used: SIGN_IN must be a table",
      "such as --var 'SIGN_IN={",
    ],
    [["--var", 'SIGN_IN={"issuer":"https://a.ch"}'], "SIGN_IN.clientId is missing", "such as"],
    [["--var", 'SIGN_IN={"issuer":"x"}'], "SIGN_IN.issuer must be the issuer's https://", "such as"],
    [["--var", `SIGN_IN=${written}`, "--no-sign-in"], "--var SIGN_IN and --sign-in", "give one, not both"],
    [["--var", "SIGN_IN_SECRET=x"], "a secret is not given as an argument", "in the environment"],
  ])("is misuse: %j", (words, message, hint) => {
    expect(() => readOptions(words, {})).toThrow(
      expect.objectContaining({
        exitCode: 2,
        message: expect.stringContaining(message),
        hint: expect.stringContaining(hint),
      }),
    );
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
