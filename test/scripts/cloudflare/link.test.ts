// latchkey invite --with-certificate and rotate --link against the stand-in and the real local edge: what is left when
// something fails, and what is refused before anything is signed. test/e2e/family-link.test.ts opens the links.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Invitation, NewInvitation } from "../../../src/contract/answers.ts";
import { type Relay, startRelay } from "../../cloudflare/relay.ts";
import { type LocalZone, startLocalZone } from "../../cloudflare/zone.ts";
import { failure } from "../cli/run.ts";
import { runHere } from "../cli/run-here.ts";

let zone: LocalZone;
let relay: Relay;
beforeAll(async () => {
  zone = await startLocalZone();
  relay = await startRelay(zone.edge, zone.edge.apiHost);
});
afterEach(() => {
  zone.cloudflare.faults.clear();
  relay.heal();
});
afterAll(async () => {
  await relay?.stop();
  await zone?.stop();
});

const here = (...words: string[]) => runHere(words, zone.environment);
const invite = (name: string, ...words: string[]) =>
  here("invite", "alice", "--with-certificate", name, ...words);
const through = (name: string) => invite(name, "--zone", "localhost", "--url", relay.url);
const active = () =>
  zone.cloudflare.state.zones
    .flatMap(({ certificates }) => certificates)
    .filter(({ status }) => status === "active");
const named = (name: string) => active().filter(({ common_name }) => common_name === `alice ${name}`);

async function invitations(): Promise<Invitation[]> {
  return JSON.parse((await here("invitations", "alice", "--json")).stdout).invitations;
}

describe("invite --with-certificate", () => {
  it("prints the link, what it does and how to withdraw it, and enrols nothing yet", async () => {
    const { stdout, stderr, code } = await invite("pixel-9", "--qr", "--approval", "--expires", "2h");
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(
      /^https:\/\/latchkey\.localhost:\d+\/\.latchkey\/welcome#[0-9A-Z]{26}\.[\w-]{43}\n\nbrings a certificate and enrols alice\/pixel-9 with it; .*\nthe device then waits for approval: latchkey approve alice\/pixel-9\nthe link is shown only this once; to withdraw it: latchkey invitations withdraw alice\/[0-9a-f]{8}\n/,
    );
    expect(stdout).toContain("█");
    expect(await zone.devices("alice")).toEqual([]);
    expect(named("pixel-9")).toHaveLength(1);
    expect((await here("invitations", "alice")).stdout).toMatch(/ pixel-9 +pages +/);
  });

  it("sends the gate neither the key of the link nor a private key", async () => {
    const { stdout } = await through("private");
    const key = /\.([\w-]{43})\n/.exec(stdout)?.[1] ?? "none";
    const [sent] = relay.requests.filter(({ call }) => call.startsWith("POST"));
    expect(sent?.body).toContain("ciphertext");
    expect(sent?.body).not.toContain(key);
    expect(sent?.body).not.toContain("PRIVATE KEY");
  });

  it("does not take a certificate on its way for a leftover; one whose invitation was withdrawn is", async () => {
    const made: NewInvitation = JSON.parse((await invite("twin", "--json")).stdout);
    const issued = await here("issue", "alice", "twin", "--out", zone.folder());
    expect(issued).toMatchObject({
      code: 0,
      stderr: expect.not.stringContaining("still valid at Cloudflare"),
    });
    await here("revoke", "alice/twin", "--at-cloudflare", "--yes");
    await here("invitations", "withdraw", `alice/${made.id}`);
    const again = await invite("twin", "--revoke-leftovers");
    expect(again.stderr).toContain("revoked at Cloudflare: certificate");
    expect(named("twin")).toHaveLength(1);
  });

  it("signs nothing for a name that an open invitation has already, until that one is withdrawn", async () => {
    const made: NewInvitation = JSON.parse((await invite("double", "--json")).stdout);
    const reference = `alice/${made.id.slice(0, 8)}`;
    expect(await invite("Double")).toEqual(
      failure(
        1,
        "an open invitation brings a certificate for alice/Double already",
        `choose another name, or withdraw it first: latchkey invitations withdraw ${reference}`,
      ),
    );
    expect([...named("double"), ...named("Double")]).toHaveLength(1);
    expect((await here("invitations", "withdraw", reference)).code).toBe(0);
    expect((await invite("Double")).code).toBe(0);
  });

  it.each(["lose-request", "lose-answer", "registry-unavailable"] as const)(
    "undoes all when the gate does not answer (%s)",
    async (fault) => {
      relay.fail("POST /.latchkey/api/v1/users/alice/invitations", fault);
      const { code, stdout, stderr } = await through(`lost-${fault}`);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(/undone: the certificate .* is revoked at Cloudflare \(pending\)/);
      expect(named(`lost-${fault}`)).toEqual([]);
      expect((await invitations()).map(({ bundle }) => bundle?.name)).not.toContain(`lost-${fault}`);
    },
  );

  it("signs nothing where the registry would refuse it, or the words are odd", async () => {
    await zone.issue("taken");
    const before = active().length;
    expect(await invite("Taken")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("alice/taken exists already"),
    });
    expect(await here("invite", "bob", "--with-certificate", "x")).toEqual(
      failure(1, "there is no user bob", "add the user first: latchkey users add bob"),
    );
    expect((await invite("x", "--expires", "1m")).code).toBe(2);
    expect((await invite("x", "--days", "0")).code).toBe(2);
    expect(await here("invite", "alice", "--days", "3")).toEqual(
      failure(2, "--days means nothing without --with-certificate", "add it, or leave both out"),
    );
    expect(active()).toHaveLength(before);
  });

  it("undoes the certificate of the eleventh link", async () => {
    const open = (await invitations()).filter(({ status, bundle }) => status === "open" && bundle !== null);
    for (let n = open.length; n < 10; n++) expect((await invite(`many-${n}`)).code).toBe(0);
    const { code, stderr } = await invite("one-more");
    expect(code).toBe(1);
    expect(stderr).toContain("the user has ten open invitations with a certificate");
    expect(named("one-more")).toEqual([]);
    for (const { id } of await invitations()) await here("invitations", "withdraw", `alice/${id}`);
  });
});

describe("rotate --link", () => {
  it("makes a link for the next certificate, and no files", async () => {
    await zone.issue("tablet");
    const { stdout, stderr, code } = await here("rotate", "alice/tablet", "--link", "--until", "30d");
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("brings the next certificate of alice/tablet; the old one ends when");
    expect((await zone.devices("alice")).find(({ name }) => name === "tablet")?.credentials).toHaveLength(1);
  });

  it("refuses options that belong to another way", async () => {
    expect(await here("rotate", "alice/tablet", "--link", "--out", "x")).toEqual(
      failure(2, "--out means nothing for a link", "leave it out: the page offers the file in each format"),
    );
    expect(await here("rotate", "alice/tablet", "--link", "--certificate", "x.pem")).toEqual(
      failure(2, "--link means nothing with --certificate", "leave one of the two out"),
    );
    expect(await here("rotate", "alice/tablet", "--expires", "2h")).toEqual(
      failure(2, "--expires means nothing without --link", "add --link, or leave it out"),
    );
  });
});
