// A lost device, from the report to the receipt: the command line, the local edge and the real Worker.
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Credential } from "../../../scripts/certificates/authority.ts";
import { type Edge, startEdge } from "../../../scripts/edge/edge.ts";
import { enrolDemoDevices } from "../../../scripts/edge/first-start.ts";
import { demoDevice, send, temporaryFolder } from "../edge/client.ts";
import type { Run } from "./run.ts";
import { runHere } from "./run-here.ts";

const WEB = "app.localhost";
const VAULT = "vault.localhost";
const TIME = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d \((?:just now|\d+ minutes? ago)\)`;

let edge: Edge;
let phone: Credential;
let cleanUp: () => Promise<void>;
let latchkey: (...words: string[]) => Promise<Run>;

beforeAll(async () => {
  const [stateDir, remove] = await temporaryFolder();
  const APPS = { [WEB]: {}, [VAULT]: { profile: "bitwarden" }, localhost: {} };
  edge = await startEdge({ port: 0, stateDir, vars: { APPS, REVOCATION_DELAY_SECONDS: 0 } });
  cleanUp = async () => {
    await edge.stop();
    await remove();
  };
  await enrolDemoDevices(edge);
  latchkey = (...words) =>
    runHere(words, {
      LATCHKEY_URL: edge.url(edge.apiHost),
      LATCHKEY_TOKEN_FILE: edge.paths.adminToken,
      LATCHKEY_CA: edge.paths.ca,
    });
  phone = demoDevice(edge, "alice-phone");
});
afterAll(() => cleanUp?.());

/** The line of `show` about the wipe, and undefined when there is none. */
async function wipeLine(): Promise<string | undefined> {
  const { code, stdout } = await latchkey("show", "alice/alice-phone");
  expect(code).toBe(0);
  return /^wipe +(.*)$/m.exec(stdout)?.[1];
}

it("is shown as not seen, as seen elsewhere, and with the receipt of its wipe", async () => {
  expect(await wipeLine()).toBeUndefined();

  const lost = await latchkey("lost", "alice/alice-phone", "--reason", "in the tram", "--yes");
  expect(lost).toMatchObject({ code: 0, stderr: "" });
  expect(lost.stdout).toContain("to see whether the wipe was delivered: latchkey show alice/alice-phone\n");
  expect(await wipeLine()).toBe("not delivered: the device hasn't been seen since it was reported lost");
  // A revoked device never gets the wipe answer, so the wipe that was just asked for would never come.
  const revoked = await latchkey("revoke", "alice/alice-phone", "--yes");
  expect(revoked).toMatchObject({ code: 1, stdout: "" });
  expect(revoked.stderr).toContain("has not received the wipe yet");
  expect(revoked.stderr).toContain("or add --force");

  expect((await send(edge, "/", { as: phone, host: WEB })).status).toBe(404);
  expect(await wipeLine()).toBe(
    "not delivered: seen since it was reported lost, but not on an app with the profile bitwarden",
  );
  expect((await latchkey("devices", "alice")).stdout).toMatch(/alice\/alice-phone +lost +[0-9a-f]{8} /);

  expect((await send(edge, "/api/sync", { as: phone, host: VAULT })).status).toBe(401);
  // The gate reports to the registry after it has answered.
  await expect
    .poll(() => wipeLine(), { timeout: 10_000 })
    .toMatch(
      new RegExp(`^delivered ${TIME}, but not yet on a token refresh, which is the only one phones act on$`),
    );

  const refresh = { method: "POST", body: "grant_type=refresh_token", as: phone, host: VAULT };
  expect((await send(edge, "/identity/connect/token", refresh)).text).toBe('{"error":"invalid_grant"}');
  await expect
    .poll(() => wipeLine(), { timeout: 10_000 })
    .toMatch(new RegExp(`^delivered ${TIME}, token refresh included; at least 2 times, last ${TIME}$`));
  expect((await latchkey("devices", "alice")).stdout).toMatch(/alice\/alice-phone +lost, wipe delivered +/);

  const { stdout: audit } = await latchkey("audit", "alice");
  expect(audit.match(/ wipe-delivered +alice-phone +done +gate /g)).toHaveLength(2);

  expect((await latchkey("reinstate", "alice/alice-phone")).code).toBe(0);
  expect(await wipeLine()).toBeUndefined();
  expect((await send(edge, "/", { as: phone, host: VAULT })).status).toBe(200);
  // Lost again: there is a new receipt.
  expect((await latchkey("lost", "alice/alice-phone", "--yes")).code).toBe(0);
  expect(await wipeLine()).toMatch(/^not delivered: .*seen since it was reported lost/);
});

it("promises no wipe if no app can answer with one", async () => {
  const [stateDir, remove] = await temporaryFolder();
  const plain = await startEdge({ port: 0, stateDir, vars: { APPS: { [WEB]: {}, localhost: {} } } });
  try {
    await enrolDemoDevices(plain);
    const here = (...words: string[]) =>
      runHere(words, {
        LATCHKEY_URL: plain.url(plain.apiHost),
        LATCHKEY_TOKEN_FILE: plain.paths.adminToken,
        LATCHKEY_CA: plain.paths.ca,
      });
    const lost = await here("lost", "alice/alice-phone", "--yes");
    expect(lost.stdout).toMatch(
      /^alice\/alice-phone is reported lost: .+\nNo app here has the profile bitwarden: nothing will be deleted on the device\.\nif you find it: latchkey reinstate alice\/alice-phone; if it is gone for good: latchkey revoke alice\/alice-phone\n$/,
    );
    expect(lost.stdout).not.toContain("vault");
    const nothing = "no app here has the profile bitwarden: nothing will be deleted";
    expect((await here("show", "alice/alice-phone")).stdout).toMatch(new RegExp(`^wipe +${nothing}$`, "m"));
    expect((await here("status")).stdout).toMatch(new RegExp(`^lost +alice/alice-phone; ${nothing}$`, "m"));
    // There is no wipe to wait for.
    expect(await here("revoke", "alice/alice-phone", "--yes")).toMatchObject({ code: 0, stderr: "" });
  } finally {
    await plain.stop();
    await remove();
  }
});
