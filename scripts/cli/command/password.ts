import type { Command } from "commander";
import type { PasswordSource } from "../../certificates/certificate-file.ts";
import type { Prompt } from "../../terminal/prompt.ts";

export interface PasswordOptions {
  password?: string;
}

export const PASSWORD_HELP = `The password of a PKCS#12 file is asked for if it has one. Programs set
LATCHKEY_P12_PASSWORD: other users of this machine can see --password.`;

export function addPasswordOption(command: Command): Command {
  return command.option("--password <password>", "the password of a PKCS#12 file");
}

export function passwordSource(
  options: PasswordOptions,
  prompt: Prompt,
  environment: NodeJS.ProcessEnv,
): PasswordSource {
  return {
    given: options.password ?? environment.LATCHKEY_P12_PASSWORD,
    ask: () => prompt.password("Password of the PKCS#12 file"),
  };
}
