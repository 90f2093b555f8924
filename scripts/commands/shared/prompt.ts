import { deviceNameKey } from "../../../src/registry/device.ts";
import { failed, misuse } from "./failure.ts";
import { printable } from "./text.ts";

/** What a command asks people. Questions and answers use the standard error: the output stays clean. */
export interface Prompt {
  /** Somebody is there to answer. */
  readonly interactive: boolean;
  /** Resolves when the answer is yes; every other answer ends the command. */
  confirm(question: string): Promise<void>;
  /** Warns, and resolves when this device's name is typed; everything else ends the command. */
  confirmByName(warning: readonly string[], question: string, name: string): Promise<void>;
  password(question: string): Promise<string>;
  /** What is typed is shown. Only where somebody is there to answer; so is the next. */
  text(question: string): Promise<string>;
  /** What is typed is not shown. */
  secret(question: string): Promise<string>;
}

export function createPrompt(): Prompt {
  const interactive = process.stdin.isTTY === true && process.stderr.isTTY === true;
  const streams = { input: process.stdin, output: process.stderr };
  async function secret(question: string, hint: string): Promise<string> {
    const { isCancel, password } = await import("@clack/prompts");
    const answer = await password({ message: question, ...streams });
    if (isCancel(answer)) throw failed("nothing was done", hint);
    return answer;
  }
  return {
    interactive,
    async confirm(question) {
      const { confirm, isCancel } = await import("@clack/prompts");
      const answer = await confirm({ message: printable(question), initialValue: false, ...streams });
      if (isCancel(answer) || !answer)
        throw failed("nothing was done", "answer yes, or add --yes, to go ahead");
    },
    async confirmByName(warning, question, name) {
      const { isCancel, text } = await import("@clack/prompts");
      streams.output.write(`${warning.map(printable).join("\n")}\n`);
      const answer = await text({ message: printable(question), ...streams });
      // As the API compares names.
      if (isCancel(answer) || deviceNameKey(answer?.trim() ?? "") !== deviceNameKey(name)) {
        throw failed("nothing was done", `type ${printable(name)}, or add --yes, to go ahead`);
      }
    },
    async password(question) {
      if (!interactive) {
        throw misuse("the password of the file is missing", "set LATCHKEY_P12_PASSWORD or give --password");
      }
      return secret(question, "give the password to go ahead");
    },
    async text(question) {
      const { isCancel, text } = await import("@clack/prompts");
      const answer = await text({ message: question, ...streams });
      if (isCancel(answer)) throw failed("nothing was done", "answer it to go ahead");
      return answer ?? "";
    },
    secret: (question) => secret(question, "give it to go ahead"),
  };
}
