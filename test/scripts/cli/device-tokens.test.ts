// Devices without a certificate, limits and guests: the command line, the local edge with real TLS, and the real Worker.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { issueDeviceCertificate } from "../../../scripts/certificates/authority.ts";
import { type Edge, startEdge } from "../../../scripts/edge/edge.ts";
import type { Device, NewDeviceToken, NewInvitation } from "../../../src/contract/answers.ts";
import { send, temporaryFolder } from "../edge/client.ts";
import { redeem } from "./pages.ts";
import { readQrCode } from "./qr-reader.ts";
import { failure, fixture, hasTerminal, type Run, runOnTerminal } from "./run.ts";
import { runHere } from "./run-here.ts";

const PHOTOS = "app.localhost";
const FILES = "localhost";
const NOT_AN_APP = "an app behind this gate";
const EVERYWHERE = "everywhere within 10 seconds (or your REVOCATION_DELAY_SECONDS)";

let edge: Edge;
let cleanUp: () => Promise<void>;
const environment = () => ({
  LATCHKEY_URL: edge.url(edge.apiHost),
  LATCHKEY_TOKEN_FILE: edge.paths.adminToken,
  LATCHKEY_CA: edge.paths.ca,
});
const latchkey = (...words: string[]): Promise<Run> => runHere(words, environment());

async function object<T>(...words: string[]): Promise<T> {
  const result = await latchkey(...words, "--json");
  expect(result).toMatchObject({ code: 0, stderr: "" });
  return JSON.parse(result.stdout);
}

beforeAll(async () => {
  const [stateDir, remove] = await temporaryFolder();
  const APPS = {
    [PHOTOS]: { profile: "immich" },
    [FILES]: { basic: true },
    "vault.localhost": { profile: "bitwarden" },
  };
  edge = await startEdge({ port: 0, stateDir, vars: { APPS, REVOCATION_DELAY_SECONDS: 0 } });
  cleanUp = async () => {
    await edge.stop();
    await remove();
  };
  for (const user of ["alice", "bob"]) expect((await latchkey("users", "add", user)).code).toBe(0);
});
afterAll(() => cleanUp?.());

const at = (host: string) => `https://${host}:${edge.port}`;
const TIME = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d`;

/** The status that the gate, or the app behind it, answers to somebody with this token. */
async function statusOf(token: string, host = PHOTOS, path = "/headers"): Promise<number> {
  return (await send(edge, path, { host, headers: { "X-Latchkey-Token": token } })).status;
}

describe("device-token", () => {
  it("prints the token once, says whom it lets in, and the lines for the app that APPS names", async () => {
    const { code, stdout, stderr } = await latchkey("device-token", "alice", "tv", "--app", PHOTOS);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [token = "", ...lines] = stdout.trimEnd().split("\n");
    expect(token).toMatch(/^lkd_[A-Za-z0-9_-]{51}$/);
    expect(lines.slice(0, 11)).toEqual([
      "",
      "enrolled alice/tv: it is let in from now on, only at app.localhost",
      "anyone who has the token is let in, from any machine: give it only to the program that uses it",
      expect.stringMatching(
        new RegExp(`^it is shown only this once, and works until ${TIME} \\(in 12 months\\)$`),
      ),
      "to replace it: latchkey rotate alice/tv; to shut the device out: latchkey revoke alice/tv",
      "",
      "Immich for Android or iOS, custom proxy headers",
      `  server address: ${at(PHOTOS)}`,
      "  header name: X-Latchkey-Token",
      `  header value: ${token}`,
      "",
    ]);
    expect(lines).toContain(`  curl -H 'X-Latchkey-Token: ${token}' ${at(PHOTOS)}/`);

    const letIn = await send(edge, "/headers", { headers: { "X-Latchkey-Token": token } });
    expect(letIn.status).toBe(200);
    expect(letIn.text).not.toContain("lkd_");
    expect(await statusOf(token, FILES)).toBe(404);
    for (const words of [
      ["show", "alice/tv"],
      ["devices"],
      ["audit", "alice"],
      ["show", "alice/tv", "--json"],
    ]) {
      expect((await latchkey(...words)).stdout).not.toContain(token.slice(0, 12));
    }
  });

  it("comes as a service token's pair, and as Basic's password where the app says so", async () => {
    const { token } = await object<NewDeviceToken>(
      ...["device-token", "alice", "script", "--app", `${PHOTOS},${FILES}`],
    );
    const pair = { "CF-Access-Client-Id": "latchkey", "CF-Access-Client-Secret": token };
    const basic = { Authorization: `Basic ${Buffer.from(`latchkey:${token}`).toString("base64")}` };
    expect((await send(edge, "/headers", { host: PHOTOS, headers: pair })).status).toBe(200);
    expect((await send(edge, "/headers", { host: FILES, headers: basic })).status).toBe(200);
    expect((await send(edge, "/headers", { host: PHOTOS, headers: basic })).status).toBe(503);
  });

  it("gives programs the API's own object, with every limit", async () => {
    const made = await object<NewDeviceToken>(
      ...[
        "device-token",
        "alice",
        "watch",
        "--app",
        FILES.toUpperCase(),
        "--country",
        "ch,DE",
        "--until",
        "3d",
      ],
      ...["--valid", "90d", "--note", "from work", "--qr"],
    );
    expect(made).toEqual({ token: expect.stringMatching(/^lkd_/), device: expect.anything() });
    expect(made.device).toMatchObject({
      ...{ user: "alice", name: "watch", kind: "token", status: "active", note: "from work" },
      ...{ apps: [FILES], countries: ["CH", "DE"], paths: null },
    });
    const days = (iso: string | null | undefined) => (Date.parse(iso ?? "") - Date.now()) / (24 * 3600_000);
    expect(days(made.device.expiresAt)).toBeCloseTo(3, 2);
    expect(days(made.device.credentials[0]?.notAfter)).toBeCloseTo(90, 2);
  });

  it.each([
    ["40d", "90d", "40 days", /^ends +[^,]+ \(in 40 days\)$/m],
    [
      "90d",
      "40d",
      "40 days",
      /^ends +.+ \(in 90 days\), but its token expires .+ \(in 40 days\), before that$/m,
    ],
  ])(
    "with --until %s and --valid %s works until the earlier of the two",
    async (until, valid, span, ends) => {
      const name = `ends-${until}`;
      const { stdout } = await latchkey(
        ...["device-token", "alice", name, "--app", FILES, "--until", until, "--valid", valid],
      );
      expect(stdout).toMatch(
        new RegExp(`^it is shown only this once, and works until ${TIME} \\(in ${span}\\)$`, "m"),
      );
      expect((await latchkey("show", `alice/${name}`)).stdout).toMatch(ends);
    },
  );

  it("says before the token if the app's clients can't send one, and names Basic only where it is taken", async () => {
    const { code, stdout, stderr } = await latchkey(
      ...["device-token", "alice", "vault-cli", "--app", "vault.localhost", "--for", "vaultwarden"],
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^lkd_/);
    const sends = "can send a device token neither in a header nor as the HTTP Basic password";
    const [first, second] = stderr.split("\n");
    expect(first).toBe(`latchkey: Vaultwarden and Bitwarden: the clients ${sends}`);
    expect(second).toMatch(/^latchkey: Vaultwarden and Bitwarden: some clients can show a certificate \(/);
    const WEBDAV = "any WebDAV client";
    expect(stdout).not.toContain(WEBDAV);
    const both = await latchkey(
      "device-token",
      "alice",
      "dav",
      "--app",
      FILES,
      "--app",
      PHOTOS,
      "--for",
      "webdav",
    );
    expect(both.stderr).toBe("");
    expect(both.stdout.split(WEBDAV)).toHaveLength(2);
    expect(both.stdout).toContain(
      `${WEBDAV}, if the server itself asks for no password\n  address: ${at(FILES)}/\n`,
    );
  });

  it("shows the lines for the app that --for names, at each host", async () => {
    const { stdout } = await latchkey(
      ...["device-token", "alice", "cli", "--app", FILES, "--app", PHOTOS, "--for", "gitea"],
    );
    const token = stdout.split("\n")[0];
    for (const host of [FILES, PHOTOS]) {
      expect(stdout).toContain(
        `\ngit\n  git config --global http.${at(host)}/.extraHeader 'X-Latchkey-Token: ${token}'\n`,
      );
    }
  });

  it.skipIf(!hasTerminal)("draws the token on a terminal, and keeps the lines to copy whole", async () => {
    const words = ["device-token", "alice", "clock", "--app", FILES];
    const { shown } = await runOnTerminal(words, environment(), { columns: 60 });
    const lines = shown.split("\r\n");
    expect(readQrCode(lines.filter((line) => line.includes("48;5;16m")))).toBe(lines[0]);
    expect(lines).toContain(`  curl -H 'X-Latchkey-Token: ${lines[0]}' ${at(FILES)}/`);
  });

  it.each<[string[], Run]>([
    [
      ["alice", "x"],
      failure(
        2,
        "name the app that the token is for",
        "give its host with --app, such as photos.example.com",
      ),
    ],
    [
      ["alice", "x", "--app", "https://app.localhost"],
      failure(
        2,
        "--app 'https://app.localhost' is not a hostname",
        "give only the host, such as vault.example.com",
      ),
    ],
    [
      ["alice", "x", "--app", "ap.localhost"],
      failure(1, `ap.localhost is not ${NOT_AN_APP}`, "did you mean app.localhost"),
    ],
    [
      ["alice", "x", "--app", PHOTOS, "--country", "UK"],
      failure(
        2,
        "--country 'UK' is not a country's code",
        "give its two letters (ISO 3166-1), such as CH, DE or GB",
      ),
    ],
    [
      ["alice", "x", "--app", PHOTOS, "--for", "imich"],
      failure(2, "--for 'imich' is not the name of a known app", "did you mean immich"),
    ],
    [
      ["alice", "x", "--app", PHOTOS, "--valid", "never"],
      failure(
        2,
        "--valid 'never' is not a time span",
        "write a number and d, h or m, such as 30d, 12h or 90m: 5 minutes to 3650 days",
      ),
    ],
    [
      ["alice", "TV", "--app", PHOTOS],
      failure(
        1,
        'another one is named "TV"',
        "choose another name, or give that device a new one: latchkey rotate alice/TV",
      ),
    ],
    [["alcie", "x", "--app", PHOTOS], failure(1, "there is no user alcie", "did you mean alice")],
    [
      ["nobody", "x", "--app", PHOTOS],
      failure(1, "there is no user nobody", "add the user first: latchkey users add nobody"),
    ],
  ])("%j is refused", async (words, expected) => {
    expect(await latchkey("device-token", ...words)).toEqual(expected);
  });

  it("names the apps there are when none resembles what was written", async () => {
    expect(await latchkey("device-token", "alice", "x", "--app", "photos.example.com")).toEqual({
      code: 1,
      stdout: "",
      stderr: `latchkey: photos.example.com is not ${NOT_AN_APP}\nhint: name one of these apps\n  app.localhost\n  localhost\n  vault.localhost\n`,
    });
  });
});

describe("feed", () => {
  it("prints the whole address, which reads its path and nothing else", async () => {
    const { code, stdout } = await latchkey(
      ...["feed", "bob", "calendar", "--app", PHOTOS, "--path", "/headers", "--path", "/feeds/*"],
    );
    expect(code).toBe(0);
    const [address = "", ...lines] = stdout.trimEnd().split("\n");
    expect(address).toMatch(new RegExp(`^${at(PHOTOS)}/headers\\?latchkey=lkf_[A-Za-z0-9_-]{51}$`));
    expect(lines).toEqual([
      "",
      "enrolled bob/calendar: it is let in from now on, only at app.localhost",
      "any URL below /feeds/ works with ?latchkey=… at its end",
      "if a URL already has a ?, append &latchkey=… instead",
      "anyone who has the URL is let in, from any machine: give it only to the program that uses it",
      "URLs end up in histories and logs, including Cloudflare's",
      expect.stringMatching(/^it is shown only this once, and works until .+ \(in 12 months\)$/),
      "to replace it: latchkey rotate bob/calendar; to shut the device out: latchkey revoke bob/calendar",
    ]);
    const { pathname, search } = new URL(address);
    const read = (path: string, method = "GET") => send(edge, `${path}${search}`, { host: PHOTOS, method });
    expect(await read(pathname)).toMatchObject({ status: 200, text: expect.not.stringContaining("lkf_") });
    expect((await read(pathname, "POST")).status).toBe(503);
    expect((await read("/echo")).status).toBe(503);
    expect((await send(edge, `${pathname}${search}`, { host: FILES })).status).toBe(404);
  });

  it("prints what to add where no address is known in full", async () => {
    const { stdout } = await latchkey("feed", "bob", "reader", "--app", PHOTOS, "--path", "/feeds/*");
    expect(stdout).toMatch(/^\?latchkey=lkf_[A-Za-z0-9_-]{51}\n\nenrolled bob\/reader: /);
  });

  it.each<[string[], Run]>([
    [
      ["--app", PHOTOS],
      failure(
        2,
        "name a path for the feed to read",
        "give --path /calendars/home.ics, or --path '/feeds/*' for everything below",
      ),
    ],
    [
      ["--path", "/x"],
      failure(2, "name the app that the feed is for", "give its host with --app, such as photos.example.com"),
    ],
    [
      ["--app", PHOTOS, "--path", "x.ics"],
      failure(
        2,
        "--path 'x.ics' must begin with a slash",
        "give a path in the feed URL, such as /calendars/home.ics or /feeds/*",
      ),
    ],
    [
      ["--app", "vault.localhost", "--path", "/x"],
      failure(
        1,
        "apps: vault.localhost has the profile bitwarden: a feed URL must never open a vault",
        "correct it and try again; nothing was changed",
      ),
    ],
  ])("with %j is refused", async (words, expected) => {
    expect(await latchkey("feed", "bob", "x", ...words)).toEqual(expected);
  });
});

describe("limit", () => {
  it("shows the limits, changes what is named, and shows before and after", async () => {
    const { token } = await object<NewDeviceToken>("device-token", "bob", "tv", "--app", PHOTOS);
    expect((await latchkey("limit", "bob/tv")).stdout).toBe(
      "device     bob/tv\napps       app.localhost\ncountries  anywhere\nends       never\n",
    );
    const { stdout } = await latchkey(
      ...["limit", "bob/tv", "--app", FILES, "--country", "DE", "--country", "AT", "--until", "2036-01-31"],
    );
    expect(stdout.split("\n").map((line) => line.trimEnd())).toEqual([
      "           BEFORE         NOW",
      "apps       app.localhost  localhost",
      "countries  anywhere       DE, AT",
      expect.stringMatching(/^ends {7}never {10}2036-02-01 00:00 \(in 9 y \d+ mo\)$/),
      "",
      `bob/tv has these limits ${EVERYWHERE}`,
      "",
    ]);
    expect(await statusOf(token, PHOTOS)).toBe(503);
    // This machine's requests come from Switzerland, as far as the edge is concerned.
    expect(await statusOf(token, FILES)).toBe(404);
    await latchkey("limit", "bob/tv", "--everywhere", "--no-end");
    expect(await statusOf(token, FILES)).toBe(200);
    expect(await object<Device>("limit", "bob/tv")).toMatchObject({ countries: null, expiresAt: null });
    expect((await latchkey("audit", "bob", "--search", "countriesBefore")).stdout).toMatch(
      /countriesBefore: none, countries: DE AT, expiresAtBefore: none, expiresAt: 2036-02-01 00:00/,
    );
  });

  it("lets a certificate's device lose its limits, but never a token's its apps", async () => {
    await latchkey("enrol", "bob", "laptop", "--fingerprint", "a1".repeat(32), "--app", FILES);
    expect(await object<Device>("limit", "bob/laptop", "--every-app")).toMatchObject({ apps: null });
    await object("device-token", "bob", "radio", "--app", FILES);
    expect(await latchkey("limit", "bob/radio", "--every-app")).toEqual(
      failure(1, "a token or a feed must be limited to apps", "name at least one app with --app HOST"),
    );
  });

  it.each<[string[], Run]>([
    [
      ["--path", "/x"],
      failure(2, "--path is for feeds, but alice/tv shows a token", "limit it to whole apps with --app"),
    ],
    [
      ["--every-app", "--app", FILES],
      failure(
        2,
        "option '--every-app' cannot be used with option '--app <host>'",
        "see latchkey limit --help",
      ),
    ],
    [
      ["--no-end", "--until", "3d"],
      failure(
        2,
        "option '--no-end' cannot be used with option '--until <time>'",
        "see latchkey limit --help",
      ),
    ],
    [
      ["--until", "yesterday"],
      failure(
        2,
        "--until 'yesterday' is not a time",
        "write a date (2026-12-24), a date and time (2026-12-24T18:00), a time (18:00), a weekday (sunday) or a time span (3d, 12h)",
      ),
    ],
    [
      ["--app", "ap.localhost"],
      failure(1, `ap.localhost is not ${NOT_AN_APP}`, "did you mean app.localhost"),
    ],
  ])("with %j is refused", async (words, expected) => {
    expect(await latchkey("limit", "alice/tv", ...words)).toEqual(expected);
  });
});

describe("enrol", () => {
  it("takes the limits of a certificate, and says them", async () => {
    const words = ["enrol", "bob", "tablet", "--fingerprint", "b2".repeat(32)];
    const limits = ["--app", FILES, "--country", "CH", "--until", "30d"];
    expect((await latchkey(...words, ...limits)).stdout).toMatch(
      new RegExp(
        `^enrolled bob/tablet \\(certificate b2b2b2b2\\): it is let in from now on, only at localhost, only from CH, until ${TIME} \\(in 30 days\\)\n$`,
      ),
    );
    expect((await latchkey(...words, "--until", "3d")).stdout).toBe(
      "bob/tablet is already enrolled with this certificate and active; nothing was changed\nto change its limits: latchkey limit bob/tablet\n",
    );
    expect(
      await latchkey("enrol", "bob", "x", "--fingerprint", "b3".repeat(32), "--app", "x.localhost"),
    ).toMatchObject({ code: 1, stderr: expect.stringContaining(`x.localhost is not ${NOT_AN_APP}`) });
  });
});

describe("a device without a certificate", () => {
  it("gets its next token with rotate, whose first use ends the old one", async () => {
    const { token } = await object<NewDeviceToken>("device-token", "alice", "renewed", "--app", FILES);
    const { stdout } = await latchkey("rotate", "alice/renewed", "--until", "30d", "--valid", "90d");
    const [next = "", ...lines] = stdout.trimEnd().split("\n");
    expect(lines).toEqual([
      "",
      expect.stringMatching(/^made the next token of alice\/renewed, [0-9a-f]{8}$/),
      expect.stringMatching(
        new RegExp(
          `^the old one, [0-9a-f]{8}, ends when the new one is first seen, or ${TIME} \\(in 30 days\\) at the latest$`,
        ),
      ),
      expect.stringMatching(/^anyone who has the token is let in/),
      expect.stringMatching(/^it is shown only this once, and works until .+ \(in 90 days\)$/),
      "to replace it: latchkey rotate alice/renewed; to shut the device out: latchkey revoke alice/renewed",
    ]);
    expect(await latchkey("rotate", "alice/renewed")).toEqual(
      failure(
        1,
        "alice/renewed is being renewed already",
        "wait until the old token ends, or end one of the two: latchkey retire alice/renewed FINGERPRINT",
      ),
    );
    expect(await statusOf(token, FILES)).toBe(200);
    expect(await statusOf(next, FILES)).toBe(200);
    expect(await statusOf(token, FILES)).toBe(404);
  });

  it("gets a feed's next address, and retire ends one of the two", async () => {
    const words = ["feed", "alice", "podcast", "--app", FILES, "--path", "/headers"];
    const { token, device } = await object<NewDeviceToken>(...words);
    const next = await latchkey("rotate", "alice/podcast");
    expect(next.stdout).toMatch(new RegExp(`^${at(FILES)}/headers\\?latchkey=lkf_`));
    const digits = device.credentials[0]?.fingerprint.slice(0, 8) ?? "";
    expect((await latchkey("retire", "alice/podcast", digits, "--yes")).stdout).toBe(
      `the feed URL ${digits} of alice/podcast is retired: it is refused ${EVERYWHERE}\n`,
    );
    expect((await send(edge, `/headers?latchkey=${token}`, { host: FILES })).status).toBe(404);
  });

  it.each<[string[], string, string]>([
    [
      ["rotate", "alice/tv", "--days", "3"],
      "--days means nothing for alice/tv, which shows a token",
      "leave it out: nothing is signed",
    ],
    [
      ["rotate", "alice/tv", "--certificate", fixture("device.pem")],
      "alice/tv shows a token, not a certificate",
      "leave out --certificate: latchkey rotate alice/tv makes a new token",
    ],
    [
      ["rotate", "bob/laptop", "--valid", "30d", "--certificate", fixture("device.pem")],
      "--valid means nothing for bob/laptop, which shows a certificate",
      "a certificate states its own dates; to set them when one is made, use --days",
    ],
  ])("%j is misuse", async (words, cause, hint) => {
    expect(await latchkey(...words)).toEqual(failure(2, cause, hint));
  });

  it.each<[string[]]>([
    [["revoke", "alice/tv", "--at-cloudflare", "--yes"]],
    [["retire", "alice/tv", "00000000", "--at-cloudflare", "--yes"]],
  ])("is not known at Cloudflare: %j", async (words) => {
    expect(await runHere(words, { ...environment(), CLOUDFLARE_API_TOKEN: "never-sent" })).toEqual(
      failure(
        2,
        "alice/tv shows a token, which Cloudflare knows nothing of",
        "leave out --at-cloudflare: once the registry refuses it, nothing is left to revoke",
      ),
    );
  });

  it("is blocked without the registry, as a certificate is", async () => {
    const { token, device } = await object<NewDeviceToken>("device-token", "bob", "stolen", "--app", FILES);
    const blocked = await latchkey("block", "bob/stolen", "--edge", edge.paths.folder, "--yes");
    expect(blocked).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(
        `  ${device.credentials[0]?.fingerprint}  token (the registry; the device is active)\n`,
      ),
    });
    await expect.poll(() => statusOf(token, FILES), { timeout: 8_000 }).toBe(404);
    expect((await latchkey("unblock", "bob/stolen", "--edge", edge.paths.folder, "--yes")).code).toBe(0);
    await expect.poll(() => statusOf(token, FILES), { timeout: 8_000 }).toBe(200);
  });

  it("is listed and shown with its kind and its limits", async () => {
    expect((await latchkey("devices", "alice")).stdout).toMatch(
      /^DEVICE +STATUS +KIND +CREDENTIAL +EXPIRES +ONLY +LAST SEEN\nalice\/tv +active +token +[0-9a-f]{8} +in 12 months +app\.localhost +just now, app\.localhost\n/,
    );
    const { stdout } = await latchkey("show", "alice/podcast");
    expect(stdout).toMatch(/\nkind +feed\nstatus +active\n/);
    expect(stdout).toMatch(
      /\napps +localhost\ncountries +anywhere\nends +never by itself, but its feed URL expires .+ \(in 12 months\)\npaths +\/headers\n/,
    );
    expect(stdout).toMatch(
      /\n\nfeed URL\n {2}fingerprint +[0-9a-f]{64}\n {2}made +.+\n {2}expires +.+ \(in 12 months\)\n/,
    );
  });

  it("is reported lost without a word of a wipe", async () => {
    await object("device-token", "bob", "lamp", "--app", FILES);
    const { stdout } = await latchkey("lost", "bob/lamp", "--yes");
    expect(stdout).toBe(
      [
        `bob/lamp is reported lost: it is refused ${EVERYWHERE}`,
        "It has no certificate to prove itself with: nothing will be deleted on the device.",
        "if you find it: latchkey reinstate bob/lamp; if it is gone for good: latchkey revoke bob/lamp\n",
      ].join("\n"),
    );
    expect((await latchkey("show", "bob/lamp")).stdout).not.toContain("\nwipe");
    expect((await object<{ registry: object }>("status")).registry).toMatchObject({ wipeNotDelivered: [] });
    expect((await latchkey("revoke", "bob/lamp", "--yes")).code).toBe(0);
  });
});

describe("a device whose end has come", () => {
  it("is refused, and shown as expired until it gets another end", async () => {
    const { token } = await object<NewDeviceToken>("device-token", "bob", "short", "--app", FILES);
    const until = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000);
    await latchkey("limit", "bob/short", "--until", until.toISOString().replace(".000", ""));
    await expect.poll(() => statusOf(token, FILES), { timeout: 8_000 }).toBe(404);
    expect(Date.now()).toBeGreaterThanOrEqual(until.getTime());
    expect((await latchkey("devices", "bob")).stdout).toMatch(
      /\nbob\/short +expired +token .+ expired just now /,
    );
    expect((await latchkey("devices", "bob", "--expiring", "1h")).stdout).toMatch(/\nbob\/short +expired /);
    expect((await latchkey("show", "bob/short")).stdout).toMatch(/\nstatus +expired\n/);
    expect((await latchkey("status")).stdout).toContain("\nexpired   bob/short: limit sets another end\n");
    await latchkey("limit", "bob/short", "--until", "30d");
    expect(await statusOf(token, FILES)).toBe(200);
    expect((await latchkey("status")).stdout).toMatch(/\nexpiring {2}.*bob\/short in 30d/);
  });
});

describe("invite --guest", () => {
  it("limits the device that the link enrols to the apps and the time", async () => {
    const { stdout, code } = await latchkey(
      ...["invite", "bob", "--guest", "--until", "3d", "--app", PHOTOS, "--app", FILES, "--country", "CH"],
    );
    expect(code).toBe(0);
    const [link = "", , enrols, then] = stdout.split("\n");
    expect(link).toMatch(new RegExp(`^${at(PHOTOS)}/\\.latchkey/enrol#`));
    expect(enrols).toMatch(/^enrols one device for bob, until .+; the link opens at app\.localhost$/);
    expect(stdout).not.toContain("to limit it");
    expect(then).toMatch(
      /^the device is then let in only at app\.localhost and localhost, only from CH, until .+ \(in 3 days\)$/,
    );
    expect((await latchkey("invitations", "bob")).stdout).toMatch(
      /^INVITATION .* LETS IN\nbob\/.* only at app\.localhost and localhost, only from CH, until .+\n$/,
    );
    const authority = { certificate: edge.ca, key: readFileSync(edge.paths.caKey, "utf8") };
    const phone = await issueDeviceCertificate(authority, "phone");
    await redeem(edge, phone, link.split("#")[1] ?? "", "phone", "bob");
    expect((await send(edge, "/headers", { as: phone, host: FILES })).status).toBe(200);
    expect((await send(edge, "/headers", { as: phone, host: "vault.localhost" })).status).toBe(404);
    expect(await object<Device>("show", "bob/phone")).toMatchObject({
      ...{ kind: "certificate", apps: [PHOTOS, FILES], countries: ["CH"] },
      expiresAt: expect.any(String),
    });
  });

  it("is optional: an end goes without, and then every app is reached", async () => {
    const made = await object<NewInvitation>("invite", "bob", "--app", FILES, "--until", "3d");
    expect(made).toMatchObject({ app: FILES, limits: { apps: null, expiresAt: expect.any(String) } });
  });

  it.each<[string[], string, string]>([
    [
      ["--guest"],
      "a guest needs at least one app and an end",
      "such as --until sunday --app photos.example.com",
    ],
    [["--guest", "--app", FILES], "a guest needs an end", "such as --until sunday --app photos.example.com"],
    [
      ["--guest", "--until", "sunday"],
      "a guest needs at least one app",
      "such as --until sunday --app photos.example.com",
    ],
    [
      ["--app", FILES, "--app", PHOTOS],
      "the link opens at only one app",
      "give --app once, or add --guest to limit the device to these apps",
    ],
  ])("with %j is misuse", async (words, cause, hint) => {
    expect(await latchkey("invite", "bob", ...words)).toEqual(failure(2, cause, hint));
  });
});
