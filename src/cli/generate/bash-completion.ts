import { ERROR_CATALOGUE } from "../../core/errors/index.js";
import { COMMAND_GROUPS, optionsOf, type CommandSpec, type OptionSpec } from "../command-spec.js";
import { COMMAND_TABLE } from "../command-table.js";
import { globalProgram } from "../global-options.js";

/**
 * The bash completion, made from the command table: commands, options and their values; domains
 * and snapshots by asking domsnap itself.
 */
export function formatBashCompletion(): string {
  return `# bash completion for domsnap; generated from its command table

# compgen expands its words as the shell would, so that only plain names may get there.
_domsnap_names() {
    domsnap -q "\${_domsnap_global[@]}" "$@" 2>/dev/null | grep -Ex '[[:alnum:]_.:@%+-]+'
}

_domsnap() {
    local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
    local command="" domain="" word i positional=0
    local _domsnap_global=()
    local IFS=$'\\n'
    COMPREPLY=()

    for ((i = 1; i < COMP_CWORD; i++)); do
        word=\${COMP_WORDS[i]}
        if [[ -z $command ]]; then
            case $word in
                -c | --connect) _domsnap_global=(-c "\${COMP_WORDS[++i]}") ;;
                -*) ;;
${groupCases()}
                *) command=$word ;;
            esac
        elif [[ $word != -* ]]; then
            [[ -z $domain ]] && domain=$word
            positional=$((positional + 1))
        fi
    done

    if [[ -z $command ]]; then
        if [[ $cur == -* ]]; then
            COMPREPLY=($(compgen -W ${wordList(globalOptionNames())} -- "$cur"))
        else
            COMPREPLY=($(compgen -W ${wordList(commandWords())} -- "$cur"))
        fi
        return
    fi

    local options="" takes=""
    case $command in
${COMMAND_TABLE.map(commandCase).join("\n")}
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
        return
    fi
    case $takes in
        domain) COMPREPLY=($(compgen -W "$(_domsnap_names list --all --name)" -- "$cur")) ;;
        snapshot) COMPREPLY=($(compgen -W "$(_domsnap_names snapshot-list "$domain" --name)" -- "$cur")) ;;
        file) COMPREPLY=($(compgen -f -- "$cur")) ;;
        command) COMPREPLY=($(compgen -W ${wordList([...COMMAND_TABLE.map(({ name }) => name), ...Object.keys(COMMAND_GROUPS)])} -- "$cur")) ;;
        error-code) COMPREPLY=($(compgen -W ${wordList(Object.keys(ERROR_CATALOGUE))} -- "$cur")) ;;
        words:*) COMPREPLY=($(compgen -W "\${takes#words:}" -- "$cur")) ;;
    esac
}

complete -F _domsnap domsnap
`;
}

function globalOptionNames(): string[] {
  return globalProgram().options.flatMap(({ short, long }) =>
    [short, long].filter((name) => name !== undefined),
  );
}

/** The first words of all commands. */
function commandWords(): string[] {
  return [...new Set(COMMAND_TABLE.map(({ name }) => name.split(" ")[0] ?? name))];
}

/** Commands of two words: the first is only half of the name. */
function groupCases(): string {
  const groups = new Set(
    COMMAND_TABLE.filter(({ name }) => name.includes(" ")).map(({ name }) => name.split(" ")[0]),
  );
  return [...groups]
    .map(
      (group) =>
        `                ${group})\n` +
        `                    if ((i + 1 < COMP_CWORD)); then command="${group} \${COMP_WORDS[++i]}"\n` +
        `                    else COMPREPLY=($(compgen -W ${wordList(secondWords(group))} -- "$cur")); return; fi ;;`,
    )
    .join("\n");
}

function secondWords(group: string | undefined): string[] {
  return COMMAND_TABLE.map(({ name }) => name.split(" "))
    .filter(([first, second]) => first === group && second !== undefined)
    .map(([, second = ""]) => second);
}

function commandCase(spec: CommandSpec): string {
  const options = optionsOf(spec);
  const named = options.filter(({ kind, completes }) => kind !== "bool" && completes !== undefined);
  const cases = [
    ...named.map((option) => `                --${option.name}) takes=${takes(option)} ;;`),
    `                *)
                    case $positional in
${positionalCases(options)}
                    esac ;;`,
  ];
  return `        ${JSON.stringify(spec.name)})
            options=${wordList(options.map(({ name }) => `--${name}`))}
            case $prev in
${cases.join("\n")}
            esac ;;`;
}

function positionalCases(options: readonly OptionSpec[]): string {
  const positional = options.filter(({ kind, literal }) => kind !== "bool" && literal !== true);
  const cases = positional.map(
    (option, index) =>
      `                        ${option.kind === "argv" ? "*" : index}) takes=${takes(option)} ;;`,
  );
  return [...cases, ...(positional.length === 0 ? ["                        *) ;;"] : [])].join(
    "\n",
  );
}

function takes({ completes }: OptionSpec): string {
  if (completes === undefined) return '""';
  return typeof completes === "string" ? completes : `$'words:${completes.join("\\n")}'`;
}

/** Words parted by line ends, which is what IFS is set to. */
function wordList(words: readonly string[]): string {
  return `$'${words.map((word) => word.replaceAll("'", "\\'")).join("\\n")}'`;
}
