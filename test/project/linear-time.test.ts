// No request costs much CPU: whatever reads input from outside takes time in proportion to its length.

import { safeParse } from "valibot";
import { describe, expect, it } from "vitest";
import { CreateTokenRequest, EditDeviceRequest, EnrolRequest } from "../../src/contract/requests.ts";
import { deviceNameKey, deviceNameProblem, isDeceptive, isDeviceName } from "../../src/domain/device.ts";
import { parseFingerprint } from "../../src/domain/fingerprint.ts";
import { escapedJson } from "../../src/domain/general/escaped-json.ts";
import { commonName, readCertificate } from "../../src/domain/request/certificate.ts";
import { clientName, clientPart, pathPrefix, withoutSecrets } from "../../src/domain/request/client-name.ts";
import { isCountry } from "../../src/domain/request/country.ts";
import { Hostnames, hostnameOf, isHostname } from "../../src/domain/request/hostname.ts";
import { parseOpenSslTime } from "../../src/domain/request/openssl-time.ts";
import {
  cookieValues,
  isOwnCookie,
  SESSION_COOKIE,
  withoutOwnCookies,
} from "../../src/domain/request/own-cookies.ts";
import {
  isPlainPath,
  isPublicPath,
  pathPatternProblem,
  pathRules,
} from "../../src/domain/request/path-rules.ts";
import { parseUserId } from "../../src/domain/user.ts";
import { answer, isTokenCall } from "../../src/gate/answers.ts";
import { html } from "../../src/pages/html/html.ts";
import { Visit } from "../../src/visit.ts";

/** Files that are written for the Worker's types, which this project of Node's has not. */
async function load(path: string): Promise<Record<string, (...input: unknown[]) => unknown>> {
  return (await import(/* @vite-ignore */ `../../src/${path}.ts`)) as Record<
    string,
    (...input: unknown[]) => unknown
  >;
}
/** A function of such a file. */
async function loaded(path: string, name: string): Promise<(...input: unknown[]) => unknown> {
  const found = (await load(path))[name];
  if (found === undefined) throw new Error(`no ${name} in ${path}`);
  return found;
}

const mayBeControlPath = await loaded("pages/routes", "mayBeControlPath");
const routeOf = await loaded("pages/routes", "routeOf");
const isReadablePage = await loaded("pages/routes", "isReadablePage");
const csvLine = await loaded("pages/history/activity-csv", "csvLine");
const field = await loaded("pages/html/forms", "field");
const readBody = await loaded("api/input", "readBody");
const { KeyedSecrets } = (await import("../../src/auth/keyed-secrets.ts" as string)) as {
  KeyedSecrets: new (...effects: unknown[]) => Record<"readCode" | "readToken", (text: string) => unknown>;
};
const secrets = new KeyedSecrets(
  async () => ({ key: "00".repeat(32), exempt: [] }),
  () => 0,
  () => undefined,
);
const readPem = await loaded("api/x509", "readPem");

const SHORT = 4 * 1024;
const LONG = 16 * 1024;
/** Linear is 4, quadratic 16. */
const MAX_RATIO = 8;
/** What takes less for the long text, in microseconds of CPU, is cheap whatever its ratio: quadratic is 7,000 or more. */
const CHEAP_US = 2_500;
/** A ratio is measured over so much CPU time at least, in microseconds: far above the clock's steps. */
const MEASURED_US = 2_000;
const TIMES_MAX = 20;
/** CPU time is measured, so that a busy machine changes no result; it may take its time. */
const TIMEOUT_MS = 90_000;

type Reader = (text: string) => unknown;

interface Subject {
  read: Reader;
  /** What a text must begin or end with to come far in this reader, and its own separators. */
  heads?: string[];
  units?: string[];
  tails?: string[];
  /** Its own units alone: each costs much, though in proportion. */
  isSlow?: true;
}

/** One of each class of characters, and what the formats that are read are made of. */
const UNITS = [
  ..."aAfZ09 \t\r\n\0/.%;=,:-_+&?#\\|()[]{}<>\"'@*~^$!`",
  ...["\r\n", "%2e", "%2f", "%20", "%c3%a9", "%00", "%ff", "//", "/a", "./", "../", "..", "a.", ".a", "a/"],
  ...[
    "; ",
    ", ",
    "a=",
    "a=b; ",
    "=;",
    "a,",
    "::",
    "a:",
    "é",
    "日",
    "😀",
    "\u00a0",
    "\u0085",
    "\u202e",
    "\ud800",
  ],
  ...["[{", '{"a":', "lkt_", "latchkey", "__Host-latchkey", "__Host-latchkey=;"],
];

const PATH_HEADS = ["/", "/api", "/api/ciphers", "/identity", "/identity/connect", "/identity/connect/token"];
const PATH_UNITS = [
  "%cc%81",
  "%e2%80%8b",
  "/api",
  "/api/",
  "/identity/connect/token",
  "/identity/",
  "/attachments",
  "/token/",
];
const path = (read: Reader): Subject => ({
  read,
  heads: PATH_HEADS,
  units: PATH_UNITS,
  tails: ["x", "/x", "\n"],
});
const CONTROL_HEADS = ["/.latchkey/", "/.latchkey/devices/", "/.latchkey/devices/a/", "/.latchkey/sessions/"];
const HOST = "https://app.example.com";

const visitTo = (url: string) =>
  new Visit({ url } as Request, "app.example.com", {}, { waitUntil: () => {} });
const rules = pathRules(["/share/*", "/a/b", "/x"]);

const SUBJECTS: Record<string, Subject> = {
  "the answer on bitwarden": path((pathname) =>
    answer("no-certificate", { name: "bitwarden" }, { method: "GET", pathname }),
  ),
  isTokenCall: path((pathname) => isTokenCall({ method: "POST", pathname })),
  isPlainPath: path(isPlainPath),
  isPublicPath: path((text) => isPublicPath(rules, HOST + text, text)),
  "isPublicPath of a raw URL": { read: (text) => isPublicPath(rules, text, "/x"), heads: ["https://", "h"] },
  pathPatternProblem: path(pathPatternProblem),
  "Visit.pathname": path((text) => visitTo(HOST + text).pathname),
  "Visit.url": path((text) => visitTo(HOST + text).url),
  mayBeControlPath: path((text) => mayBeControlPath(HOST + text)),
  routeOf: { ...path(routeOf), heads: CONTROL_HEADS },
  isReadablePage: { ...path(isReadablePage), heads: CONTROL_HEADS },
  "Hostnames.of": { read: (text) => new Hostnames().of(`https://${text}/`), tails: ["a", ".a"] },
  hostnameOf: {
    read: (text) => hostnameOf({ hostname: text } as URL),
    units: ["a-"],
    tails: ["a", ".", "a."],
  },
  isHostname: { read: isHostname, units: ["a-", "-"], tails: ["a", "-"] },
  readCertificate: {
    read: (text) =>
      readCertificate({
        ...{ certPresented: "1", certVerified: "SUCCESS", certRevoked: "0" },
        ...{ certFingerprintSHA256: "ab".repeat(32), certSerial: text, certSubjectDN: text },
        ...{ certNotBefore: "Dec 22 19:39:00 2018 GMT", certNotAfter: "Dec 22 19:39:00 2038 GMT" },
      }),
  },
  parseFingerprint: { read: parseFingerprint, units: ["aa:"] },
  parseOpenSslTime: { read: parseOpenSslTime, heads: ["Dec ", "Dec  1"], units: ["Dec 1 "] },
  isCountry: { read: isCountry },
  parseUserId: { read: parseUserId, units: ["a-"], tails: ["!"] },
  clientName: {
    read: clientName,
    units: ["Bitwarden", "nextcloud-", "Bitwarden ", "Home ", "Home", "Mac ", "com.x8bit"],
    tails: ["Electro", "("],
  },
  clientPart: { ...path(clientPart), units: ["-connector", "-connector.html", "-"] },
  pathPrefix: {
    ...path(pathPrefix),
    heads: ["/a/", "/"],
    units: ["a.a", "a.", "0a-", ".aa"],
    tails: ["-", "."],
  },
  withoutOwnCookies: { read: withoutOwnCookies, tails: ["__Host-latchkey"] },
  isOwnCookie: { read: isOwnCookie, tails: ["__Host-latchkey="] },
  withoutSecrets: {
    ...path(withoutSecrets),
    units: ["a1", "aB", "1a1", "Ab"],
    heads: ["/a", "/"],
    tails: ["!"],
  },
  escapedJson: { read: escapedJson, units: ["a", "\u0085"], isSlow: true },
  cookieValues: { read: (text) => cookieValues(text, SESSION_COOKIE), heads: ["__Host-latchkey="] },
  deviceNameProblem: { read: deviceNameProblem, tails: ["a"] },
  // Unicode's composition is quadratic in combining marks: nothing longer than a name comes to it.
  deviceNameKey: {
    read: (text) => deviceNameProblem(text) ?? deviceNameKey(text),
    units: ["\u0301", "e\u0301", "\u0323\u0301"],
    tails: ["a"],
  },
  isDeviceName: { read: (text) => isDeviceName(text, "phone"), units: ["\u0301", "\u0323\u0301"] },
  isDeceptive: { read: isDeceptive, tails: ["a"] },
  commonName: {
    read: commonName,
    heads: ["CN", "CN=", ","],
    units: ["CN", "CN ", ", ", "CN = ", ",CN"],
    tails: ["="],
  },
  readPem: {
    read: (text) => readPem(text, 0),
    heads: ["-----BEGIN "],
    units: ["-----BEGIN ", "-----BEGIN CERTIFICATE-----", "-----", "PRIVATE KEY"],
    tails: ["-----"],
  },
  readCode: { read: (text) => secrets.readCode(text), units: ["O", "I", "a-"] },
  readToken: { read: (text) => secrets.readToken(text), heads: ["lkt_"], units: ["O", "I", "a-"] },
  "JSON of the API": {
    read: (body) =>
      readBody(
        new Request("https://a", { method: "POST", body, headers: { "content-type": "application/json" } }),
        EnrolRequest,
        100_000,
      ),
    heads: ["["],
    units: ["[", '{"a":', '"a",', "[],"],
  },
  "the content type": {
    read: (text) => readBody({ headers: { get: () => text }, body: null }, EnrolRequest),
    heads: ["application/json"],
  },
  "the API's texts": {
    read: (text) => {
      safeParse(EnrolRequest, { name: text, fingerprint: text, note: text });
      safeParse(EditDeviceRequest, { note: text });
      safeParse(CreateTokenRequest, { name: text, user: text, scope: "read", expiresAt: text });
    },
    units: ["a", " ", "é", "😀", "\u0301", "\u202e", "\n"],
    isSlow: true,
  },
  "a form's field": { read: (text) => field(new URLSearchParams({ text }), "text"), tails: ["a"] },
  "a form": { read: (text) => field(new URLSearchParams(text), "text") },
  html: {
    read: (text) => String(html`<p title="${text}">${text}</p>`),
    units: ["<", "&", '"', "a"],
    isSlow: true,
  },
  csvLine: { read: (text) => csvLine([text]) },
};

/** Of the process, whose other threads have little to do here: that of a thread alone may count in steps of 4 ms. */
function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function timeOf(read: Reader, text: string, times: number): Promise<number> {
  const before = cpuUs();
  for (let n = 0; n < times; n++) {
    try {
      await read(text);
    } catch {
      // Refused: that took its time, too.
    }
  }
  return (cpuUs() - before) / times;
}

function textOf(head: string, unit: string, tail: string, length: number): string {
  const rest = length - head.length - tail.length;
  return head + unit.repeat(Math.ceil(rest / unit.length)).slice(0, rest) + tail;
}

/** The median of ratios between a long text's time and a short one's. */
async function ratioOf(read: Reader, short: string, long: string, rounds: number): Promise<number> {
  const once = await timeOf(read, short, 2);
  const times = Math.min(TIMES_MAX, Math.max(1, Math.ceil(MEASURED_US / Math.max(1, once))));
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const [of, to] = [await timeOf(read, long, Math.ceil(times / 4)), await timeOf(read, short, times)];
    ratios.push(of / to);
  }
  return ratios.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? Number.NaN;
}

/** A text on which a reader takes more than its share of time, with the ratio. */
async function slowTextFor({
  read,
  heads = [],
  units = [],
  tails = [],
  isSlow,
}: Subject): Promise<string | undefined> {
  for (const head of ["", ...heads]) {
    for (const tail of ["", "!", ...tails]) {
      for (const unit of isSlow ? units : [...UNITS, ...units]) {
        const long = textOf(head, unit, tail, LONG);
        // The better of two: the collector, or the compiler, may have run in the first.
        if ((await timeOf(read, long, 1)) < CHEAP_US || (await timeOf(read, long, 1)) < CHEAP_US) continue;
        const short = textOf(head, unit, tail, SHORT);
        let ratio = Number.POSITIVE_INFINITY;
        // Longer looks at what seemed slow in a short one.
        for (const rounds of [1, 5, 9]) {
          if (ratio > MAX_RATIO) ratio = await ratioOf(read, short, long, rounds);
        }
        if (ratio > MAX_RATIO) return `${JSON.stringify([head, unit, tail])}: ${ratio.toFixed(1)}`;
      }
    }
  }
  return undefined;
}

describe("a text of 16 KB takes no more than its share of time in", () => {
  it.each(Object.entries(SUBJECTS))(
    "%s",
    async (_, subject) => {
      expect(await slowTextFor(subject)).toBeUndefined();
    },
    TIMEOUT_MS,
  );
});

describe("the measurement finds what this guards against:", () => {
  it.each<[string, Reader, string]>([
    ["the answer's expression", (text) => /\/+(?:api\/+ciphers|attachments)\/+[^/]/i.test(text), "/"],
    ["the token call's", (text) => /\/+identity\/+connect\/+token\/*$/i.test(text), "/"],
    ["dots within a host", (text) => /\.+$/.test(`${text}a`), "."],
    ["a desktop's name", (text) => /Bitwarden.*Electron/i.test(text), "Bitwarden"],
  ])(
    "%s",
    async (_, read, unit) => {
      expect(await timeOf(read, textOf("", unit, "", LONG), 1)).toBeGreaterThan(CHEAP_US);
      // Shorter ones show the ratio as well, in a quarter of the time.
      const [short, long] = [textOf("", unit, "", SHORT / 2), textOf("", unit, "", LONG / 2)];
      expect(await ratioOf(read, short, long, 3)).toBeGreaterThan(MAX_RATIO);
    },
    TIMEOUT_MS,
  );
});
