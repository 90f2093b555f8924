import { afterAll, beforeAll, expect, it } from "vitest";
import { type LocalZone, startLocalZone } from "../cloudflare/zone.ts";
import { runHere } from "../scripts/cli/run-here.ts";
import { send } from "../scripts/edge/client.ts";

// The emergency brake on the local edge: the command line writes the list, the running gate works by it.

let zone: LocalZone;
beforeAll(async () => {
  zone = await startLocalZone({ APPS: { "app.localhost": {} }, REVOCATION_DELAY_SECONDS: 10 });
});
afterAll(() => zone?.stop());

it("block shuts a device out from the next request on, unblock lets it in again", async () => {
  const phone = await zone.issue("phone");
  const laptop = await zone.issue("laptop");
  const visit = async (as: typeof phone) => (await send(zone.edge, "/", { as })).status;
  const here = (...words: string[]) => runHere([...words, "--yes"], zone.environment);
  const edge = ["--edge", zone.edge.paths.folder];
  expect(await visit(phone)).toBe(200);

  const blocked = await here("block", "alice/phone", ...edge);
  expect(blocked.code).toBe(0);
  expect(blocked.stdout).toContain(`then: latchkey unblock ${["alice/phone", ...edge].join(" ")}\n`);
  expect([await visit(phone), await visit(laptop)]).toEqual([404, 200]);
  const listed = await here("blocked", "--json");
  expect(listed.code).toBe(0);
  expect(listed.stdout).toContain(phone.atCloudflare.fingerprint_sha256);

  expect(await here("unblock", "alice/phone", ...edge)).toMatchObject({ code: 0 });
  expect([await visit(phone), await visit(laptop)]).toEqual([200, 200]);
});
