// Completion in bash, zsh and fish. Every command, option and choice is in the script itself: a script that called this
// program at each Tab, as completion libraries do, would make people wait half a second. It is called only for the names
// of users and devices.
import type { Command, Option } from "commander";
import { parseUserId } from "../../src/domain/user.ts";
import { ofUsers } from "../client/all-users.ts";
import { deviceLabel } from "../client/device.ts";
import { misuse } from "../terminal/failure.ts";
import { printable } from "../terminal/text.ts";
import type { AddCommand } from "./command/command.ts";
import { openSession } from "./command/session.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

/** What completes an argument, by the name that the argument has in the help: in bash and zsh, and in fish. */
const COMPLETED_BY: Readonly<Record<string, { bash: string; fish: string }>> = {
  user: { bash: "names=user", fish: "(latchkey complete-names user 2>/dev/null </dev/null)" },
  device: {
    bash: "names=device",
    fish: "(latchkey complete-names device (commandline -ct) 2>/dev/null </dev/null)",
  },
  file: { bash: "files=1", fish: "(__fish_complete_path (commandline -ct))" },
  shell: { bash: `candidates="${SHELLS.join(" ")}"`, fish: SHELLS.join(" ") },
};

/** What a shell has to know about one command. */
interface Node {
  /** `""` is the program, `token create` a subcommand. A command with an alias is listed twice and offered once. */
  path: string;
  subcommands: readonly Command[];
  options: readonly Option[];
  /** What completes each argument; `*` is the place of one that may be repeated. */
  completed: readonly { place: string; bash: string; fish: string }[];
}

function nodesOf(command: Command, path = ""): Node[] {
  const help = command.createHelp();
  const subcommands = help.visibleCommands(command);
  const options = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)];
  const completed = command.registeredArguments.flatMap((argument, index) => {
    const by = COMPLETED_BY[argument.name().replace(/^devices$/, "device")];
    return by === undefined ? [] : [{ place: argument.variadic ? "*" : String(index), ...by }];
  });
  return [
    { path, subcommands, options, completed },
    ...subcommands.flatMap((each) =>
      [each.name(), ...each.aliases()].flatMap((word) => nodesOf(each, `${path} ${word}`.trim())),
    ),
  ];
}

const spellings = ({ long, short }: Option) => [long, short].flatMap((word) => word ?? []);
const takesFile = ({ flags }: Option) => /<(?:file|folder)>/.test(flags);
const takesValue = ({ required, optional }: Option) => required || optional;

/** Every command except the program itself, quoted so that all three shells can read it. */
const pathsOf = (nodes: readonly Node[]) =>
  nodes.filter(({ path }) => path !== "").map(({ path }) => `"${path}"`);

/** The options that take a file, or those that take another value. */
function valued(nodes: readonly Node[], files: boolean): string[] {
  const wanted = nodes.flatMap(({ options }) =>
    options.filter((option) => takesValue(option) && takesFile(option) === files),
  );
  return [...new Set(wanted.flatMap(spellings))];
}

/**
 * For bash, including the 3.2 of macOS, and for zsh, which can read bash's scripts (`bashcompinit`). It first finds the
 * command that the words before the cursor call, and how many arguments it already has.
 */
function bash(nodes: readonly Node[]): string {
  const [files, others] = [valued(nodes, true).join("|"), valued(nodes, false).join("|")];
  const commands = nodes.map(
    ({ path, subcommands, options }) =>
      `    "${path}") flags="${options.flatMap(spellings).join(" ")}"; commands="${subcommands.map((each) => each.name()).join(" ")}" ;;`,
  );
  const named = nodes.flatMap(({ path, completed }) =>
    completed.map(({ place, bash }) => `      "${path}":${place}) ${bash} ;;`),
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
${nodes.flatMap(fishLines).join("\n")}
`;
}

function fishLines({ path, subcommands, options, completed }: Node): string[] {
  const line = (place: string, rest: string) =>
    `complete -c latchkey -n '__latchkey_at "${path}"${place}' ${rest}`;
  return [
    ...subcommands.map((each) => line(" 0", `-a ${each.name()} -d '${fishQuoted(each.summary())}'`)),
    ...options.flatMap((option) =>
      spellings(option).map((word) => {
        const flag = word.startsWith("--") ? `-l ${word.slice(2)}` : `-s ${word.slice(1)}`;
        const value = takesFile(option) ? " -rF" : takesValue(option) ? " -x" : "";
        return line("", `${flag}${value} -d '${fishQuoted(option.description)}'`);
      }),
    ),
    ...completed.map(({ place, fish }) => line(place === "*" ? "" : ` ${place}`, `-a '${fish}'`)),
  ];
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
    .argument("<shell>", SHELLS.join(", "))
    .notes(`
It completes the word latchkey. In a clone without an installed command, define
an alias before the script is read: alias latchkey='npm exec --no -- latchkey'
Names come from the gate, if it answers within two seconds. Write the script
again after an update.

Examples, for ~/.bashrc, ~/.zshrc (after compinit) and fish:
  latchkey completion bash > ~/.latchkey.bash   and: source ~/.latchkey.bash
  latchkey completion zsh > ~/.latchkey.zsh     and: source ~/.latchkey.zsh
  latchkey completion fish > ~/.config/fish/completions/latchkey.fish`)
    .action((shell: string) => {
      const nodes = nodesOf(program);
      switch (shell) {
        case "bash":
          return void process.stdout.write(bash(nodes));
        case "zsh":
          return void process.stdout.write(`autoload -U +X bashcompinit && bashcompinit\n${bash(nodes)}`);
        case "fish":
          return void process.stdout.write(fish(nodes));
      }
      throw misuse(`'${printable(shell)}' is not a supported shell`, `give one of ${SHELLS.join(", ")}`);
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
    .run(async ({ options }, kind: string, word?: string) => {
      const typed = word ?? "";
      try {
        const api = await openSession({ ...options, timeout: TIMEOUT_SECONDS }).connect();
        // Once a user is typed, nobody else's devices are needed.
        const user = typed.includes("/") ? parseUserId(typed.split("/")[0]) : undefined;
        const names =
          kind === "user"
            ? (await api.users()).map(({ id }) => printable(id))
            : (await ofUsers(api, user, api.devices)).map(deviceLabel);
        for (const name of new Set(names)) process.stdout.write(`${name}\n`);
      } catch {
        // Completion is silent.
      }
    });
};
