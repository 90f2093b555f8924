// Completion in bash, zsh and fish. Every command, option and choice is in the script itself: a script that called this
// program at each Tab, as completion libraries do, would make people wait half a second. It is called only for the names
// of users and devices.
import { Argument, type Command, type Option } from "commander";
import { parseUserId } from "../../src/domain/user.ts";
import { ofAllUsers } from "../client/all-users.ts";
import { deviceLabel } from "../client/device.ts";
import { misuse } from "../terminal/failure.ts";
import { printable } from "../terminal/text.ts";
import type { AddCommand } from "./command/command.ts";
import { type GlobalOptions, openSession } from "./command/session.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

export function isShell(text: string): text is Shell {
  return SHELLS.some((shell) => shell === text);
}

export function completionScript(program: Command, shell: Shell): string {
  const nodes = nodesOf(program);
  switch (shell) {
    case "bash":
      return bash(nodes);
    case "zsh":
      return `autoload -U +X bashcompinit && bashcompinit\n${bash(nodes)}`;
    case "fish":
      return fish(nodes);
  }
}

/** What a shell has to know about one command. */
interface Node {
  /** `""` is the program, `token create` a subcommand. A command with an alias is listed twice and offered once. */
  path: string;
  subcommands: readonly Described[];
  options: readonly Flag[];
  /** What each argument names; `*` is the place of one that may be repeated. */
  names: readonly { place: string; kind: Names }[];
}

interface Described {
  word: string;
  text: string;
}

interface Flag extends Described {
  takesValue: boolean;
  takesFile: boolean;
}

type Names = "user" | "device" | "file" | "shell" | "nothing";

function nodesOf(command: Command, path = ""): Node[] {
  const help = command.createHelp();
  const subcommands = help.visibleCommands(command);
  const own = {
    path,
    subcommands: subcommands.map((each) => ({ word: each.name(), text: each.summary() })),
    options: [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)].flatMap(flags),
    names: command.registeredArguments.map((argument, index) => ({
      place: argument.variadic ? "*" : String(index),
      kind: namesOf(argument),
    })),
  };
  return [
    own,
    ...subcommands.flatMap((each) =>
      [each.name(), ...each.aliases()].flatMap((word) => nodesOf(each, `${path} ${word}`.trim())),
    ),
  ];
}

function flags({ long, short, description, required, optional, flags: written }: Option): Flag[] {
  const takesValue = required || optional;
  const takesFile = /<(?:file|folder)>/.test(written);
  return [long, short].flatMap((word) =>
    word === undefined || word === null ? [] : [{ word, text: description, takesValue, takesFile }],
  );
}

/** Arguments are known by the names they have in the help. */
function namesOf(argument: Argument): Names {
  switch (argument.name()) {
    case "user":
      return "user";
    case "device":
    case "devices":
      return "device";
    case "file":
      return "file";
    case "shell":
      return "shell";
    default:
      return "nothing";
  }
}

const words = (list: readonly Described[]) => list.map(({ word }) => word).join(" ");

/** Every command except the program itself, quoted so that all three shells can read it. */
const pathsOf = (nodes: readonly Node[]) =>
  nodes.filter(({ path }) => path !== "").map(({ path }) => `"${path}"`);

/** The options that take a file, or those that take another value. */
function valued(nodes: readonly Node[], files: boolean): string[] {
  const options = nodes.flatMap((node) => node.options);
  const wanted = options.filter(({ takesValue, takesFile }) => takesValue && takesFile === files);
  return [...new Set(wanted.map(({ word }) => word))];
}

const ACTIONS: Record<Names, string> = {
  user: "names=user",
  device: "names=device",
  file: "files=1",
  shell: `candidates="${SHELLS.join(" ")}"`,
  nothing: ":",
};

/**
 * For bash, including the 3.2 of macOS, and for zsh, which can read bash's scripts (`bashcompinit`). It first finds the
 * command that the words before the cursor call, and how many arguments it already has.
 */
function bash(nodes: readonly Node[]): string {
  const [files, others] = [valued(nodes, true).join("|"), valued(nodes, false).join("|")];
  const commands = nodes.map(
    ({ path, subcommands, options }) =>
      `    "${path}") flags="${words(options)}"; commands="${words(subcommands)}" ;;`,
  );
  const named = nodes.flatMap(({ path, names }) =>
    names
      .filter(({ kind }) => kind !== "nothing")
      .map(({ place, kind }) => `      "${path}":${place}) ${ACTIONS[kind]} ;;`),
  );
  return `_latchkey() {
  local called="" count=0 skip="" index=1 word flags commands name IFS=$'\\n'
  local candidates="" names="" files="" cur="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=()
  while [[ $index -lt $COMP_CWORD ]]; do
    word="\${COMP_WORDS[index]}"
    index=$((index + 1))
    if [[ -n $skip ]]; then skip=""; continue; fi
    case "$word" in
      ${files}) skip=file; continue ;;
      ${others}) skip=value; continue ;;
      -*) continue ;;
    esac
    case "\${called:+$called }$word" in
      ${pathsOf(nodes).join("|")}) called="\${called:+$called }$word" ;;
      *) count=$((count + 1)) ;;
    esac
  done
  case "$called" in
${commands.join("\n")}
  esac
  if [[ $skip == value ]]; then return; fi
  if [[ $skip == file ]]; then files=1
  elif [[ $cur == -* ]]; then candidates=$flags
  else
    if [[ $count -eq 0 ]]; then candidates=$commands; fi
    case "$called:$count" in
${named.join("\n")}
    esac
  fi
  if [[ -n $files ]]; then
    COMPREPLY=($(compgen -f -- "$cur"))
    compopt -o filenames 2>/dev/null
    return 0
  fi
  COMPREPLY=($(IFS=$' \\n' compgen -W "$candidates" -- "$cur"))
  if [[ -z $names ]]; then return; fi
  while read -r name; do
    if [[ $name == "$cur"* ]]; then COMPREPLY+=("$(printf %q "$name")"); fi
  done < <(latchkey complete-names "$names" "$cur" 2>/dev/null </dev/null)
}
complete -F _latchkey latchkey
`;
}

const FISH_ACTIONS: Record<Exclude<Names, "nothing">, string> = {
  user: "'(latchkey complete-names user 2>/dev/null </dev/null)'",
  device: "'(latchkey complete-names device (commandline -ct) 2>/dev/null </dev/null)'",
  file: "'(__fish_complete_path (commandline -ct))'",
  shell: `'${SHELLS.join(" ")}'`,
};

/** fish asks for each line whether it applies, that is, whether the words before the cursor call this command. */
function fish(nodes: readonly Node[]): string {
  const withValue = [...valued(nodes, true), ...valued(nodes, false)];
  return `# fish completion for latchkey: latchkey completion fish | source
function __latchkey_at
  set -l path
  set -l count 0
  set -l skip
  for word in (commandline -opc)[2..-1]
    if set -q skip[1]
      set -e skip
      continue
    end
    if contains -- $word ${withValue.join(" ")}
      set skip 1
      continue
    end
    string match -q -- '-*' $word; and continue
    set -l next (string join ' ' $path $word)
    if contains -- "$next" ${pathsOf(nodes).join(" ")}
      set path $next
    else
      set count (math $count + 1)
    end
  end
  test "$path" = "$argv[1]"; or return 1
  test (count $argv) -lt 2; or test $count -eq $argv[2]
end
complete -c latchkey -f
${nodes
  .flatMap(({ path, subcommands, options, names }) => [
    ...subcommands.map(
      ({ word, text }) =>
        `complete -c latchkey -n '__latchkey_at "${path}" 0' -a ${word} -d '${fishQuoted(text)}'`,
    ),
    ...options.map(({ word, text, takesValue, takesFile }) => {
      const flag = word.startsWith("--") ? `-l ${word.slice(2)}` : `-s ${word.slice(1)}`;
      const value = takesFile ? " -rF" : takesValue ? " -x" : "";
      return `complete -c latchkey -n '__latchkey_at "${path}"' ${flag}${value} -d '${fishQuoted(text)}'`;
    }),
    ...names.flatMap(({ place, kind }) =>
      kind === "nothing"
        ? []
        : [
            `complete -c latchkey -n '__latchkey_at "${path}" ${place === "*" ? "" : place}' -a ${FISH_ACTIONS[kind]}`,
          ],
    ),
  ])
  .join("\n")}
`;
}

function fishQuoted(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
}

export const addCompletion: AddCommand = (program) => {
  program
    .command("completion")
    .summary("print a script that completes commands in your shell")
    .description(
      "Print a script that completes commands, options, and the names of users and devices in your shell.",
    )
    .addArgument(new Argument("<shell>", SHELLS.join(", ")))
    .notes(`
It completes the word latchkey. In this clone's folder npx runs the command, so
define an alias before the script is read: alias latchkey='npx --no -- latchkey'
Names come from the gate, if it answers within two seconds. Write the script
again after an update.

Examples, for ~/.bashrc, ~/.zshrc (after compinit) and fish:
  latchkey completion bash > ~/.latchkey.bash   and: source ~/.latchkey.bash
  latchkey completion zsh > ~/.latchkey.zsh     and: source ~/.latchkey.zsh
  latchkey completion fish > ~/.config/fish/completions/latchkey.fish`)
    .action((shell: string) => {
      if (!isShell(shell)) {
        throw misuse(`'${printable(shell)}' is not a supported shell`, `give one of ${SHELLS.join(", ")}`);
      }
      process.stdout.write(completionScript(program, shell));
    });
};

/** Nobody waits longer after pressing Tab. */
const TIMEOUT_SECONDS = "2";

/** For the completion scripts: the names that fit an argument, one per line. A failure prints nothing. */
export const addNames: AddCommand = (program) => {
  program
    .command("complete-names", { hidden: true })
    .argument("<kind>")
    .argument("[typed]")
    .action(async (kind: string, typed = "") => {
      try {
        const session = openSession({ ...program.opts<GlobalOptions>(), timeout: TIMEOUT_SECONDS });
        const api = await session.connect();
        const user = parseUserId(typed.split("/")[0]);
        let names: string[];
        if (kind === "user") names = (await api.users()).map(({ id }) => printable(id));
        else {
          // Once a user is typed, nobody else's devices are needed.
          const devices =
            typed.includes("/") && user !== undefined
              ? await api.devices(user)
              : await ofAllUsers(api, api.devices);
          names = devices.map(deviceLabel);
        }
        for (const name of new Set(names)) process.stdout.write(`${name}\n`);
      } catch {
        // Completion is silent.
      }
    });
};
