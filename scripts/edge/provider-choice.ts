// Which identity provider people sign in with on this machine, as the command line names it.
import * as v from "valibot";
import { SignInSchema } from "../../src/contract/sign-in-settings.ts";
import { misuse } from "../terminal/failure.ts";
import { printable } from "../terminal/text.ts";
import type { Vars } from "./worker-config.ts";

/** The local issuer, a real one (with the Worker's settings for it), or none: nobody signs in. */
export type ProviderChoice = "local" | "none" | { settings: RealSettings };

/** `SIGN_IN` as it was written: the Worker says itself what is wrong with the rest. */
export type RealSettings = Readonly<Record<string, unknown>> & { issuer: string; clientId: string };

export interface ProviderOptions {
  /** `--sign-in URL`; `false` for `--no-sign-in`. */
  signIn?: string | false;
  clientId?: string;
}

/** Reads the options, and `--var SIGN_IN={...}`, which has all settings. */
export function readProviderChoice({ signIn, clientId }: ProviderOptions, vars: Vars): ProviderChoice {
  const { SIGN_IN: written } = vars;
  if (written !== undefined && signIn !== undefined) {
    throw misuse(
      "--var SIGN_IN and --sign-in both name a provider",
      "give one, not both; --var SIGN_IN has all settings",
    );
  }
  if (clientId !== undefined && typeof signIn !== "string") {
    throw misuse("--client-id is for a provider of yours", "name it, as in --sign-in https://id.example.com");
  }
  if (signIn === false) return "none";
  if (signIn === undefined) {
    if (written === undefined) return "local";
    return { settings: read(written, "--var SIGN_IN", (path) => `SIGN_IN${path}`) };
  }
  if (clientId === undefined) {
    throw misuse("--sign-in needs the client's id", "add --client-id, with the id that the provider gave it");
  }
  const option = (path: string) => (path === ".clientId" ? "--client-id" : "--sign-in");
  return { settings: read({ issuer: signIn, clientId }, "--sign-in", option) };
}

function read(settings: unknown, where: string, name: (path: string) => string): RealSettings {
  const { success, issues, output } = v.safeParse(SignInSchema, settings);
  if (success) return { ...(settings as object), issuer: output.issuer, clientId: output.clientId };
  const [issue] = issues;
  const path = (issue.path ?? []).map(({ key }) => `.${String(key)}`).join("");
  throw misuse(
    `${where} cannot be used: ${name(path)} ${printable(issue.message)}`,
    where === "--sign-in"
      ? "such as --sign-in https://id.example.com --client-id latchkey"
      : `such as --var 'SIGN_IN={"issuer":"https://id.example.com","clientId":"latchkey"}'`,
  );
}
