import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device, Invitation, NewInvitation } from "../../../src/contract/answers.ts";
import { type Gate, startGate } from "./gate.ts";
import { redeem } from "./pages.ts";
import { readQrCode } from "./qr-reader.ts";
import { failure, hasTerminal, type Run, runOnTerminal } from "./run.ts";
import { runHere } from "./run-here.ts";

let gate: Gate;
beforeAll(async () => {
  gate = await startGate();
});
afterAll(() => gate.stop());

const latchkey = (...words: string[]): Promise<Run> => runHere(words, gate.environment);

async function object<T>(...words: string[]): Promise<T> {
  const result = await latchkey(...words, "--json");
  expect(result).toMatchObject({ code: 0, stderr: "" });
  return JSON.parse(result.stdout);
}

const addUser = async (user: string) => expect((await latchkey("users", "add", user)).code).toBe(0);
const lifeOf = ({ createdAt, expiresAt }: Invitation) =>
  (Date.parse(expiresAt) - Date.parse(createdAt)) / 1000;
const qrLines = (text: string) => text.split(/\r?\n/).filter((line) => line.includes("48;5;16m"));

describe.concurrent("invite", () => {
  it("prints the link, whom and how long it is for, and draws nothing outside a terminal", async () => {
    await addUser("ines");
    const { code, stdout, stderr } = await latchkey("invite", "ines");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [link, empty, ...told] = stdout.trimEnd().split("\n");
    expect(link).toMatch(new RegExp(`^https://app\\.localhost:${gate.port}/\\.latchkey/enrol#[0-9A-Z]{26}$`));
    expect(empty).toBe("");
    expect(told).toEqual([
      expect.stringMatching(/^enrols one device for ines, until \d{4}-\d\d-\d\d \d\d:\d\d \(in 24 hours\)$/),
      "the device is then let in at every app",
      "to limit it: add --guest with --app and --until, or once it is enrolled: latchkey limit ines/NAME --app HOST",
      expect.stringMatching(
        /^the link is shown only this once; to withdraw it: latchkey invitations withdraw ines\/[0-9a-f]{8}$/,
      ),
    ]);
  });

  it("gives programs the API's own object, without a drawing", async () => {
    await addUser("ida");
    const words = ["--app", "VAULT.localhost", "--approval", "--expires", "90m", "--qr"];
    const made = await object<NewInvitation>("invite", "ida", ...words);
    expect(made).toMatchObject({ user: "ida", app: "vault.localhost", approval: true, status: "open" });
    expect(lifeOf(made)).toBe(90 * 60);
    expect(made.link).toBe(`https://vault.localhost:${gate.port}/.latchkey/enrol#${made.code}`);
  });

  it("says that an app is only where the link opens, and no limit", async () => {
    await addUser("iris");
    const { stdout } = await latchkey("invite", "iris", "--app", "vault.localhost", "--until", "3d");
    expect(stdout).toMatch(
      /^enrols one device for iris, until .+; the link opens at vault\.localhost\nthe device is then let in at every app, until .+ \(in 3 days\)\nto limit it: add --guest /m,
    );
  });

  it("works for a day by default, and for as long as the bounds allow", async () => {
    await addUser("ilse");
    expect(lifeOf(await object("invite", "ilse"))).toBe(24 * 3600);
    expect(lifeOf(await object("invite", "ilse", "--expires", "5m"))).toBe(300);
    expect(lifeOf(await object("invite", "ilse", "--expires", "7d"))).toBe(7 * 24 * 3600);
  });

  it("of an unknown user, or to an unknown app, is refused", async () => {
    await addUser("ivan");
    expect(await latchkey("invite", "nobody")).toEqual(
      failure(1, "there is no user nobody", "add the user first: latchkey users add nobody"),
    );
    expect(await latchkey("invite", "ivan", "--app", "other.example.com")).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(
        /^latchkey: other\.example\.com is not an app behind this gate\nhint: name one of these apps\n( {2}[\w.]*localhost\n)+$/,
      ),
    });
  });

  it("draws the link for a camera with --qr, wherever it is", async () => {
    await addUser("iris");
    const { stdout } = await latchkey("invite", "iris", "--qr");
    expect(readQrCode(qrLines(stdout))).toBe(stdout.split("\n")[0]);
  });

  it.skipIf(!hasTerminal)("draws it on a terminal by itself, unless asked not to", async () => {
    await addUser("igor");
    const [drawn, plain, dumb] = await Promise.all([
      runOnTerminal(["invite", "igor"], gate.environment),
      runOnTerminal(["invite", "igor", "--no-qr"], gate.environment),
      runOnTerminal(["invite", "igor"], { ...gate.environment, TERM: "dumb" }),
    ]);
    expect(readQrCode(qrLines(drawn.shown))).toBe(
      stripVTControlCharacters(drawn.shown.split("\r\n")[0] ?? ""),
    );
    for (const { code, shown } of [plain, dumb]) {
      expect(code).toBe(0);
      expect(shown).toMatch(/^https:\/\/app\.localhost/);
      expect(qrLines(shown)).toEqual([]);
    }
  });

  it.skipIf(!hasTerminal)("says how wide a terminal it needs, rather than draw a broken one", async () => {
    await addUser("ingo");
    const { shown } = await runOnTerminal(["invite", "ingo"], gate.environment, { columns: 30 });
    expect(qrLines(shown)).toEqual([]);
    expect(shown.replaceAll(/\s+/g, " ")).toMatch(/ the QR code needs a terminal of \d\d columns $/);
  });
});

describe.concurrent("invitations", () => {
  it("are listed, of one user or of all, and their links are never shown again", async () => {
    await addUser("lena");
    await addUser("lars");
    expect(await latchkey("invitations", "lena")).toMatchObject({
      code: 0,
      stdout: "no invitations yet; make one with: latchkey invite lena\n",
    });
    const made = await object<NewInvitation>("invite", "lena", "--app", "app.localhost", "--approval");
    const other = await object<NewInvitation>("invite", "lars");
    const { stdout } = await latchkey("invitations", "lena");
    expect(stdout).toMatch(
      /^INVITATION +STATUS +LINK AT +APPROVAL +CREATED +EXPIRES\nlena\/[0-9a-f]{8} +open +app\.localhost +yes +just now +in 24 hours\n$/,
    );
    const all = await latchkey("invitations");
    expect(all.stdout).toContain(`lena/${made.id.slice(0, 8)} `);
    expect(all.stdout).toMatch(new RegExp(`lars/${other.id.slice(0, 8)} +open +any app +no `));
    for (const secret of [made.code, other.code]) {
      expect(all.stdout).not.toContain(secret);
      expect((await latchkey("invitations", "--json")).stdout).not.toContain(secret);
    }
    const list = await object<{ invitations: Invitation[] }>("invitations", "lena");
    expect(list.invitations).toMatchObject([{ id: made.id, user: "lena", approval: true, usedAt: null }]);
  });

  it("are withdrawn by user and id, or only by the id", async () => {
    await addUser("lutz");
    for (const reference of [
      ({ id }: Invitation) => `lutz/${id.slice(0, 8)}`,
      ({ id }: Invitation) => `lutz/${id.toUpperCase()}`,
      ({ id }: Invitation) => id.slice(0, 13),
    ]) {
      const made = await object<NewInvitation>("invite", "lutz");
      expect(await latchkey("invitations", "withdraw", reference(made))).toEqual({
        code: 0,
        stdout: `withdrew the invitation lutz/${made.id.slice(0, 8)}\n`,
        stderr: "",
      });
      const device = await gate.newDevice("late");
      await expect(redeem(gate.edge, device, made.code, "late", "lutz")).rejects.toThrow(
        "This code can’t be used",
      );
    }
    expect((await object<{ invitations: Invitation[] }>("invitations", "lutz")).invitations).toEqual([]);
  });

  it("that are not there, are another user's, or were used, are not withdrawn", async () => {
    await addUser("lilo");
    await addUser("leon");
    const made = await object<NewInvitation>("invite", "lilo");
    const short = made.id.slice(0, 8);
    await redeem(gate.edge, await gate.newDevice("lilo-phone"), made.code, "phone", "lilo");
    const [elsewhere, used, nobody] = await Promise.all([
      latchkey("invitations", "withdraw", `leon/${short}`),
      latchkey("invitations", "withdraw", `lilo/${short}`),
      latchkey("invitations", "withdraw", `nobody/${short}`),
    ]);
    expect(elsewhere).toEqual(
      failure(1, `the id of no invitation begins with ${short}`, "list them with: latchkey invitations leon"),
    );
    expect(used).toEqual(
      failure(
        1,
        `the invitation lilo/${short} has been used already`,
        "find the device that it enrolled: latchkey devices lilo",
      ),
    );
    expect(nobody).toEqual(failure(1, "there is no user nobody", "list the users with: latchkey users"));
    expect((await latchkey("invitations", "lilo")).stdout).toMatch(
      /lilo\/[0-9a-f]{8} +used +any app +no +just now +used just now\n/,
    );
    expect((await object<Device>("show", "lilo/phone")).status).toBe("active");
  });
});

describe.concurrent("a device that was invited with approval", () => {
  /** It is waiting then. */
  async function invited(user: string, name: string): Promise<Device> {
    await addUser(user);
    const { code } = await object<NewInvitation>("invite", user, "--approval");
    await redeem(gate.edge, await gate.newDevice(name), code, name, user);
    return object<Device>("show", `${user}/${name}`);
  }
  const spaced = ({ comparisonCode }: Device) => comparisonCode?.replace(/^(...)/, "$1 ") ?? "none";

  it("is shown with its code, and listed as waiting", async () => {
    const device = await invited("petra", "tablet");
    expect(device).toMatchObject({ status: "pending", comparisonCode: expect.stringMatching(/^\d{6}$/) });
    const code = spaced(device);
    expect((await latchkey("show", "petra/tablet")).stdout).toContain(
      `\ncode       ${code}: approve it if the device shows the same code\n`,
    );
    expect((await latchkey("devices", "petra")).stdout).toContain(` pending, code ${code} `);
    expect((await latchkey("unknown")).stdout).toMatch(
      new RegExp(
        `(^|\\n)DEVICE +CODE +CERTIFICATE +WAITING SINCE\\n(.*\\n)*petra/tablet +${code} +[0-9a-f]{8} +just now\n`,
      ),
    );
    const { devices } = await object<{ devices: Device[] }>("unknown");
    expect(devices).toContainEqual(device);
  });

  it("is not approved where nobody can compare", async () => {
    await invited("pablo", "tablet");
    const { code, stderr } = await latchkey("approve", "pablo/tablet");
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^latchkey: this needs a confirmation, and there is no terminal: Does pablo\/tablet show the code \d{3} \d{3}\?/,
    );
    expect(await object("show", "pablo/tablet")).toMatchObject({ status: "pending" });
  });

  it("is approved unasked with --yes, by its name or its id, and once", async () => {
    const { id } = await invited("paul", "tablet");
    expect(await latchkey("approve", id, "--yes", "--reason", "by phone")).toEqual({
      code: 0,
      stdout: "paul/tablet is approved: it is let in from now on\n",
      stderr: "",
    });
    expect(await object("show", "paul/tablet")).toMatchObject({ status: "active" });
    expect((await latchkey("audit", "paul", "--search", "by phone")).stdout).toMatch(
      / approve +tablet +done /,
    );
    expect((await latchkey("approve", "paul/tablet", "--yes")).stdout).toBe(
      "paul/tablet was active already\n",
    );
    await latchkey("suspend", "paul/tablet");
    expect(await latchkey("approve", "paul/tablet", "--yes")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("hint: approve is for devices that are pending; this one is suspended"),
    });
  });

  it.skipIf(!hasTerminal)("is approved after its code was compared, and after nothing else", async () => {
    const device = await invited("pia", "tablet");
    const question = `Does pia/tablet show the code ${spaced(device)}? A yes lets it in (pending, id ${device.id})`;
    const no = await runOnTerminal(["approve", "pia/tablet"], gate.environment, {
      answers: [[question, "\r"]],
    });
    expect(no).toMatchObject({ code: 1, shown: expect.stringContaining("latchkey: nothing was done") });
    expect(await object("show", "pia/tablet")).toMatchObject({ status: "pending" });
    const yes = await runOnTerminal(["approve", "pia/tablet"], gate.environment, {
      answers: [[question, "y"]],
    });
    expect(yes).toMatchObject({
      code: 0,
      shown: expect.stringContaining("pia/tablet is approved: it is let in from now on"),
    });
    expect(await object("show", "pia/tablet")).toMatchObject({ status: "active" });
  });
});
