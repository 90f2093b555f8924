// What a command asks people. Questions and answers use the standard error: the standard output stays clean.
import { isDeviceName } from "../../src/domain/device.ts";
import { failed, misuse } from "./failure.ts";
import { wrap } from "./table.ts";
import { excerpt, printable } from "./text.ts";

/** How many attempts there are at typing a name: in a hurry, one slip must not end the command. */
const NAME_TRIES = 3;

/** What is shown before a question whose answer is one of these names. */
export interface ByName {
  warning: readonly string[];
  names: readonly string[];
}

export interface Prompt {
  /** Somebody is there to answer. */
  readonly interactive: boolean;
  /** Resolves if the answer is yes; any other answer ends the command. */
  confirm(question: string): Promise<void>;
  /** Warns, and resolves if one of the names is typed, in any case. Asks up to three times. */
  confirmByName(question: string, { warning, names }: ByName): Promise<void>;
  password(question: string): Promise<string>;
  /** What is typed is shown. Only for when somebody is there to answer; so is the next. */
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
    async confirmByName(question, { warning, names }) {
      const { isCancel, text } = await import("@clack/prompts");
      const wanted = names.map(printable).join(" or ");
      const shown = warning.flatMap((line) =>
        wrap(printable(line), process.stderr.columns || Number.POSITIVE_INFINITY),
      );
      streams.output.write(`${shown.join("\n")}\n`);
      for (let left = NAME_TRIES; left > 0; left--) {
        const answer = await text({ message: printable(question), ...streams });
        if (isCancel(answer)) break;
        const typed = (answer ?? "").trim();
        // As the API compares names.
        if (names.some((name) => isDeviceName(typed, name))) return;
        streams.output.write(`latchkey: '${excerpt(typed)}' is not ${wanted}\n`);
      }
      throw failed("nothing was done", `type ${wanted}, or add --yes, to go ahead`);
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
