// Where people may sign in, everything that is not a person's browser opening a page gets what it gets elsewhere, byte
// for byte: let in or refused, whatever it shows. The real clients are in bitwarden, webdav and tokens.test.ts.
import type { OutgoingHttpHeaders } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { issueSelfSignedCertificate } from "../../scripts/certificates/authority.ts";
import { TestEdge } from "./support/edge.ts";
import { UNUSED_PROVIDER } from "./support/sign-in.ts";
import type { Call, TlsClient } from "./support/tls-client.ts";

/** Each on two hosts, of names of the same length: without and with sign-in. */
const PROFILES = {
  web: {},
  bitwarden: { profile: "bitwarden" },
  sync: { profile: "sync" },
  custom: { profile: "custom", status: 429, body: '{"later":true}', contentType: "application/json" },
} as const;
type ProfileName = keyof typeof PROFILES;
const NAMES = Object.keys(PROFILES) as ProfileName[];

const without = (profile: string) => `${profile}-0.localhost`;
const withSignIn = (profile: string) => `${profile}-1.localhost`;

const ACTS = { enrolled: undefined, suspended: "suspend", revoked: "revoke", lost: "lost" } as const;
type Status = keyof typeof ACTS;
type Sender = Status | "stranger" | "unknown" | "self-signed";
const SENDERS: Sender[] = ["stranger", "unknown", "self-signed", "enrolled", "suspended", "revoked", "lost"];

let test: TestEdge;
const clients = new Map<string, TlsClient>();

beforeAll(async () => {
  const apps = NAMES.flatMap((name) => [
    [without(name), PROFILES[name]],
    [withSignIn(name), { ...PROFILES[name], signIn: true }],
  ]);
  test = await TestEdge.start({
    // The client's TLS always names the first one.
    vars: {
      APPS: { "app.localhost": {}, ...Object.fromEntries(apps) },
      SIGN_IN: UNUSED_PROVIDER,
      REVOCATION_DELAY_SECONDS: 0,
    },
  });
  clients.set("stranger", test.client());
  clients.set("unknown", test.client(await test.issue("unknown")));
  clients.set("self-signed", test.client(await issueSelfSignedCertificate("self-signed")));
  for (const status of ["enrolled", "suspended", "revoked"] as const) {
    clients.set(status, await deviceThatIs(status, status));
  }
  // One for each host: the registry is asked only so often about a lost device.
  const hosts = NAMES.flatMap((name) => [without(name), withSignIn(name)]);
  for (const host of hosts) clients.set(`lost ${host}`, await deviceThatIs("lost", `lost ${host}`));
});

async function deviceThatIs(status: Status, name: string): Promise<TlsClient> {
  const credential = await test.issue(name);
  const device = await test.enrol(name, credential);
  const act = ACTS[status];
  if (act !== undefined) await test.act(device, act, act === "lost" ? { confirm: name } : {});
  return test.client(credential);
}

afterAll(() => test?.stop());

/** The whole answer but its date, as it would be on the host without sign-in. */
async function answerOn(host: string, sender: Sender, path: string, call: Call) {
  const client = clients.get(sender === "lost" ? `lost ${host}` : sender);
  if (client === undefined) throw new Error(`no client ${sender}`);
  const { status, rawHeaders, text } = await client.call(path, { ...call, host });
  const headers: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = "", value = ""] = rawHeaders.slice(at, at + 2);
    if (!/^(?:date|cf-ray)$/i.test(name)) headers.push(`${name}: ${value}`);
  }
  return { status, headers, text: text.replaceAll("-1.localhost", "-0.localhost").replaceAll(RAY, "") };
}

/** Cloudflare's number of each request, which the demo app shows. */
const RAY = /[0-9a-f]{16}-LCL/g;

const CIPHER = "/api/ciphers/0a7b5d4e-1111-4222-8333-444455556666";
const NAVIGATION: OutgoingHttpHeaders = {
  accept: "text/html,application/xhtml+xml",
  "sec-fetch-site": "none",
  "sec-fetch-mode": "navigate",
  "sec-fetch-dest": "document",
  "sec-fetch-user": "?1",
};

const REQUESTS: [string, string, Call][] = [
  ["curl", "/echo", { headers: { accept: "*/*", "user-agent": "curl/8.16.0" } }],
  ["Bitwarden's command line", "/api/sync", { headers: { "device-type": "8", authorization: "Bearer x" } }],
  ["Bitwarden's token call", "/identity/connect/token", { method: "POST", body: "grant_type=refresh_token" }],
  ["Bitwarden's call about one item", CIPHER, { headers: { "device-type": "0" } }],
  [
    "Bitwarden's browser extension",
    "/api/sync",
    { headers: { "sec-fetch-site": "none", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" } },
  ],
  ["a WebDAV client", "/remote.php/dav/", { method: "PROPFIND", headers: { depth: "1" } }],
  ["git", "/repo.git/info/refs?service=git-upload-pack", { headers: { "git-protocol": "version=2" } }],
  ["a script", "/api", { headers: { ...NAVIGATION, "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" } }],
  [
    "an image",
    "/x.png",
    { headers: { ...NAVIGATION, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" } },
  ],
  ["a frame", "/headers", { headers: { ...NAVIGATION, "sec-fetch-dest": "iframe" } }],
  ["a form", "/upload", { method: "POST", headers: NAVIGATION, body: "x=1" }],
  ["a page's headers", "/headers", { method: "HEAD", headers: NAVIGATION }],
  ["a browser of before 2020", "/headers", { headers: { accept: "text/html", "user-agent": "Mozilla/5.0" } }],
  ["a preflight", "/api", { method: "OPTIONS", headers: { origin: "https://x.example" } }],
  ["a forged cookie", "/api", { headers: { cookie: `__Host-latchkey-app=lkb_${"x".repeat(43)}` } }],
];

describe.each(NAMES)("where people may sign in to an app with the profile %s", (profile) => {
  it.each(REQUESTS)("%s gets the same answer, whoever sends it", async (_, path, call) => {
    for (const sender of SENDERS) {
      const [plain, signIn] = await Promise.all([
        answerOn(without(profile), sender, path, call),
        answerOn(withSignIn(profile), sender, path, call),
      ]);
      expect(signIn, sender).toEqual(plain);
    }
  });

  it("a person's browser gets the same status and more, without a certificate only", async () => {
    const call = { headers: NAVIGATION };
    for (const sender of SENDERS) {
      const plain = await answerOn(without(profile), sender, "/echo", call);
      const signIn = await answerOn(withSignIn(profile), sender, "/echo", call);
      if (sender !== "stranger") expect(signIn, sender).toEqual(plain);
      else {
        expect(signIn.status).toBe(plain.status);
        expect(plain.text).not.toContain("Sign in");
        expect(signIn.text).toContain("Sign in");
      }
    }
  });
});
