import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Api, createApi } from "../../../scripts/client/api.ts";
import type { User } from "../../../src/contract/answers.ts";
import { API_PATH } from "../../../src/contract/paths.ts";
import type { Identity, WaitingPerson } from "../../../src/contract/people.ts";
import { type Gate, startGate } from "./gate.ts";
import { failure, type Run } from "./run.ts";
import { runHere } from "./run-here.ts";

const AT = "2026-11-24T00:00:00.000Z";
const said = (...lines: string[]): Run => ({ code: 0, stdout: `${lines.join("\n")}\n`, stderr: "" });

describe("users", () => {
  let gate: Gate;
  let api: Api;
  const folder = mkdtempSync(join(tmpdir(), "latchkey-people-"));
  const latchkey = (...words: string[]): Promise<Run> => runHere(words, gate.environment);

  beforeAll(async () => {
    gate = await startGate();
    const [token, ca] = [gate.tokenFile, gate.ca].map((file) => readFileSync(file, "utf8").trim());
    api = createApi({ origin: gate.url, token: token ?? "", ca, timeoutMs: 10_000 });
  });
  afterAll(async () => {
    await gate.stop();
    rmSync(folder, { recursive: true });
  });

  /** An identity that is there after a restore. */
  async function bind(user: string, subject: string): Promise<Identity> {
    const identity = {
      ...{ id: crypto.randomUUID(), user, issuer: "https://id.example.com", subject },
      ...{ email: `${subject}@example.com`, boundAt: AT },
    };
    const none = { users: [], tokens: [], unknownCertificates: [] };
    await api.restoreDirectory({ ...none, madeAt: AT, identities: [identity] });
    return identity;
  }

  it("have a role and addresses, which are added and changed", async () => {
    expect(await latchkey("users", "add", "ada", "--email", "Ada@example.com", "--role", "owner")).toEqual(
      said("added user ada, an owner with ada@example.com"),
    );
    expect(await latchkey("users", "add", "ada", "--email", "a@example.org")).toEqual(
      said("user ada exists already, an owner with a@example.org, ada@example.com"),
    );
    const edit = ["users", "edit", "ada", "--name", "Ada L.", "--role", "member"];
    expect(await latchkey(...edit, "--add-email", "l@x.org", "--remove-email", "A@example.org")).toEqual(
      said("user ada is a member with ada@example.com, l@x.org, named 'Ada L.'"),
    );
    const { stdout } = await latchkey("users");
    expect(stdout).toMatch(/^USER +NAME +ROLE +ADDRESSES +SINCE\n/);
    expect(stdout).toMatch(/^ada +Ada L\. +member +ada@example\.com, l@x\.org +\d{4}-/m);
    const both = ["--remove-email", "ada@example.com", "--remove-email", "l@x.org"];
    const edited = await latchkey("users", "edit", "ada", ...both, "--json");
    expect(JSON.parse(edited.stdout)).toMatchObject({ id: "ada", role: "member", emails: [] });
    expect(await latchkey("users", "edit", "ada", "--role", "owner")).toEqual(
      said("user ada is an owner without an address, named 'Ada L.'"),
    );
  });

  it("are changed only if everything is right", async () => {
    await latchkey("users", "add", "bea", "--email", "bea@example.com");
    await latchkey("users", "add", "ben");
    expect(await latchkey("users", "edit", "ben", "--add-email", "bea@example.com")).toEqual(
      failure(
        1,
        "bea@example.com is bea's",
        "take it from that user first with: latchkey users edit USER --remove-email ADDRESS",
      ),
    );
    expect(await latchkey("users", "add", "bill", "--email", "bea@example.com")).toMatchObject({
      code: 1,
      stdout: "added user bill\n",
    });
    expect(await latchkey("users", "edit", "ben", "--remove-email", "x@example.com")).toEqual(
      failure(1, "x@example.com is not an address of ben", "list them with: latchkey users"),
    );
    expect(await latchkey("users", "edit", "bene", "--role", "owner")).toEqual(
      failure(1, "there is no user bene", "did you mean ben"),
    );
    expect(await latchkey("users", "edit", "ben")).toEqual(
      failure(
        2,
        "say what to change",
        "give --name, --role, --add-email or --remove-email; see latchkey users edit --help",
      ),
    );
    expect(await latchkey("users", "edit", "ben", "--add-email", "ben")).toEqual(
      failure(2, "'ben' is not an email address", "give an address such as alice@example.com"),
    );
    const wrongRole = await latchkey("users", "edit", "ben", "--role", "king");
    expect(wrongRole).toMatchObject({ code: 2, stderr: expect.stringContaining("owner, member") });
  });

  it("have identities, which are listed and unbound", async () => {
    await latchkey("users", "add", "cleo");
    expect(await latchkey("users", "identities", "cleo")).toEqual(
      said("cleo has not signed in with the identity provider yet"),
    );
    const { id } = await bind("cleo", "cleo");
    const list = await latchkey("users", "identities", "cleo");
    expect(list.stdout).toMatch(/^IDENTITY +BOUND BY +SUBJECT +PROVIDER +SINCE\n/);
    expect(list.stdout).toContain(id.slice(0, 8));
    expect(list.stdout).toContain("https://id.example.com");
    const json = await latchkey("users", "identities", "cleo", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({ identities: [{ id, user: "cleo", subject: "cleo" }] });
    const unbound = await latchkey("users", "unbind", "cleo", id.slice(0, 8));
    expect(unbound).toMatchObject({ code: 0, stderr: "" });
    expect(unbound.stdout).toMatch(
      /^cleo@example\.com no longer signs in as cleo; its browsers and cleo's sessions on the pages are signed out\n/,
    );
    expect(await latchkey("users", "unbind", "cleo", id)).toEqual(
      failure(1, `the id of no identity begins with ${id}`, "list them with: latchkey users identities cleo"),
    );
    expect(await latchkey("users", "identities", "nobody")).toEqual(
      failure(1, "there is no user nobody", "list the users with: latchkey users"),
    );
  });

  it("of a backup get back what they lack, and nothing that was taken from them since", async () => {
    await latchkey("users", "add", "dora", "--email", "dora@example.com", "--role", "owner");
    const [kept, gone] = [await bind("dora", "dora-1"), await bind("dora", "dora-2")];
    const file = join(folder, "backup.json");
    expect(await latchkey("backup", "--out", file)).toMatchObject({ code: 0 });
    const backup = JSON.parse(readFileSync(file, "utf8")) as { users: User[]; identities: Identity[] };
    expect(backup.users.find(({ id }) => id === "dora")).toMatchObject({
      ...{ role: "owner", emails: ["dora@example.com"] },
    });
    expect(backup.identities).toEqual(expect.arrayContaining([kept, gone]));
    await latchkey("users", "unbind", "dora", gone.id);
    await latchkey("users", "edit", "dora", "--role", "member", "--remove-email", "dora@example.com");
    const plan = await latchkey("restore", file, "--dry-run");
    expect(plan.stdout.split("\n")).toEqual(
      expect.arrayContaining([
        "  user dora was an owner and stays a member",
        "  address dora@example.com of dora stays away: it was taken away since",
        "  dora-2@example.com at https://id.example.com does not sign in as dora: it was taken away since",
        "there is nothing to restore",
      ]),
    );
    await latchkey("users", "remove", "dora");
    await latchkey("users", "add", "dora");
    const again = await latchkey("restore", file, "--dry-run");
    expect(again.stdout, "her first identity ended with her").toContain(
      "  dora-1@example.com at https://id.example.com does not sign in as dora: it was taken away since",
    );
  });
});

describe("people who wait", () => {
  const person = (
    id: string,
    comparisonCode: string,
    change: Partial<WaitingPerson> = {},
  ): WaitingPerson => ({
    ...{ id: `${id}-0000-4000-8000-000000000000`, comparisonCode, subject: `sub of ${id}` },
    ...{ issuer: "https://id.example.com", email: `${id}@example.com`, isEmailVerified: true, name: "Zoë" },
    ...{ firstSeen: AT, lastSeen: AT, country: "CH", ...change },
  });
  const PEOPLE = [
    person("12345600", "481516"),
    person("aaaa0001", "123456", { isEmailVerified: false }),
    person("aaaa0002", "777777", { email: null, name: null, country: null }),
    person("aaaa0003", "777777", { email: null, name: "\u001b[31mMallory" }),
  ];
  /** The real registry has waiting people only after real sign-ins. */
  let server: Server;
  let environment: Record<string, string>;
  let asked: string[];
  let waiting: WaitingPerson[];

  beforeAll(async () => {
    server = createServer((request, response) => {
      const path = request.url?.slice(API_PATH.length) ?? "";
      let body = "";
      request.on("data", (chunk) => {
        body += chunk;
      });
      request.on("end", () => {
        const { method } = request;
        if (method !== "GET") asked.push(`${method} ${path} ${body}`.trim());
        if (method === "DELETE") return void response.writeHead(204).end();
        const identity = { id: "i1", user: "alice", issuer: "x", subject: "y", email: null, boundAt: AT };
        const me = { actor: "admin", scope: "root", user: null, apps: [] };
        const lists = { waitingPeople: waiting, users: [], unknownCertificates: [], blocked: [], next: null };
        if (body.includes("nobody")) {
          const problem = { code: "unknown-user", title: "There is no such user", detail: "", status: 404 };
          return void response
            .writeHead(404, { "content-type": "application/problem+json" })
            .end(JSON.stringify(problem));
        }
        const answer = method === "POST" ? identity : { ...me, ...lists };
        response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    environment = { LATCHKEY_URL: `http://127.0.0.1:${port}`, LATCHKEY_TOKEN: "t" };
  });
  afterAll(() => server.close());
  beforeEach(() => {
    asked = [];
    waiting = PEOPLE;
  });
  const latchkey = (...words: string[]): Promise<Run> => runHere(words, environment);

  it("are listed with their code, and with what is not sure about them", async () => {
    const { code, stdout } = await latchkey("users", "waiting");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^PERSON +CODE +ADDRESS +NAME +PROVIDER +COUNTRY +LAST SEEN\n/);
    expect(stdout).toMatch(/^aaaa0001 +123 456 +aaaa0001@example\.com \(not verified\) +Zoë /m);
    expect(stdout).toMatch(/^aaaa0002 +777 777 +none +https:\/\/id\.example\.com +unknown /m);
    expect(stdout).not.toContain("\u001b");
    const json = await latchkey("users", "waiting", "--json");
    expect(JSON.parse(json.stdout)).toEqual({ waitingPeople: PEOPLE });
    waiting = [];
    expect(await latchkey("users", "waiting")).toEqual(said("nobody is waiting"));
  });

  it.each([
    ["a code", "123456"],
    ["a code as people write it", "123 456"],
    ["an id", "AAAA0001"],
  ])("are admitted by %s", async (_, reference) => {
    expect(await latchkey("users", "admit", reference, "alice")).toEqual(
      said("aaaa0001@example.com (not verified) signs in as alice from now on"),
    );
    expect(asked).toEqual([`POST /waiting-people/${PEOPLE[1]?.id}/admit {"user":"alice"}`]);
  });

  it("are admitted only as a user who exists", async () => {
    expect(await latchkey("users", "admit", "123456", "nobody")).toEqual(
      failure(1, "there is no user nobody", "add the user first: latchkey users add nobody"),
    );
  });

  it("are in the status", async () => {
    const waits = async () => /^waiting +(.*)$/m.exec((await latchkey("status")).stdout)?.[1];
    expect(await waits()).toBe("4 people to be admitted (users waiting)");
    const { registry } = JSON.parse((await latchkey("status", "--json")).stdout);
    expect(registry.waiting.people).toEqual(["481516", "123456", "777777", "777777"]);
    waiting = PEOPLE.slice(0, 1);
    expect(await waits()).toBe("1 person to be admitted (users waiting)");
    waiting = [];
    expect(await waits()).toBe("nothing");
  });

  it("are dismissed", async () => {
    expect(await latchkey("users", "dismiss", "aaaa0002")).toEqual(said("dismissed sub of aaaa0002"));
    expect(asked).toEqual([`DELETE /waiting-people/${PEOPLE[2]?.id}`]);
  });

  it.each([
    [["admit", "000000", "alice"], 1, "nobody who waits has the code 000000"],
    [["admit", "777777", "alice"], 1, "2 people have the code 777777"],
    [["admit", "aaaa", "alice"], 1, "the ids of 3 waiting people begin with aaaa"],
    [["admit", "ffff", "alice"], 1, "the id of no waiting person begins with ffff"],
    [["admit", "zoë", "alice"], 2, "'zoë' is not the id of a waiting person"],
    [["admit", "123456", "Alice!"], 2, "'Alice!' is not a user id"],
    [["dismiss", "12 34"], 2, "'12 34' is not the id of a waiting person"],
  ])("are nobody's guess: %j", async (words, code, message) => {
    const result = await latchkey("users", ...words);
    expect(result).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(`${message}\n`) });
    expect(asked).toEqual([]);
  });
});
