// Runs in workerd: a day of strangers on a virtual clock, at the real Worker's entry. Each environment stands for one
// isolate's memory; all share the real Durable Objects, whose calls are counted.
import {
  API_PATH,
  ENROL_PATH,
  ENTER_PATH,
  LEAVE_PATH,
  PATHS,
  WHOAMI_PATH,
} from "../../../src/contract/paths.ts";
import { BROWSER_COOKIE, DOOR_COOKIE, SESSION_COOKIE } from "../../../src/domain/request/own-cookies.ts";
import type { RegistryBindings } from "../../../src/registry/client/objects.ts";
import { seeded } from "../budget/random.ts";
import {
  type Cost,
  STRANGER_KINDS,
  STRANGERS_MIX,
  type StrangerKind,
  type StrangersOptions,
  type StrangersResult,
} from "../budget/strangers.ts";
import { callback, codeOf, goToIssuer, NAVIGATION, signIn as signInBrowser } from "../sign-in.ts";
import { counting } from "./counted-objects.ts";
import { issuerAnswer } from "./issuer.ts";
import {
  ADMIN_HOST,
  ADMIN_TOKEN,
  APP,
  DELAY_SECONDS,
  form,
  Isolate,
  type Sent,
} from "./simulated-isolate.ts";
import { takeTally } from "./tally.ts";

export { Directory, UserRegistry } from "./counted-objects.ts";

const START = Date.UTC(2026, 10, 24);
const HOUR_MS = 3_600_000;

/** Whom the issuer knows as a user's, and everybody else whom it signs in. */
const ALICE = { subject: "alice", email: "alice@example.com" };
const nobody = (n: number) => ({ subject: `nobody-${n}`, email: `nobody-${n}@example.org` });

/** The devices of the household, and a certificate that nobody enrolled. */
const [PHONE, TABLET, UNKNOWN] = ["a".repeat(64), "b".repeat(64), "c".repeat(64)];

let clock = START;
let logLines = 0;

export default {
  async fetch(request: Request, env: RegistryBindings): Promise<Response> {
    if (request.method !== "POST") return new Response("ready");
    // The objects and the Worker are in this isolate, so that one clock serves all of them.
    Date.now = () => clock;
    console.log = () => {
      logLines += 1;
    };
    globalThis.fetch = async (...asked) =>
      (await issuerAnswer(new Request(...asked))) ?? new Response("the app");
    return Response.json(await liveOneDay(env, await request.json<StrangersOptions>()));
  },
};

async function liveOneDay(env: RegistryBindings, options: StrangersOptions): Promise<StrangersResult> {
  const calls = { count: 0 };
  const bindings = counting(env, calls);
  const isolates = Array.from({ length: options.isolates }, () => new Isolate(bindings));
  const household = await makeHousehold(new Isolate(bindings));
  takeTally();
  calls.count = 0;
  await signInBrowser(household.isolate.browse, APP, ALICE);
  const signIn = { objectRequests: calls.count, ...takeTally() };
  const isolateOf = (index: number) => isolates[index % isolates.length] ?? household.isolate;
  calls.count = 0;
  logLines = 0;

  const kinds = Object.fromEntries(STRANGER_KINDS.map((kind) => [kind, none()])) as Record<
    StrangerKind,
    Cost
  >;
  const random = seeded(options.seed);
  const whole = (below: number) => Math.floor(random() * below);
  for (let n = 0; n < options.requests; n++) {
    clock = START + Math.floor((n / options.requests) * options.hours * HOUR_MS);
    const kind = kindOf(whole(1000));
    const cost = kinds[kind];
    const { host, path, certificate, ...init } = await household.requests[kind](n);
    const before = calls.count;
    const address = `2001:db8:0:${whole(options.networks).toString(16)}::1`;
    await isolateOf(whole(options.isolates)).send(host, path, { ...init, address }, certificate);
    const { read, written } = takeTally();
    cost.requests += 1;
    cost.objectRequests += calls.count - before;
    cost.read += read;
    cost.written += written;
  }
  const sum = (of: keyof Cost) => Object.values(kinds).reduce((total, cost) => total + cost[of], 0);
  return {
    ...{ requests: sum("requests"), objectRequests: sum("objectRequests") },
    ...{ read: sum("read"), written: sum("written"), kinds, logLines, signIn },
    people: await tryAsPeople(household, isolates),
  };
}

const none = (): Cost => ({ requests: 0, objectRequests: 0, read: 0, written: 0 });

/** Which kind the n-th of a thousand requests is. */
function kindOf(n: number): StrangerKind {
  let below = 0;
  for (const kind of STRANGER_KINDS) {
    below += STRANGERS_MIX[kind];
    if (n < below) return kind;
  }
  throw new Error("the shares are not a thousand");
}

type Asked = Sent & { host: string; path: string; certificate?: string };

/** Two devices and their user's token, and ended credentials that a stranger may have found. */
async function makeHousehold(isolate: Isolate) {
  await isolate.api("PUT", "/users/alice", {});
  const phone = await isolate.api<{ id: string }>("POST", "/users/alice/devices", {
    ...{ name: "Phone", fingerprint: PHONE },
  });
  const newToken = (name: string) =>
    isolate.api<{ id: string; token: string }>("POST", "/tokens", { user: "alice", name, scope: "devices" });
  const [own, revoked] = [await newToken("own"), await newToken("revoked")];
  const signedIn = await isolate.send(ADMIN_HOST, PATHS.signIn, form(ADMIN_HOST, { token: revoked.token }));
  const endedCookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
  await isolate.api("DELETE", `/tokens/${revoked.id}`);
  const { code } = await isolate.api<{ code: string }>("POST", "/users/alice/invitations", {});
  await isolate.api("POST", "/users/alice/devices", { name: "Tablet", fingerprint: TABLET });
  const path = "/users/alice/invitations";
  const { invitations } = await isolate.api<{ invitations: { id: string }[] }>("GET", path);
  for (const { id } of invitations) await isolate.api("DELETE", `${path}/${id}`);
  const gone = await isolate.api<{ token: string; device: { id: string } }>(
    "POST",
    "/users/alice/device-tokens",
    {
      ...{ name: "TV", kind: "token", apps: [APP] },
    },
  );
  await isolate.api("POST", `/users/alice/devices/${gone.device.id}/revoke`);
  await isolate.api("DELETE", `/users/alice/devices/${gone.device.id}`);
  const browse = isolate.browse;
  const browser = await signInBrowser(browse, APP, ALICE);
  const leftBrowser = await signInBrowser(browse, APP, ALICE);
  const leave = form(APP, {});
  await isolate.send(APP, LEAVE_PATH, { ...leave, headers: { ...leave.headers, Cookie: leftBrowser } });
  if (endedCookie === "") throw new Error("nobody was signed in");

  const forged = (n: number, characters: number) => n.toString(36).padEnd(characters, "A");
  const jwt = (n: number) =>
    [`{"alg":"ES256","kid":"${n}"}`, "{}", forged(n, 64)].map(btoa).join(".").replaceAll("=", "");
  const wrong = (n: number) => String(n).padStart(26, "0");
  const onAdmin = { host: ADMIN_HOST };
  const signIn = (token: string) => ({ ...onAdmin, path: PATHS.signIn, ...form(ADMIN_HOST, { token }) });
  const askMe = (token: string) => ({
    ...{ ...onAdmin, path: `${API_PATH}/me`, headers: { Authorization: `Bearer ${token}` } },
  });
  const devicesPage = (Cookie: string) => ({ ...onAdmin, path: PATHS.devices, headers: { Cookie } });
  const enrol = (of: string) => ({ path: ENROL_PATH, ...form(APP, { name: "Mine", code: of }) });
  const token = (secret: string) => ({ "X-Latchkey-Token": secret });
  const onApp = { host: APP };
  const page = (Cookie?: string) => ({
    ...{ ...onApp, path: "/", headers: { ...NAVIGATION, ...(Cookie === undefined ? {} : { Cookie }) } },
  });
  /** With a sign-in that is under way: anybody may begin one. */
  const back = async (code: (nonce: string) => string) => {
    const begun = await goToIssuer(browse, APP);
    const { url, headers } = callback(begun, code(begun.nonce));
    return { ...onAdmin, path: url.pathname + url.search, headers };
  };
  const shown = { ...onApp, certificate: UNKNOWN };
  /** The n-th request of the day, by its kind. */
  const requests: Record<StrangerKind, (n: number) => Asked | Promise<Asked>> = {
    "sign-in, a guess": (n) => signIn(`hunter${n}`),
    "sign-in, a forged token": (n) => signIn(`lkt_${forged(n, 51)}`),
    "API, a forged token": (n) => askMe(`lkt_${forged(n, 51)}`),
    "API, a revoked token": () => askMe(revoked.token),
    "pages, a forged cookie": (n) => devicesPage(`${SESSION_COOKIE}=${forged(n, 43)}.admin.${forged(n, 43)}`),
    "pages, the cookie of an ended session": () => devicesPage(endedCookie),
    "enrolment, a wrong code without a certificate": (n) => ({ ...onApp, ...enrol(wrong(n)) }),
    "enrolment, a wrong code with a verified certificate": (n) => ({ ...shown, ...enrol(wrong(n)) }),
    "enrolment, a withdrawn code with a verified certificate": () => ({ ...shown, ...enrol(code) }),
    "enrolment page without a certificate": () => ({ ...onApp, path: ENROL_PATH }),
    "enrolment page with a verified certificate": () => ({ ...shown, path: ENROL_PATH }),
    "whoami without a certificate": () => ({ ...onApp, path: WHOAMI_PATH }),
    "whoami with a verified certificate": () => ({ ...shown, path: WHOAMI_PATH }),
    "unknown paths of ours": (n) => ({ host: n % 2 === 0 ? APP : ADMIN_HOST, path: `/.latchkey/${n}` }),
    "an app without a certificate": (n) => ({ ...onApp, path: `/api/${n}` }),
    "an app, a forged device token": (n) => ({ ...onApp, path: "/", headers: token(`lkd_${forged(n, 51)}`) }),
    "an app, a forged feed URL": (n) => ({ ...onApp, path: `/feed?latchkey=lkf_${forged(n, 51)}` }),
    "an app, the token of a forgotten device": () => ({ ...onApp, path: "/", headers: token(gone.token) }),
    "an app's page, a navigation": () => page(),
    "an app's page, a forged browser": (n) => page(`${BROWSER_COOKIE}=lkb_${forged(n, 65)}`),
    "an app's page, a browser that was signed out": () => page(leftBrowser),
    "provider, a sign-in begun": () => ({ ...onAdmin, path: `${PATHS.signIn}?next=${PATHS.devices}` }),
    "provider, a callback without a sign-in": (n) => ({
      ...{ ...onAdmin, path: `${PATHS.callback}?code=${n}&state=${n}` },
      headers: { Cookie: `${DOOR_COOKIE}=${forged(n, 800)}` },
    }),
    "provider, a forged code": (n) => back(() => forged(n, 40)),
    "provider, a person who is nobody here": (n) => back((nonce) => codeOf({ nonce, ...nobody(n) })),
    "provider, a forged ticket": (n) => ({
      ...{ ...onApp, path: ENTER_PATH, ...form(ADMIN_HOST, { ticket: forged(n, 800) }) },
    }),
    "provider, a forged logout": (n) => ({
      ...{ ...onAdmin, path: PATHS.backchannelLogout, ...form(ADMIN_HOST, { logout_token: jwt(n) }) },
    }),
  };
  return { isolate, phone, token: own.token, browser, requests };
}

/** What people can still do at the end of the day, at every isolate. */
async function tryAsPeople(
  { phone, token, browser }: Awaited<ReturnType<typeof makeHousehold>>,
  isolates: readonly Isolate[],
): Promise<Record<string, boolean>> {
  const everywhere = async (work: (isolate: Isolate, index: number) => Promise<boolean>) =>
    (await Promise.all(isolates.map(work))).every((could) => could);
  const open = async (isolate: Isolate, of: string | undefined, status: number) =>
    (await isolate.send(APP, "/", {}, of)).status === status;
  const signIn = async (isolate: Isolate, of: string) =>
    (await isolate.send(ADMIN_HOST, PATHS.signIn, form(ADMIN_HOST, { token: of }))).status === 303;
  const headers = { Authorization: `Bearer ${token}` };

  const people: Record<string, boolean> = {
    "an enrolled device is let in": await everywhere((isolate) => open(isolate, PHONE, 200)),
    "a signed-in browser is let in": await everywhere(
      async (isolate) => (await isolate.send(APP, "/", { headers: { Cookie: browser } })).status === 200,
    ),
    "a person signs in with the provider": await everywhere(
      async (isolate) => (await signInBrowser(isolate.browse, APP, ALICE)) !== "",
    ),
    "the ADMIN_TOKEN signs in": await everywhere((isolate) => signIn(isolate, ADMIN_TOKEN)),
    "a user's token signs in": await everywhere((isolate) => signIn(isolate, token)),
  };
  const revoke = `${API_PATH}/users/alice/devices/${phone.id}/revoke`;
  people["a user's token revokes a lost phone"] = await everywhere(
    async (isolate) => (await isolate.send(ADMIN_HOST, revoke, { method: "POST", headers })).status === 200,
  );
  clock += DELAY_SECONDS * 1000 + 1;
  people["the revoked phone is shut out"] = await everywhere((isolate) => open(isolate, PHONE, 404));
  people["another device is let in"] = await everywhere((isolate) => open(isolate, TABLET, 200));
  return people;
}
