import { ERROR_CATALOGUE } from "../../core/errors/index.js";
import { COMMAND_GROUPS, type CommandSpec } from "../command-spec.js";
import { COMMAND_TABLE } from "../command-table.js";
import { optionNames } from "../complete-line.js";
import { globalProgram } from "../global-options.js";
import { optionsOf } from "../grammar/command-syntax.js";
import type { OptionSpec } from "../grammar/option-spec.js";

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

_domsnap_backends() {
    domsnap -q "\${_domsnap_global[@]}" plugins 2>/dev/null | sed -n 's/^ *disk backend  *\\([a-z0-9-]*\\) .*/\\1/p'
}

# The connection of a command that has another default than the others.
_domsnap_default() {
    ((\${#_domsnap_global[@]} == 0)) && [[ -z $DOMSNAP_DEFAULT_URI ]] && _domsnap_global=(-c "$1")
}

_domsnap() {
    local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
    local command="" domain="" word i positional=0 first=0
    local _domsnap_global=()
    local IFS=$'\\n'
    COMPREPLY=()

    for ((i = 1; i < COMP_CWORD; i++)); do
        word=\${COMP_WORDS[i]}
        if [[ -z $command ]]; then
            case $word in
                -c | --connect) _domsnap_global=(-c "\${COMP_WORDS[++i]}") ;;
                --plugin) ((++i)) ;;
                -*) ;;
${groupCases()}
                *) command=$word ;;
            esac
            first=$((i + 1))
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

    # The words that are neither options nor values of options; those behind the cursor tell the
    # domain, too.
    local valued=" " leading=0
    case $command in
${COMMAND_TABLE.map(grammarCase).join("\n")}
    esac
    local data=()
    for ((i = first; i < \${#COMP_WORDS[@]}; i++)); do
        word=\${COMP_WORDS[i]}
        [[ $word == -* || $valued == *" \${COMP_WORDS[i-1]} "* ]] && continue
        ((i == COMP_CWORD)) && continue
        ((i < COMP_CWORD)) && positional=$((positional + 1))
        data+=("$word")
    done
    ((leading && \${#data[@]} > 1)) && domain=\${data[1]} || domain=\${data[0]}

    local options="" takes=""
    case $command in
${COMMAND_TABLE.map(commandCase).join("\n")}
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
        return
    fi
    # bash parts words at equals signs, unless COMP_WORDBREAKS says otherwise.
    local diskspec=$cur begun=""
    if [[ $cur == = ]]; then diskspec=$prev=
    elif [[ $prev == = ]]; then diskspec=\${COMP_WORDS[COMP_CWORD-2]}=$cur
    else begun=\${cur%"\${cur##*,backend=}"}
    fi
    [[ $diskspec == *,backend=* && $options == *--diskspec* ]] && takes=diskspec
    case $takes in
        domain) COMPREPLY=($(compgen -W "$(_domsnap_names list --all --name)" -- "$cur")) ;;
        snapshot) COMPREPLY=($(compgen -W "$(_domsnap_names snapshot-list "$domain" --name)" -- "$cur")) ;;
        file) COMPREPLY=($(compgen -f -- "$cur")) ;;
        domain-or-file) COMPREPLY=($(compgen -W "$(_domsnap_names list --all --name)" -f -- "$cur")) ;;
        command) COMPREPLY=($(compgen -W ${wordList([...COMMAND_TABLE.map(({ name }) => name), ...Object.keys(COMMAND_GROUPS)])} -- "$cur")) ;;
        error-code) COMPREPLY=($(compgen -W ${wordList(Object.keys(ERROR_CATALOGUE))} -- "$cur")) ;;
        diskspec) [[ $diskspec == *,backend=* ]] &&
            COMPREPLY=($(compgen -P "$begun" -W "$(_domsnap_backends)" -- "\${diskspec##*,backend=}")) ;;
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

/** What has to be known of a command before its words can be told apart. */
function grammarCase(spec: CommandSpec): string {
  const options = optionsOf(spec);
  const valued = options.filter(({ kind }) => kind !== "bool").flatMap(optionNames);
  const parts = [
    ...(valued.length > 0 ? [`valued=" ${valued.join(" ")} "`] : []),
    ...(options.some(({ leads }) => leads === true) ? ["leading=1"] : []),
    ...(spec.defaultUri === undefined ? [] : [`_domsnap_default ${spec.defaultUri}`]),
  ];
  return `        ${JSON.stringify(spec.name)}) ${[...parts, ":"].join("; ")} ;;`;
}

function commandCase(spec: CommandSpec): string {
  const options = optionsOf(spec);
  const named = options.filter(({ kind, completes }) => kind !== "bool" && completes !== undefined);
  const cases = [
    ...named.map(
      (option) => `                ${optionNames(option).join(" | ")}) takes=${takes(option)} ;;`,
    ),
    `                *)
                    case $positional in
${positionalCases(options)}
                    esac ;;`,
  ];
  return `        ${JSON.stringify(spec.name)})
            options=${wordList(options.flatMap(optionNames))}
            case $prev in
${cases.join("\n")}
            esac ;;`;
}

function positionalCases(options: readonly OptionSpec[]): string {
  const words = options.filter(({ kind, literal }) => kind !== "bool" && literal !== true);
  const leading = words.find(({ leads }) => leads === true);
  const others = words.filter((option) => option !== leading);
  // A leading word may be left out: what is first may be it or the next.
  const positional = leading ? [undefined, ...others] : others;
  const cases = positional.map((option, index) =>
    option
      ? `                        ${option.kind === "argv" ? "*" : index}) takes=${takes(option)} ;;`
      : `                        ${index}) takes=domain-or-file ;;`,
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
