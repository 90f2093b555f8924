// How a command is written: commander's own methods, then the ones here. To add a command, write it in the file of its
// noun and name it in program.ts; help, completion and the hints for misuse follow from that.
import { Command } from "commander";
import { type GlobalOptions, openSession, type Session } from "./session.ts";

/** A command adds itself to the program. */
export type AddCommand = (program: LatchkeyCommand) => void;

export class LatchkeyCommand extends Command {
  override createCommand(name?: string): LatchkeyCommand {
    return new LatchkeyCommand(name);
  }

  /** The argument that names a device; `findDevice` reads it. */
  device(name = "pixel-9"): this {
    return this.argument("<device>", `USER/NAME, such as alice/${name}, or the device's id`);
  }

  /** Options that several commands share. */
  with(addOptions: (command: Command) => Command): this {
    addOptions(this);
    return this;
  }

  /** The end of the help: what else there is to know, then examples. */
  notes(text: string): this {
    return this.addHelpText("after", text);
  }

  /** What the command does, with its arguments and its options as they were written. */
  run<Words extends unknown[]>(act: (session: Session, ...words: Words) => unknown): this {
    return this.action(async (...words) => {
      await act(openSession(this.optsWithGlobals<GlobalOptions>()), ...(words as unknown as Words));
    });
  }

  /**
   * A noun without a subcommand lists; `list` and `ls`, which other programs have, do the same. The noun's options
   * count for both: the parser reads them wherever they stand.
   */
  lists<Options extends object>(
    list: (session: Session, word: string | undefined, options: Options) => Promise<void>,
  ): this {
    const verb = this.command("list")
      .alias("ls")
      .summary("the same as without a subcommand")
      .description(`The same as latchkey ${this.name()} without a subcommand.`);
    for (const argument of this.registeredArguments) verb.addArgument(argument);
    verb.run((session) => list(session, verb.args[0], this.opts<Options>()));
    return this.run((session) => list(session, this.args[0], this.opts<Options>()));
  }
}
