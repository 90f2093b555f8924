// A real identity provider, for the local edge: whether it is there, and where the Worker reaches it.

import type { RealSettings } from "../edge/provider-choice.ts";
import type { SignIn } from "../edge/sign-in.ts";
import { errorCode, type Failure, failed } from "../terminal/failure.ts";
import type { Prompt } from "../terminal/prompt.ts";
import { printable } from "../terminal/text.ts";

const DISCOVERY_PATH = "/.well-known/openid-configuration";

/** How long a provider may take to describe itself, in milliseconds. */
const PATIENCE_MS = 10_000;

/** The endpoints of the discovery document that the Worker calls. Browsers go to the others. */
const CALLED = ["token_endpoint", "jwks_uri", "userinfo_endpoint"];

/**
 * The client's secret: from the environment, or asked for if somebody is there. `null`: there is none, and PKCE only
 * protects the exchange.
 */
export async function readClientSecret(
  environment: NodeJS.ProcessEnv,
  prompt: Prompt,
): Promise<string | null> {
  const { SIGN_IN_SECRET: given = "" } = environment;
  if (given !== "" || !prompt.interactive) return given === "" ? null : given;
  // An empty answer is none at all to the library.
  return (await prompt.secret("The client's secret (leave it empty if there is none)")) || null;
}

/** Asks the provider where its endpoints are. Throws a `Failure` if it cannot be used. */
export async function findProvider(settings: RealSettings, secret: string | null): Promise<SignIn> {
  const { issuer } = settings;
  const described = await discover(issuer);
  if (described.issuer !== issuer) {
    throw failed(
      `the provider calls itself ${printable(String(described.issuer))}, not ${issuer}`,
      "give the issuer exactly as the provider writes it, with or without a slash at the end",
    );
  }
  const addresses = [issuer, ...CALLED.map((name) => described[name])];
  const origins = addresses.flatMap((each) =>
    typeof each === "string" ? (URL.parse(each)?.origin ?? []) : [],
  );
  return {
    vars: { SIGN_IN: settings, ...(secret === null ? {} : { SIGN_IN_SECRET: secret }) },
    origins: [...new Set(origins)],
  };
}

async function discover(issuer: string): Promise<Record<string, unknown>> {
  const address = `${issuer.replace(/\/$/, "")}${DISCOVERY_PATH}`;
  let answer: Response;
  try {
    answer = await fetch(address, { signal: AbortSignal.timeout(PATIENCE_MS), redirect: "manual" });
  } catch (error) {
    throw unusable(address, errorCode(error) ?? "no answer");
  }
  if (answer.status !== 200) throw unusable(address, `status ${answer.status}`);
  const described: unknown = await answer.json().catch(() => undefined);
  if (typeof described !== "object" || described === null) throw unusable(address, "not JSON");
  return described as Record<string, unknown>;
}

function unusable(address: string, why: string): Failure {
  return failed(
    `the identity provider does not describe itself at ${address} (${why})`,
    "check the address of --sign-in, and that the provider runs; without one, leave --sign-in out",
  );
}
