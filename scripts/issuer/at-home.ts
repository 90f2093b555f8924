// The issuer beside the local edge: two people, whose passwords it keeps in the edge's state folder.
import { randomBytes } from "node:crypto";
import { PATHS } from "../../src/contract/paths.ts";
import { askLocally } from "../edge/local-api.ts";
import type { SignIn, SignInDoor } from "../edge/sign-in.ts";
import { readIfThere, SECRET_MODE, writeWhole } from "../files.ts";
import { failed } from "../terminal/failure.ts";
import { type LocalIssuer, type LocalPerson, startIssuer } from "./issuer.ts";

/** The demo's people: alice is the owner; bob is nobody's user yet. */
export const PEOPLE = ["alice", "bob"] as const;
export type PersonName = (typeof PEOPLE)[number];

const CLIENT_ID = "latchkey";

export interface HomeIssuer extends SignIn, Omit<LocalIssuer, "close"> {
  /** In plain text: they protect nothing but a demo on this machine. */
  passwords: Readonly<Record<PersonName, string>>;
  stop(): Promise<void>;
}

interface Kept {
  /** The issuer's address is part of each identity: it must be the same on the next start. */
  port: number;
  clientSecret: string;
  passwords: Record<PersonName, string>;
}

/**
 * Starts the issuer for this door, with the port, the client secret and the passwords of the last time. Should another
 * program have taken the port meanwhile, it takes a free one: everybody is new to the gate then.
 */
export async function startHomeIssuer(door: SignInDoor): Promise<HomeIssuer> {
  const path = door.paths.issuer;
  const kept = (await readKept(path)) ?? {
    port: 0,
    clientSecret: randomBytes(32).toString("base64url"),
    passwords: { alice: newPassword(), bob: newPassword() },
  };
  const { clientSecret, passwords } = kept;
  const start = (port: number) =>
    startIssuer({
      port,
      people: PEOPLE.map((name) => person(name, passwords[name])),
      clientId: CLIENT_ID,
      clientSecret,
      redirectUris: [`${door.url}${PATHS.callback}`],
      backchannelLogoutUri: `${door.url}${PATHS.backchannelLogout}`,
      fetch: (url, options) => fetchFromEdge(door, url, options),
      onError: door.onError,
    });
  const running = await start(kept.port).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EADDRINUSE") throw error;
    return start(0);
  });
  const { close, ...shown } = running;
  const { issuer, port } = shown;
  await writeWhole(path, `${JSON.stringify({ about: ABOUT, ...kept, port }, null, 2)}\n`, SECRET_MODE);
  return {
    ...shown,
    passwords,
    origins: [issuer],
    vars: {
      SIGN_IN: {
        issuer,
        clientId: CLIENT_ID,
        label: "the local identity provider",
        owners: { alice: emailOf("alice") },
      },
      SIGN_IN_SECRET: clientSecret,
    },
    stop: close,
  };
}

const ABOUT = "The local identity provider: delete this file for new passwords.";

function person(name: PersonName, password: string): LocalPerson {
  const displayed = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  return { id: name, email: emailOf(name), isVerified: true, name: displayed, password };
}

function emailOf(name: PersonName): string {
  return `${name}@example.com`;
}

/** 64 bits, which are easy to type. */
function newPassword(): string {
  return randomBytes(8).toString("hex");
}

/** The edge's own authority signed its certificate, and `*.localhost` does not resolve everywhere. */
export async function fetchFromEdge(
  door: SignInDoor,
  address: string,
  options: RequestInit,
): Promise<Response> {
  const { hostname, port, pathname, search } = new URL(address);
  const answer = await askLocally({
    ...{ host: hostname, port, ca: door.ca, method: options.method ?? "GET", path: `${pathname}${search}` },
    headers: Object.fromEntries(new Headers(options.headers)),
    body: options.body == null ? undefined : String(options.body),
    ...(options.signal == null ? {} : { signal: options.signal }),
  });
  return new Response(answer.status === 204 ? null : answer.text, { status: answer.status });
}

async function readKept(path: string): Promise<Kept | undefined> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  try {
    const { port, clientSecret, passwords } = JSON.parse(text) as Kept;
    const texts = [clientSecret, ...PEOPLE.map((name) => passwords[name])];
    if (!Number.isInteger(port) || texts.some((each) => typeof each !== "string" || each === "")) {
      throw new Error("incomplete");
    }
    return { port, clientSecret, passwords };
  } catch {
    throw failed(
      `${path} is not the state of the local identity provider`,
      "delete it: the next start makes new passwords",
    );
  }
}
