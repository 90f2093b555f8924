import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { VERSION } from "../../../src/contract/version.ts";
import { type Gate, startGate } from "./gate.ts";
import { failure, hasTerminal, type Run, run, runOnTerminal, startCommand } from "./run.ts";
import { runOnceAsProcess } from "./run-here.ts";

const MISSING =
  "log in with latchkey login, set LATCHKEY_TOKEN, or name a file that holds it with LATCHKEY_TOKEN_FILE or --token-file";

let gate: Gate;
let token: string;
const root = mkdtempSync(join(tmpdir(), "latchkey-login-"));
beforeAll(async () => {
  gate = await startGate();
  token = readFileSync(gate.tokenFile, "utf8").trim();
});
afterAll(async () => {
  await gate.stop();
  rmSync(root, { recursive: true });
});

/** Somebody's machine: a folder for settings of its own. */
interface Machine {
  environment: Record<string, string>;
  file: string;
  latchkey(words: readonly string[], environment?: Record<string, string>, input?: string): Promise<Run>;
}

function newMachine(): Machine {
  const config = join(mkdtempSync(join(root, "machine-")), "config");
  const environment = { XDG_CONFIG_HOME: config };
  return {
    environment,
    file: join(config, "latchkey", "login.json"),
    latchkey: (words, more = {}, input = "") => runOnceAsProcess(words, { ...environment, ...more }, input),
  };
}

/** A machine on which somebody has logged in. */
async function loggedIn(credential = token): Promise<Machine> {
  const machine = newMachine();
  const { code } = await machine.latchkey(["login", "--url", gate.url, "--ca", gate.ca], {}, credential);
  expect(code).toBe(0);
  return machine;
}

const modeOf = (path: string) => statSync(path).mode & 0o777;
const loggedInLine = () => `logged in at ${gate.url} as admin; latchkey logout ends it\n`;

describe.concurrent("login", () => {
  it("keeps address, token and authority, and the other commands need nothing else", async () => {
    const machine = newMachine();
    const words = ["login", "--url", `${gate.url}/.latchkey/`, "--ca", basename(gate.ca)];
    const login = await run(words, machine.environment, `${token}\n`, { cwd: dirname(gate.ca) });
    expect(login).toEqual({ code: 0, stdout: loggedInLine(), stderr: "" });
    expect(JSON.parse(readFileSync(machine.file, "utf8"))).toEqual({ url: gate.url, token, ca: gate.ca });
    expect(await machine.latchkey(["me"])).toEqual({
      code: 0,
      stdout: `gate      ${gate.url}\nknown as  admin\nmay       do everything\n`,
      stderr: "",
    });
    expect((await machine.latchkey(["users"])).code).toBe(0);
  });

  it("is readable only by its owner, whatever was there", async () => {
    const machine = newMachine();
    mkdirSync(dirname(machine.file), { recursive: true, mode: 0o755 });
    writeFileSync(machine.file, "{}", { mode: 0o644 });
    const words = ["login", "--url", gate.url, "--ca", gate.ca];
    expect(await machine.latchkey(words, {}, token)).toMatchObject({ code: 0 });
    expect(modeOf(machine.file)).toBe(0o600);
    expect(modeOf(dirname(machine.file))).toBe(0o700);
    // Nothing half written is left.
    expect(readdirSync(dirname(machine.file))).toEqual(["login.json"]);
  });

  it.each([
    ["a variable", () => ({ words: [], environment: { LATCHKEY_TOKEN: token } })],
    ["a file", () => ({ words: ["--token-file", gate.tokenFile], environment: {} })],
    [
      "a variable that names a file",
      () => ({ words: [], environment: { LATCHKEY_TOKEN_FILE: gate.tokenFile } }),
    ],
  ])("takes the token from %s too, and the address from a variable", async (_, given) => {
    const machine = newMachine();
    const { words, environment } = given();
    const more = { LATCHKEY_URL: gate.url, LATCHKEY_CA: gate.ca, ...environment };
    expect(await machine.latchkey(["login", ...words], more)).toEqual({
      code: 0,
      stdout: loggedInLine(),
      stderr: "",
    });
    expect((await machine.latchkey(["me"])).code).toBe(0);
  });

  it("takes a piped token rather than one that a variable names, and --token-file rather than both", async () => {
    const machine = newMachine();
    const wrong = "this-token-is-wrong-but-long-enough-0123456789";
    const words = ["login", "--url", gate.url, "--ca", gate.ca];
    for (const variable of [{ LATCHKEY_TOKEN: wrong }, { LATCHKEY_TOKEN_FILE: "/nowhere" }]) {
      expect(await machine.latchkey(words, variable, `${token}\n`)).toMatchObject({ code: 0, stderr: "" });
      expect(JSON.parse(readFileSync(machine.file, "utf8"))).toMatchObject({ token });
      rmSync(machine.file);
    }
    const piped = await machine.latchkey(words, { LATCHKEY_TOKEN: token }, "two words");
    expect(piped.stderr).toContain("the standard input does not hold a token");
    const given = [...words, "--token-file", gate.tokenFile];
    expect((await machine.latchkey(given, { LATCHKEY_TOKEN: wrong }, wrong)).code).toBe(0);
  });

  it("says what it is waiting for when nothing arrives on the standard input", async () => {
    const { environment } = newMachine();
    const words = ["login", "--url", gate.url, "--ca", gate.ca];
    const waiting = startCommand(words, { ...environment, LATCHKEY_TOKEN_FILE: gate.tokenFile });
    await waiting.shows("waiting for the token on the standard input");
    expect((await waiting.end("SIGTERM")).stdout).toBe("");
  });

  it("gives programs the API's own object, and the token to nobody", async () => {
    const machine = newMachine();
    const words = ["login", "--url", gate.url, "--ca", gate.ca, "--json"];
    const { stdout, stderr } = await machine.latchkey(words, {}, token);
    expect(JSON.parse(stdout)).toEqual({
      actor: "admin",
      scope: "root",
      version: VERSION,
      apiVersion: "1",
      user: null,
      apps: expect.any(Array),
    });
    expect(stdout + stderr).not.toContain(token);
  });

  it("with a wrong token is refused, keeps nothing, and leaves an earlier login as it was", async () => {
    const machine = await loggedIn();
    const wrong = "this-token-is-wrong-but-long-enough-0123456789";
    const refused = await machine.latchkey(["login", "--url", gate.url, "--ca", gate.ca], {}, wrong);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(/^latchkey: this is neither .+\nhint: give the token that was set with /);
    expect(refused.stderr).not.toContain(wrong);
    expect(JSON.parse(readFileSync(machine.file, "utf8"))).toMatchObject({ token });
  });

  it.each([
    ["no token", ["--url", "https://127.0.0.1:1"], "", "the standard input is empty"],
    [
      "a file that is no token",
      ["--url", "https://127.0.0.1:1"],
      "-----BEGIN PRIVATE KEY-----\nx",
      "the standard input does not hold a token: it has spaces, line breaks or characters beyond ASCII",
    ],
    ["no address", [], "token", "the address of the gate is missing"],
    [
      "an address without protection",
      ["--url", "http://x.example"],
      "token",
      "http:// would send the token unprotected",
    ],
    [
      "a token as an argument",
      ["--url", "https://127.0.0.1:1", "--token", "geheim"],
      "",
      "a token is not given as an argument: other users of this machine would see it",
    ],
  ])("with %s is misuse", async (_, words, input, cause) => {
    const machine = newMachine();
    const result = await machine.latchkey(["login", ...words], {}, input);
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr.split("\n")[0]).toBe(`latchkey: ${cause}`);
    expect(existsSync(machine.file)).toBe(false);
  });

  it.skipIf(!hasTerminal)("asks for address and token, and does not show the token", async () => {
    const machine = newMachine();
    const { code, shown } = await runOnTerminal(["login", "--ca", gate.ca], machine.environment, {
      answers: [
        ["Address of the gate", `${gate.url}\r`],
        ["Token", `${token}\r`],
      ],
    });
    expect(code).toBe(0);
    expect(shown).toContain(`logged in at ${gate.url} as admin`);
    expect(shown).not.toContain(token);
    expect(JSON.parse(readFileSync(machine.file, "utf8"))).toMatchObject({ url: gate.url, token });
  });

  it.skipIf(!hasTerminal)("that is cancelled keeps nothing", async () => {
    const machine = newMachine();
    const { code, shown } = await runOnTerminal(["login", "--url", gate.url], machine.environment, {
      answers: [["Token", "\u0003"]],
    });
    expect(code).toBe(1);
    expect(shown).toContain("latchkey: nothing was done");
    expect(existsSync(machine.file)).toBe(false);
  });
});

describe.concurrent("a stored login", () => {
  it("of one's own token is deleted by logout, which says how to end the token", async () => {
    const root = await loggedIn();
    const words = ["token", "create", "--everyone", "--for", "read", "--name", "for logout"];
    const machine = await loggedIn((await root.latchkey(words)).stdout.trim());
    expect((await machine.latchkey(["logout"])).stdout).toBe(
      "logged out; the token is still valid: latchkey token revoke ends it\n",
    );
  });

  it("is deleted by logout, once", async () => {
    const machine = await loggedIn();
    expect((await machine.latchkey(["logout"])).stdout).toBe(
      "logged out; the ADMIN_TOKEN is still valid: npx wrangler secret put ADMIN_TOKEN replaces it\n",
    );
    expect(existsSync(machine.file)).toBe(false);
    expect(await machine.latchkey(["logout"])).toEqual({
      code: 0,
      stdout: "nobody was logged in\n",
      stderr: "",
    });
    expect(await machine.latchkey(["me", "--url", gate.url])).toEqual(
      failure(2, "the token is missing", MISSING),
    );
  });

  it.skipIf(process.platform === "win32").each(["640", "604", "660", "620"])(
    "that others could read or write is refused: mode %s",
    async (mode) => {
      const machine = await loggedIn();
      chmodSync(machine.file, mode);
      const refused = await machine.latchkey(["me"]);
      expect(refused).toEqual(
        failure(
          2,
          `${machine.file} holds a token, and other users of this machine can read it`,
          `chmod 600 ${machine.file}; if they may have read it, revoke the token and log in with a new one`,
        ),
      );
      // Who gives everything does not need it.
      expect((await machine.latchkey(["me"], gate.environment)).code).toBe(0);
      chmodSync(machine.file, 0o600);
      expect((await machine.latchkey(["me"])).code).toBe(0);
    },
  );

  it.each(["", "{", "[]", "null", '{"url":"https://x.example"}', '{"url":1,"token":"x","ca":null}'])(
    "that is none is refused, and its content is not shown: %s",
    async (content) => {
      const machine = newMachine();
      mkdirSync(dirname(machine.file), { recursive: true });
      writeFileSync(machine.file, content, { mode: 0o600 });
      expect(await machine.latchkey(["me"])).toEqual(
        failure(2, `${machine.file} is not a login that was stored here`, "log in again: latchkey login"),
      );
    },
  );

  it("gives way to variables, and these to options", async () => {
    const machine = await loggedIn();
    const wrong = { LATCHKEY_TOKEN: "this-token-is-wrong-but-long-enough-0123456789" };
    expect((await machine.latchkey(["me"], wrong)).code).toBe(1);
    expect((await machine.latchkey(["me", "--token-file", gate.tokenFile], wrong)).code).toBe(0);
    const elsewhere = { LATCHKEY_URL: "https://127.0.0.1:1", LATCHKEY_TOKEN: token };
    expect((await machine.latchkey(["me"], elsewhere)).stderr).toContain(
      "nothing listens at https://127.0.0.1:1",
    );
    expect((await machine.latchkey(["me", "--url", gate.url], elsewhere)).code).toBe(1);
    // With the address and the token given, the authority has to be given, too.
    expect((await machine.latchkey(["me", "--url", gate.url], { LATCHKEY_TOKEN: "" })).code).toBe(0);
  });

  it("whose authority's file is gone is refused by name", async () => {
    const machine = newMachine();
    const ca = join(dirname(dirname(machine.file)), "ca.pem");
    mkdirSync(dirname(ca), { recursive: true });
    writeFileSync(ca, readFileSync(gate.ca));
    expect((await machine.latchkey(["login", "--url", gate.url, "--ca", ca], {}, token)).code).toBe(0);
    rmSync(ca);
    expect(await machine.latchkey(["me"])).toEqual(
      failure(2, `there is no file ${ca} to read a certificate authority from`, "check the path"),
    );
    expect((await machine.latchkey(["me", "--ca", gate.ca])).code).toBe(0);
  });
});

describe("the stored token is sent only to its own address:", () => {
  let server: Server;
  let elsewhere: string;
  const requests: IncomingMessage[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      requests.push(request);
      const body = { actor: "admin", scope: "root", user: null, apps: [] };
      if (request.headers.host?.startsWith("moves.")) {
        response.writeHead(307, { location: `${elsewhere}/.latchkey/api/v1/me` }).end();
      } else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    elsewhere = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  it.each([
    ["an option", (url: string) => ({ words: ["--url", url], environment: {} })],
    ["a variable", (url: string) => ({ words: [], environment: { LATCHKEY_URL: url } })],
  ])("not to another one in %s", async (_, given) => {
    const machine = await loggedIn();
    const port = new URL(gate.url).port;
    // Another port, another host, another scheme: each is another origin.
    for (const url of [elsewhere, `https://localhost:${port}`, `http://app.localhost:${port}`]) {
      const { words, environment } = given(url);
      expect(await machine.latchkey(["me", ...words], environment)).toEqual(
        failure(
          2,
          `the stored login is for ${gate.url}: its token is sent nowhere else`,
          `log in with latchkey login --url ${url}, or give that gate's token with LATCHKEY_TOKEN or --token-file`,
        ),
      );
    }
    expect(requests).toHaveLength(0);
  });

  it("not to where a redirect leads", async () => {
    const machine = newMachine();
    mkdirSync(dirname(machine.file), { recursive: true });
    const url = elsewhere.replace("127.0.0.1", "moves.localhost");
    writeFileSync(machine.file, JSON.stringify({ url, token, ca: null }), { mode: 0o600 });
    expect((await machine.latchkey(["me"])).stderr).toContain(`${url} redirects to ${elsewhere}`);
    expect(requests.map(({ headers }) => headers.host)).toEqual([new URL(url).host]);
  });

  it("and a given token goes to the given address, without the stored one", async () => {
    const machine = await loggedIn();
    requests.length = 0;
    const { code } = await machine.latchkey(["me", "--url", elsewhere], { LATCHKEY_TOKEN: "another" });
    expect(code).toBe(0);
    expect(requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer another"]);
  });

  it("and login elsewhere does not send it either", async () => {
    const machine = await loggedIn();
    requests.length = 0;
    expect((await machine.latchkey(["login", "--url", elsewhere], {}, "another")).code).toBe(0);
    expect(requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer another"]);
    expect(JSON.parse(readFileSync(machine.file, "utf8"))).toEqual({
      ...{ url: elsewhere, token: "another", ca: null },
    });
  });
});
