// The whole command line: every command, the general help, and how one line is run.
import { type Argument, type Command, CommanderError, Option } from "commander";
import { DEFAULT_TIMEOUT_SECONDS } from "../client/connection.ts";
import { VERSION } from "../package.ts";
import { LATCHKEY } from "../terminal/called-as.ts";
import { misuse, report } from "../terminal/failure.ts";
import { misuseFromCommander, subcommandNamed, unknownCommand } from "../terminal/misuse.ts";
import { addAudit } from "./audit.ts";
import { addBackup } from "./backup.ts";
import { addBlock } from "./block/block.ts";
import { addBlocked, addUnblock } from "./block/unblock.ts";
import { addEnrol, addFingerprint } from "./certificates/enrol.ts";
import { addIssue } from "./certificates/issue.ts";
import { addRetire } from "./certificates/retire.ts";
import { addRotate } from "./certificates/rotate.ts";
import { type AddCommand, LatchkeyCommand } from "./command/command.ts";
import { addCompletion, addNames } from "./completion.ts";
import { addInvitations } from "./credentials/invitations.ts";
import { addInvite } from "./credentials/invite.ts";
import { addLogin, addLogout, addMe } from "./credentials/login.ts";
import { addSessions } from "./credentials/sessions.ts";
import { addToken } from "./credentials/tokens.ts";
import { addDeviceToken } from "./device-tokens/device-token.ts";
import { addFeed } from "./device-tokens/feed.ts";
import { addDevices, addForget, addNote, addRename, addShow } from "./devices/devices.ts";
import { addLimit } from "./devices/limit.ts";
import { addRevoke } from "./devices/revoke.ts";
import { addApprove, addLost, addReinstate, addSuspend } from "./devices/status.ts";
import { addDismiss, addUnknown } from "./devices/unknown.ts";
import { addInit } from "./init.ts";
import { addRestore } from "./restore.ts";
import { addStart } from "./start.ts";
import { addStatus } from "./status.ts";
import { addUsers } from "./users.ts";
import { addWatch } from "./watch/watch.ts";
import { addDeploy } from "./zone/deploy.ts";
import { addDoctor } from "./zone/doctor.ts";
import { addProve } from "./zone/prove.ts";
import { addRemove } from "./zone/remove.ts";
import { addSetup } from "./zone/setup.ts";
import { addUpgrade } from "./zone/upgrade.ts";

const USAGE = `
Devices are named USER/NAME, such as alice/pixel-9, or by id. Unknown
certificates are named by their fingerprint, or by its first 8 digits or more.
Every list also answers to 'list' and 'ls': latchkey users list.

Environment:
  LATCHKEY_URL           the gate's address: https://latchkey.example.com
  LATCHKEY_TOKEN         the Worker's ADMIN_TOKEN, or a token of your own
  LATCHKEY_TOKEN_FILE    or a file that contains it
  LATCHKEY_CA            an authority's certificate (PEM), for your own server
  LATCHKEY_P12_PASSWORD  the password of a PKCS#12 file
  CLOUDFLARE_API_TOKEN   a token for Cloudflare's API: setup, doctor, issue,
                         rotate, block, status, --at-cloudflare
  NO_COLOR               no colours; outside a terminal there are never any

An option wins over its variable, and a variable over what login stored.
The stored token is sent only to the address it was stored with.

Errors are text on the standard error, even with --json. Exit codes:
  0  done
  1  refused by the server, or failed
  2  called in a way that cannot work; nothing was done
  3  revoke --at-cloudflare: done at Cloudflare, but not in the registry; run
     it again

Examples:
  latchkey login --url https://latchkey.example.com
  latchkey status
  latchkey users add alice
  latchkey issue alice pixel-9
  latchkey enrol alice laptop --certificate laptop.pem
  latchkey invite alice
  latchkey devices alice
  latchkey revoke alice/pixel-9`;

const addHelp: AddCommand = (program) => {
  program
    .command("help")
    .summary("print this help, or that of a command")
    .description("Print the help, or that of a command, as --help does.")
    .argument("[command...]", "such as devices, or token create")
    .action((words: string[]) => {
      let command: Command = program;
      for (const word of words) {
        const found = subcommandNamed(command, word);
        if (found === undefined) throw unknownCommand(command, word);
        command = found;
      }
      command.outputHelp();
    });
};

const addVersion: AddCommand = (program) => {
  program
    .command("version")
    .summary("print the version")
    .description("Print the version, as --version does.")
    .action(() => {
      process.stdout.write(`${program.version()}\n`);
    });
};

/** The commands, in the order in which the help lists them. */
const COMMANDS: Record<string, readonly AddCommand[]> = {
  "Overview:": [addStatus],
  "Devices:": [
    addDevices,
    addIssue,
    addEnrol,
    addDeviceToken,
    addFeed,
    addShow,
    addRename,
    addNote,
    addLimit,
    addRotate,
    addRetire,
    addSuspend,
    addReinstate,
    addLost,
    addRevoke,
    addForget,
  ],
  "Without the registry:": [addBlock, addUnblock, addBlocked],
  "Waiting for you:": [addUnknown, addApprove, addDismiss],
  "Credentials:": [addInvite, addInvitations, addToken, addSessions, addLogin, addLogout, addMe],
  "Users and history:": [addUsers, addAudit, addWatch, addBackup, addRestore],
  "Your Cloudflare zone:": [addSetup, addDeploy, addUpgrade, addDoctor, addProve, addRemove],
  "On this machine:": [addInit, addStart, addFingerprint],
  "This program:": [addCompletion, addNames, addVersion, addHelp],
};

/** Below this many columns beside the longest term, the parser would not wrap descriptions at all. */
const MIN_WIDTH_TO_WRAP = 24;

/** `runProgram` runs it. */
export function createProgram(): LatchkeyCommand {
  const program = new LatchkeyCommand("latchkey")
    .description("Enrol and revoke the devices that may pass the gate.")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help, or that of a command")
    .option("--url <url>", "the address of the gate")
    .option("--token-file <file>", "a file that contains the token")
    .option("--ca <file>", "trust only this authority (PEM)")
    .option("--timeout <seconds>", `how long to wait for an answer (default: ${DEFAULT_TIMEOUT_SECONDS})`)
    .option("--json", "print the API's own objects, for programs")
    .option("-y, --yes", "go ahead without asking")
    .addOption(new Option("--token [token]").hideHelp())
    .notes(USAGE)
    .configureHelp({
      showGlobalOptions: true,
      minWidthToWrap: MIN_WIDTH_TO_WRAP,
      // Options and aliases are in the command's own help.
      subcommandTerm: (command) => [command.name(), ...command.registeredArguments.map(term)].join(" "),
    })
    .configureOutput({ outputError: () => undefined })
    .showHelpAfterError(false)
    .showSuggestionAfterError(false)
    .helpCommand(false)
    .exitOverride();
  program.on("option:token", () => {
    throw misuse(
      "a token is not given as an argument: other users of this machine would see it",
      "set LATCHKEY_TOKEN, or name a file that holds it with --token-file",
    );
  });
  for (const [group, commands] of Object.entries(COMMANDS)) {
    program.commandsGroup(group);
    for (const add of commands) add(program);
  }
  return program;
}

/** `<device>`, `[user]`, `[devices...]` */
function term(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** Runs one command line, given without the program's own name. Returns the exit code; `undefined` leaves it as it is. */
export async function runProgram(words: readonly string[]): Promise<number | undefined> {
  const program = createProgram();
  try {
    if (words.length === 0) throw misuse("no command given", `see ${LATCHKEY} --help`);
    await program.parseAsync(words, { from: "user" });
    return undefined;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return undefined;
    return report(error instanceof CommanderError ? misuseFromCommander(error, program, words) : error);
  }
}
