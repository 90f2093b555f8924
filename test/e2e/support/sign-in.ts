// Signing in with an identity provider: an edge with its issuer, and what a person does in their browser.
import type { BrowserContext, Page } from "playwright-core";
import type { EdgeOptions } from "../../../scripts/edge/edge.ts";
import type { SignIn, SignInDoor } from "../../../scripts/edge/sign-in.ts";
import { fetchFromEdge } from "../../../scripts/issuer/at-home.ts";
import { type LocalIssuer, type LocalPerson, startIssuer } from "../../../scripts/issuer/issuer.ts";
import type { Device } from "../../../src/contract/answers.ts";
import { PATHS } from "../../../src/contract/paths.ts";
import { TestEdge } from "./edge.ts";
import { choose, press } from "./pages.ts";

/** Everybody's at the issuer. */
const PASSWORD = "correct horse battery staple";

/** Owners by the configuration. The issuer knows `bob` too, but he is nobody's user. */
const OWNERS = ["alice", "carol"] as const;
const PEOPLE = [...OWNERS, "bob"] as const;
export type Name = (typeof PEOPLE)[number];

const CLIENT = { clientId: "latchkey", clientSecret: "a secret of tests, which protects nothing" };

/** `SIGN_IN` for tests in which people may sign in, and nobody does: there is no such provider. */
export const UNUSED_PROVIDER = { issuer: "https://id.example.com", clientId: CLIENT.clientId };

/** The Worker's settings for an issuer at this address. */
function settingsFor(issuer: string): Pick<SignIn, "vars" | "origins"> {
  const owners = Object.fromEntries(OWNERS.map((name) => [name, emailOf(name)]));
  return {
    origins: [issuer],
    vars: {
      SIGN_IN: { issuer, clientId: CLIENT.clientId, label: "the test provider", owners },
      SIGN_IN_SECRET: CLIENT.clientSecret,
    },
  };
}

export interface SignInEdge {
  test: TestEdge;
  issuer: LocalIssuer;
  /** What the Worker logged. */
  log: Record<string, unknown>[];
}

/** An edge whose apps people can sign in to. `test.stop()` stops the issuer as well. */
export async function startSignInEdge(options: Partial<EdgeOptions>): Promise<SignInEdge> {
  const started = Promise.withResolvers<LocalIssuer>();
  const log: Record<string, unknown>[] = [];
  const test = await TestEdge.start({
    ...options,
    onWorkerLog: ({ message }) => log.push(JSON.parse(message) as Record<string, unknown>),
    startSignIn: async (door) => {
      const issuer = await startIssuer({
        ...CLIENT,
        people: PEOPLE.map(person),
        redirectUris: [`${door.url}${PATHS.callback}`],
        backchannelLogoutUri: `${door.url}${PATHS.backchannelLogout}`,
        fetch: (url, asked) => fetchFromEdge(door, url, asked),
      });
      started.resolve(issuer);
      return { ...settingsFor(issuer.issuer), stop: issuer.close };
    },
  });
  return { test, log, issuer: await started.promise };
}

/** For an edge whose issuer is down: the Worker knows it, and nobody answers there. */
export function withoutAnswer({ issuer }: LocalIssuer): (door: SignInDoor) => Promise<SignIn> {
  return async () => settingsFor(issuer);
}

function person(name: Name): LocalPerson {
  return {
    id: name,
    email: emailOf(name),
    isVerified: true,
    name: `${name} at the provider`,
    password: PASSWORD,
  };
}

function emailOf(name: Name): string {
  return `${name}@example.com`;
}

/** Fills in the issuer's form, which is open. */
export async function authenticate(page: Page, name: Name): Promise<void> {
  await page.getByLabel("Name or email address").fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await press(page, "Sign in");
}

/** Takes the offer that is open as far as the page that leads back to the app, for a browser new to the issuer. */
export async function takeOffer(page: Page, name: Name): Promise<void> {
  await choose(page, "Sign in");
  await authenticate(page, name);
}

/** Opens this address of an app, and signs in on the way. */
export async function signInTo(page: Page, address: string, name: Name): Promise<void> {
  await page.goto(address);
  await takeOffer(page, name);
  await press(page, `Open ${new URL(address).hostname}`);
}

/** A user's devices that are browsers. */
export async function browsersOf(test: TestEdge, user: string): Promise<Device[]> {
  const { devices } = (await test.api("GET", `/users/${user}/devices`)) as { devices: Device[] };
  return devices.filter(({ kind }) => kind === "browser");
}

/** The device that a sign-in makes of a browser. */
export async function newDevice(test: TestEdge, user: Name, signIn: () => Promise<void>): Promise<Device> {
  const before = (await browsersOf(test, user)).map(({ id }) => id);
  await signIn();
  const device = (await browsersOf(test, user)).find(({ id }) => !before.includes(id));
  if (device === undefined) throw new Error(`${user} has no new browser`);
  return device;
}

/** What an app's host answers when this browser opens the address: a status. */
export async function statusOf(page: Page, address: string): Promise<number | undefined> {
  return (await page.goto(address))?.status();
}

/** The names of the cookies that a browser has for this address. */
export async function cookieNames(context: BrowserContext, address: string): Promise<string[]> {
  return (await context.cookies(address)).map(({ name }) => name).sort();
}
