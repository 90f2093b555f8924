// A command line and a gate of different versions.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { versionNotice } from "../../../scripts/client/version-notice.ts";
import { VERSION as PACKAGE_VERSION } from "../../../scripts/package.ts";
import { VERSION, VERSION_HEADER } from "../../../src/contract/version.ts";
import { runHere } from "./run-here.ts";

const ORIGIN = "https://latchkey.example.com";

it("is written twice, and the same", () => {
  expect(PACKAGE_VERSION).toBe(VERSION);
});

describe("the notice", () => {
  it.each<[gate: string, own: string, hint: RegExp | undefined]>([
    ["0.1.0", "0.1.0", undefined],
    ["0.2.0", "0.1.0", /^update this command/],
    ["0.10.0", "0.9.0", /^update this command/],
    ["1.0.0", "1.0.0-beta.1", /^update this command/],
    ["0.1.9", "0.2.0", /^deploy this version with latchkey upgrade/],
    ["1.0.0-beta.1", "1.0.0", /^deploy this version/],
    ["", "0.1.0", undefined],
    ["none of ours", "0.1.0", undefined],
  ])("of a gate %s to a command %s", (gate, own, hint) => {
    const lines = versionNotice(gate, ORIGIN, own);
    if (hint === undefined) expect(lines).toBeUndefined();
    else {
      expect(lines).toEqual([
        `${ORIGIN} runs Latchkey ${gate}, and this command is ${own}`,
        expect.stringMatching(hint),
      ]);
    }
  });
});

describe("a command", () => {
  const cleanUp: (() => void)[] = [];
  afterEach(() => {
    for (const each of cleanUp.splice(0)) each();
  });

  /** A gate without users that says it is this version; `undefined`: it says nothing. */
  async function gate(version: string | undefined) {
    const server = createServer((request, response) => {
      const body = request.url?.endsWith("/me")
        ? { actor: "admin", scope: "root", user: null, apps: [], version, apiVersion: version && "1" }
        : { users: [], unknownCertificates: [], waitingPeople: [], blocked: [], next: null };
      const header = version === undefined ? {} : { [VERSION_HEADER]: version };
      response.writeHead(200, { "content-type": "application/json", ...header }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanUp.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `http://localhost:${(server.address() as AddressInfo).port}`;
    return {
      url,
      environment: { LATCHKEY_URL: url, LATCHKEY_TOKEN: "a-token-of-more-than-32-characters-1" },
    };
  }

  it("says once that the gate is newer, and status shows both versions", async () => {
    const { url, environment } = await gate("99.0.0");
    const { code, stdout, stderr } = await runHere(["status"], environment);
    expect(code).toBe(0);
    expect(stderr).toBe(
      `latchkey: ${url} runs Latchkey 99.0.0, and this command is ${VERSION}\nhint: update this command to the gate's version, so that it knows what the gate does\n`,
    );
    expect(stdout).toContain(`99.0.0 (API 1); this command is ${VERSION} (API 1)\n`);
  });

  it("says nothing with --json, where the object says it", async () => {
    const { environment } = await gate("0.0.1");
    const { stdout, stderr } = await runHere(["status", "--json"], environment);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toMatchObject({
      gate: { version: "0.0.1", apiVersion: "1" },
      command: { version: VERSION, apiVersion: "1" },
    });
  });

  it("says nothing to a gate of the same version", async () => {
    const { environment } = await gate(VERSION);
    const { stdout, stderr } = await runHere(["status"], environment);
    expect(stderr).toBe("");
    expect(stdout).toContain(`${VERSION} (API 1)\n`);
  });

  it("works with a gate from before there were versions", async () => {
    const { environment } = await gate(undefined);
    const { code, stdout, stderr } = await runHere(["status"], environment);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(`older than gates that say their version; this command is ${VERSION} (API 1)\n`);
  });
});
