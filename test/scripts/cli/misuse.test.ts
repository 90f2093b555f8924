import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { DEVICE, failure, fixture, run } from "./run.ts";
import { runHere, runOnceAsProcess } from "./run-here.ts";

const folder = mkdtempSync(join(tmpdir(), "latchkey-misuse-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

/** Nothing listens on port 1: what gets as far as asking fails with exit code 1, and not with 2. */
const CONNECTED = { LATCHKEY_URL: "https://127.0.0.1:1", LATCHKEY_TOKEN: "0123456789abcdef0123456789abcdef" };
const USER_ID =
  "a user id has 1 to 63 lower-case letters, digits and hyphens, and begins with a letter or digit";
const ADDRESS = "give scheme and host, such as https://latchkey.example.com";

describe("misuse ends with exit code 2 and a hint, before anything is sent:", () => {
  it.concurrent.each<[string, string[], Record<string, string>, string, string]>([
    ["no command", [], {}, "no command given", "see latchkey --help"],
    ["an unknown command", ["devcies"], {}, "unknown command 'devcies'", "did you mean devices"],
    ["a word too short to be close to anything", ["lst"], {}, "unknown command 'lst'", "see latchkey --help"],
    ["a short word with another letter", ["nope"], {}, "unknown command 'nope'", "see latchkey --help"],
    ...[
      ["lots", "lost: report a device lost, and have Bitwarden on it delete its vault"],
      ["revok", "revoke: refuse a device for good"],
      ["forgt", "forget: delete the record of a revoked device"],
      ["aprove", "approve: let in a device that is waiting for approval"],
      ["restor", "restore: restore the registry from a backup"],
    ].map(([word = "", what]): [string, string[], Record<string, string>, string, string] => [
      `${word}, which is close to something nobody should run by mistake`,
      [word],
      {},
      `unknown command '${word}'`,
      `see latchkey --help (${what})`,
    ]),
    [
      "an unknown subcommand, close to another name of one",
      ["users", "delet"],
      {},
      "unknown command 'users delet'",
      "see latchkey users --help (delete: remove a user who has no devices left)",
    ],
    [
      "an unknown command with a subcommand",
      ["user", "list"],
      {},
      "unknown command 'user'",
      "did you mean users list",
    ],
    [
      "an unknown command with a subcommand that takes something away",
      ["user", "remove", "alice"],
      {},
      "unknown command 'user'",
      "did you mean users",
    ],
    [
      "a word far from all commands",
      ["statistics"],
      {},
      "unknown command 'statistics'",
      "see latchkey --help",
    ],
    [
      "what other programs call it",
      ["rm", "alice/pixel-9"],
      {},
      "unknown command 'rm'",
      "to refuse a device for good: latchkey revoke; to delete the record of a revoked one: latchkey forget",
    ],
    [
      "a value for an option that takes none",
      ["devices", "--json=1"],
      {},
      "--json takes no value",
      "write only --json",
    ],
    [
      "help with an unknown command",
      ["help", "nonsense"],
      {},
      "unknown command 'nonsense'",
      "see latchkey --help",
    ],
    [
      "help with an unknown subcommand",
      ["help", "users", "renam"],
      {},
      "unknown command 'users renam'",
      "did you mean users rename",
    ],
    [
      "completion for another shell",
      ["completion", "tcsh"],
      {},
      "'tcsh' is not a supported shell",
      "give one of bash, zsh, fish",
    ],
    [
      "an audit that cannot go on",
      ["audit", "--before", "12"],
      CONNECTED,
      "--before continues only a single log",
      "name a user, or add --directory",
    ],
    [
      "an audit of one and another log",
      ["audit", "alice", "--directory"],
      CONNECTED,
      "give a user or --directory, not both",
      "leave one of the two out",
    ],
    [
      "an unknown subcommand",
      ["users", "renam"],
      {},
      "unknown command 'users renam'",
      "did you mean users rename",
    ],
    ["an unknown option", ["devices", "--jason"], {}, "unknown option '--jason'", "did you mean --json"],
    [
      "a mistyped option, whose value stays secret",
      ["devices", "--tokn=geheim"],
      {},
      "unknown option '--tokn'",
      "see latchkey devices --help",
    ],
    [
      "too few words",
      ["rename", "alice/x"],
      {},
      "missing required argument 'name'",
      "see latchkey rename --help",
    ],
    [
      "too many words",
      ["show", "alice/my", "phone"],
      {},
      "too many arguments for 'show'",
      "see latchkey show --help",
    ],
    ...[
      ["token", "revoke", "aa", "bb"],
      ["token", "create", "alice", "bob", "--for", "read"],
      ["users", "add", "alice", "bob"],
      ["users", "remove", "alice", "bob"],
      ["sessions", "end", "aa", "bb"],
    ].map((words): [string, string[], Record<string, string>, string, string] => {
      const name = words.slice(0, 2).join(" ");
      const message = `too many arguments for '${words[1]}'`;
      return [`too many words for ${name}`, words, CONNECTED, message, `see latchkey ${name} --help`];
    }),
    ...["approve", "suspend", "reinstate", "lost", "revoke"].map(
      (act): [string, string[], Record<string, string>, string, string] => [
        `a note where ${act} takes a reason`,
        [act, "alice/x", "--note", "stolen"],
        CONNECTED,
        "this command takes --reason, not --note",
        "write --reason TEXT; to change the device's own note: latchkey note",
      ],
    ),
    [
      "a reason for a certificate that is enrolled",
      ["approve", "3a1b09fe", "alice", "x", "--reason", "by phone"],
      CONNECTED,
      "'3a1b09fe' is a fingerprint, and approve is for devices",
      "to enrol an unknown certificate: latchkey enrol alice x --unknown 3a1b09fe",
    ],
    [
      "a token as an argument",
      ["devices", "--token", "geheim"],
      {},
      "a token is not given as an argument: other users of this machine would see it",
      "set LATCHKEY_TOKEN, or name a file that holds it with --token-file",
    ],
    [
      "no address",
      ["devices"],
      { LATCHKEY_TOKEN: "x" },
      "the address of the gate is missing",
      "log in with latchkey login, set LATCHKEY_URL or give --url, such as https://latchkey.example.com",
    ],
    [
      "no token",
      ["devices", "--url", "https://127.0.0.1:1"],
      {},
      "the token is missing",
      "log in with latchkey login, set LATCHKEY_TOKEN, or name a file that holds it with LATCHKEY_TOKEN_FILE or --token-file",
    ],
    [
      "a file that never ends",
      ["fingerprint", "/dev/zero"],
      {},
      "/dev/zero is too large for a certificate",
      "check that the path names the right file",
    ],
    [
      "--backup without --at-cloudflare",
      ["revoke", "alice/x", "--backup", "b.json", "--yes"],
      CONNECTED,
      "--backup means nothing without --at-cloudflare",
      "add it, or leave both out",
    ],
    [
      "nothing to block",
      ["block", "--yes"],
      CONNECTED,
      "nothing to block was named",
      "name a device or a fingerprint, see latchkey block --help",
    ],
    [
      "nothing to unblock",
      ["unblock", "--yes"],
      CONNECTED,
      "nothing to unblock was named",
      "see what is blocked: latchkey blocked",
    ],
    [
      "a state folder that is none",
      ["blocked", "--edge", "/nowhere"],
      CONNECTED,
      "/nowhere is not the state folder of a local edge",
      "start the local edge first (npm start), or name its state folder",
    ],
    ["no URL", ["devices", "--url", "vault"], CONNECTED, "'vault' is not an address", ADDRESS],
    ["another protocol", ["devices", "--url", "ftp://x"], CONNECTED, "'ftp://x' is not an address", ADDRESS],
    [
      "a reason of spaces",
      ["revoke", "alice/phone", "--reason", "  "],
      CONNECTED,
      "--reason is empty",
      "say why in a few words, or leave --reason out",
    ],
    [
      "an address with a password, which stays secret",
      ["devices", "--url", "https://me:geheim@x"],
      CONNECTED,
      "the address holds a user name or a password",
      "leave them out: the token is all that is needed",
    ],
    [
      "an address without encryption, except on this machine",
      ["devices", "--url", "http://vault.example.com"],
      CONNECTED,
      "http:// would send the token unprotected",
      "use https://vault.example.com",
    ],
    [
      "a name that only looks like this machine's",
      ["devices", "--url", "http://localhost.example.com"],
      CONNECTED,
      "http:// would send the token unprotected",
      "use https://localhost.example.com",
    ],
    [
      "an address with a path",
      ["devices", "--url", "https://x/app"],
      CONNECTED,
      "'https://x/app' is more than an address",
      "give only scheme and host, such as https://latchkey.example.com",
    ],
    [
      "a token file that is none",
      ["devices", "--token-file", file("key", "-----BEGIN PRIVATE KEY-----\ngeheim\n")],
      CONNECTED,
      `${join(folder, "key")} does not hold a token: it has spaces, line breaks or characters beyond ASCII`,
      "put the Worker's ADMIN_TOKEN or your own token there, and nothing else",
    ],
    [
      "an empty token file",
      ["devices", "--token-file", file("empty", "\n")],
      CONNECTED,
      `${join(folder, "empty")} is empty`,
      "put the Worker's ADMIN_TOKEN or your own token there",
    ],
    [
      "an authority that is none",
      ["devices", "--ca", fixture("key.pem")],
      CONNECTED,
      `${fixture("key.pem")} holds no certificate in PEM form`,
      "give the authority's certificate, a file with -----BEGIN CERTIFICATE----- in it",
    ],
    [
      "a timeout that is none",
      ["devices", "--timeout", "soon"],
      CONNECTED,
      "--timeout 'soon' is not a time",
      "give seconds, more than 0 and at most 3600",
    ],
    ["a user id that cannot be", ["devices", "Alice"], CONNECTED, "'Alice' is not a user id", USER_ID],
    [
      "a user id that would paint the terminal",
      ["devices", "\x1b[31m"],
      CONNECTED,
      "'\\u{1b}[31m' is not a user id",
      USER_ID,
    ],
    [
      "a device without its user",
      ["revoke", "pixel-9", "--yes"],
      CONNECTED,
      "'pixel-9' does not name a device",
      "write USER/NAME, such as alice/pixel-9, or the device's id; latchkey devices lists them",
    ],
    [
      "a device name that cannot be",
      ["rename", "alice/x", " x"],
      CONNECTED,
      "' x' is not a device name: a device's name must not begin or end with a space",
      "put a name with spaces in quotes",
    ],
    [
      "enrolling nothing",
      ["enrol", "alice", "x"],
      CONNECTED,
      "the certificate is missing",
      "give one of --certificate FILE, --fingerprint HEX and --unknown HEX",
    ],
    [
      "enrolling an unknown certificate and a file",
      ["enrol", "alice", "x", "--unknown", DEVICE, "--certificate", fixture("device.pem")],
      CONNECTED,
      "give the certificate in one way only",
      "give one of --certificate FILE, --fingerprint HEX and --unknown HEX",
    ],
    [
      "enrolling too few digits of an unknown certificate",
      ["enrol", "alice", "x", "--unknown", DEVICE.slice(0, 7)],
      CONNECTED,
      `'${DEVICE.slice(0, 7)}' is not a fingerprint`,
      "give its 64 hex digits, or at least the first 8 of an unknown certificate",
    ],
    [
      "enrolling two things",
      ["enrol", "alice", "x", "--fingerprint", DEVICE, "--certificate", fixture("device.pem")],
      CONNECTED,
      "give the certificate in one way only",
      "give one of --certificate FILE, --fingerprint HEX and --unknown HEX",
    ],
    [
      "a fingerprint of another kind (SHA-1)",
      ["enrol", "alice", "x", "--fingerprint", DEVICE.slice(0, 40)],
      CONNECTED,
      `'${DEVICE.slice(0, 40)}' is not a fingerprint`,
      "a fingerprint is the SHA-256 of the certificate: 64 hex digits, with or without colons between pairs",
    ],
    [
      "too few digits of an unknown fingerprint",
      ["dismiss", DEVICE.slice(0, 7)],
      CONNECTED,
      `'${DEVICE.slice(0, 7)}' is not a fingerprint`,
      "give its 64 hex digits, or at least the first 8 of an unknown certificate",
    ],
    [
      "a limit of none",
      ["audit", "--limit", "0"],
      CONNECTED,
      "--limit '0' is not a number of entries",
      "give 1 to 100000",
    ],
    [
      "an unknown subcommand of token",
      ["token", "creat"],
      {},
      "unknown command 'token creat'",
      "did you mean token create",
    ],
    [
      "an unknown subcommand of sessions",
      ["sessions", "stop"],
      {},
      "unknown command 'sessions stop'",
      "see latchkey sessions --help",
    ],
    [
      "an invitation for too long",
      ["invite", "alice", "--expires", "8d"],
      CONNECTED,
      "--expires '8d' is too short or too long",
      "give 5 minutes to 7 days",
    ],
    [
      "an invitation for no time",
      ["invite", "alice", "--expires", "tomorrow"],
      CONNECTED,
      "--expires 'tomorrow' is not a time span",
      "write a number and d, h or m, such as 30d, 12h or 90m: 5 minutes to 7 days",
    ],
    [
      "an invitation to an address",
      ["invite", "alice", "--app", "https://vault.example.com"],
      CONNECTED,
      "--app 'https://vault.example.com' is not a hostname",
      "give only the host, such as vault.example.com",
    ],
    [
      "an invitation that cannot be one",
      ["invitations", "withdraw", "a b"],
      CONNECTED,
      "'a b' is not the id of an invitation",
      "give the id, or at least its first 4 characters; latchkey invitations lists them",
    ],
    [
      "an invitation of a user who cannot be",
      ["invitations", "withdraw", "Alice/3f2a"],
      CONNECTED,
      "'Alice' is not a user id",
      USER_ID,
    ],
    [
      "a token for nobody",
      ["token", "create", "--for", "read"],
      CONNECTED,
      "name the user the token is for",
      "such as alice; --everyone makes a token that reads everything",
    ],
    [
      "a token for one and everyone",
      ["token", "create", "alice", "--everyone", "--for", "read"],
      CONNECTED,
      "give a user or --everyone, not both",
      "such as alice; --everyone makes a token that reads everything",
    ],
    [
      "a token for nothing",
      ["token", "create", "alice"],
      CONNECTED,
      "say what the token is for",
      "give --for devices to change the user's devices, or --for read to see them",
    ],
    [
      "a token for everything",
      ["token", "create", "alice", "--for", "root"],
      CONNECTED,
      "--for must be devices or read, not 'root'",
      "give --for devices to change the user's devices, or --for read to see them",
    ],
    [
      "an API token for an app",
      ["token", "create", "alice", "--for", "immich"],
      CONNECTED,
      "--for must be devices or read, not 'immich'",
      "a token that a device shows to an app is made with: latchkey device-token",
    ],
    [
      "a guest as a command",
      ["guest", "bob"],
      CONNECTED,
      "unknown command 'guest'",
      "to invite a guest: latchkey invite USER --guest --until sunday --app HOST",
    ],
    [
      "a token that changes everybody's devices",
      ["token", "create", "--everyone", "--for", "devices"],
      CONNECTED,
      "a token for everyone can only read",
      "give --for read, or name one user",
    ],
    [
      "a token for a moment",
      ["token", "create", "alice", "--for", "read", "--expires", "1m"],
      CONNECTED,
      "--expires '1m' is too short or too long",
      "give 5 minutes to 3650 days, or never",
    ],
    [
      "a token with no name",
      ["token", "create", "alice", "--for", "read", "--name", " "],
      CONNECTED,
      "--name ' ' is not a name: a token's name must not be empty",
      "put a name with spaces in quotes",
    ],
    [
      "ending no session",
      ["sessions", "end"],
      CONNECTED,
      "name the session to end",
      "give its id, as listed by latchkey sessions, or --all",
    ],
    [
      "ending a session that cannot be one",
      ["sessions", "end", "all"],
      CONNECTED,
      "'all' is not the id of a session",
      "give the id, or at least its first 4 characters; latchkey sessions lists them",
    ],
    [
      "ending one and all",
      ["sessions", "end", "3f2a", "--all"],
      CONNECTED,
      "give a session or --all, not both",
      "give its id, as listed by latchkey sessions, or --all",
    ],
    [
      "devices that end some time",
      ["devices", "--expiring", "soon"],
      CONNECTED,
      "--expiring 'soon' is not a time span",
      "write a number and d, h or m, such as 30d, 12h or 90m: 1 minute to 3650 days",
    ],
    [
      "approving a fingerprint for nobody",
      ["approve", "9f86d081"],
      CONNECTED,
      "'9f86d081' is a fingerprint, and approve is for devices",
      "to enrol an unknown certificate: latchkey enrol USER NAME --unknown 9f86d081",
    ],
    [
      "approving a fingerprint without a name",
      ["approve", "9f86d081", "alice"],
      CONNECTED,
      "'9f86d081' is a fingerprint, and approve is for devices",
      "to enrol an unknown certificate: latchkey enrol alice NAME --unknown 9f86d081",
    ],
    [
      "approving a device for somebody",
      ["approve", "alice/tablet", "alice"],
      CONNECTED,
      "too many arguments for 'approve'",
      "see latchkey approve --help",
    ],
    [
      "restoring a device",
      ["restore", "alice/tablet"],
      CONNECTED,
      "there is no backup file alice/tablet",
      "to let a device back in: latchkey reinstate alice/tablet",
    ],
    [
      "watching two things",
      ["watch", "--edge", folder, "--stdin"],
      {},
      "option '--edge <folder>' cannot be used with option '--stdin'",
      "see latchkey watch --help",
    ],
    [
      "watching no minutes",
      ["watch", "--stdin", "--minutes", "0"],
      {},
      "--minutes '0' is not a number of minutes",
      "give 1 to 1440",
    ],
    [
      "watching half a minute",
      ["watch", "--stdin", "--minutes", "0.5"],
      {},
      "--minutes '0.5' is not a number of minutes",
      "give 1 to 1440",
    ],
    [
      "watching an address",
      ["watch", "--stdin", "--app", "https://vault.example.com"],
      {},
      "--app 'https://vault.example.com' is not a hostname",
      "give only the host, such as vault.example.com",
    ],
    [
      "watching a folder without an edge's log",
      ["watch", "--edge", folder],
      {},
      `there is no ${join(folder, "worker.log")}`,
      "start the local edge first (npm start), or name its state folder",
    ],
  ])("%s", async (_, words, environment, cause, hint) => {
    // What is no command doesn't need a process for each of its spellings.
    const start = cause.startsWith("unknown command") ? runHere : runOnceAsProcess;
    expect(await start(words, environment)).toEqual(failure(2, cause, hint));
  });
});

describe("what is asked of the program itself", () => {
  it("is answered on the standard output, without an address or a token", async () => {
    const [version, help, commandHelp] = await Promise.all([
      run(["--version"]),
      run(["--help"]),
      run(["revoke", "-h"]),
    ]);
    expect(version).toEqual({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: "" });
    for (const words of [["-V"], ["version"]]) expect(await runHere(words)).toEqual(version);
    expect(await runHere(["help"])).toEqual(await runHere(["--help"]));
    expect(await runHere(["help", "revoke"])).toEqual(await runHere(["revoke", "-h"]));
    expect(await runHere(["help", "tokens", "rm"])).toEqual(await runHere(["token", "revoke", "-h"]));
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toMatch(/^Usage: latchkey /);
    for (const part of [
      "Credentials:",
      "Environment:",
      "LATCHKEY_TOKEN",
      "what login stored",
      "Exit codes:",
      "Examples:",
      "--ca <file>",
    ]) {
      expect(help.stdout).toContain(part);
    }
    expect(help.stdout).not.toContain("--token ");
    expect(commandHelp).toMatchObject({ code: 0, stderr: "" });
    expect(commandHelp.stdout).toMatch(
      /^Usage: latchkey revoke \[options\] <device>\n[\s\S]+--reason[\s\S]+Examples:/,
    );
  });
});
