import { asFailureOf, usageError, withHelpHint } from "../command-error.js";
import { CommandArguments, type AnyOption } from "./command-arguments.js";
import { optionsOf, type CommandSyntax } from "./command-syntax.js";
import type { OptionSpec } from "./option-spec.js";
import type { Token } from "./tokenizer.js";

interface ParsedArguments {
  readonly args: CommandArguments<AnyOption>;
  /** `--help` was among the options: print the command's help instead of running it. */
  readonly help: boolean;
}

export interface ParsedCommand<Command extends CommandSyntax> extends ParsedArguments {
  /** The entry of the table. */
  readonly spec: Command;
}

/**
 * Parses a whole line before anything of it runs, by virsh's grammar. Throws `usage` with virsh's
 * messages for the first mistake.
 */
export function parseCommands<Command extends CommandSyntax>(
  tokens: Iterable<Token>,
  table: readonly Command[],
): ParsedCommand<Command>[] {
  const words = tokens[Symbol.iterator]();
  const commands: ParsedCommand<Command>[] = [];
  for (let next = words.next(); !next.done; next = words.next()) {
    if (next.value.kind === "end") continue;
    // virsh takes a quoted `#` at the start of a command for a comment as well.
    if (next.value.text.startsWith("#")) skipCommand(words);
    else commands.push(parseCommand(next.value.text, words, table));
  }
  return commands;
}

function parseCommand<Command extends CommandSyntax>(
  first: string,
  words: Iterator<Token>,
  table: readonly Command[],
): ParsedCommand<Command> {
  const spec = findCommand(first, words, table);
  try {
    return { spec, ...parseArguments(spec, words) };
  } catch (thrown) {
    throw asFailureOf(spec.grammar, withHelpHint(thrown, spec.name));
  }
}

function parseArguments(spec: CommandSyntax, words: Iterator<Token>): ParsedArguments {
  const options = optionsOf(spec);
  const line = new CommandLine(spec, options);
  let onlyData = false;
  for (let word = nextWord(words); word !== undefined; word = nextWord(words)) {
    if (word === "--" && !onlyData) onlyData = true;
    else if (!onlyData && spec.grammar === "xl" && /^-[^-]/.test(word))
      line.addLetters(word.slice(1), () => nextWord(words));
    else if (onlyData || !/^--[A-Za-z0-9]/.test(word)) line.addData(word);
    else line.addOption(word.slice(2), () => nextWord(words));
  }
  return line.finish();
}

function findCommand<Command extends CommandSyntax>(
  first: string,
  words: Iterator<Token>,
  table: readonly Command[],
): Command {
  const isGroup = table.some((spec) => spec.name.startsWith(`${first} `));
  const second = isGroup ? nextWord(words) : undefined;
  const name = second === undefined ? first : `${first} ${second}`;
  const spec = table.find((candidate) => candidate.name === name);
  if (spec === undefined)
    throw usageError(
      `unknown command: '${name}'`,
      isGroup
        ? `Run 'domsnap help ${first}' for the commands of the group.`
        : "Run 'domsnap help' for the list of commands.",
    );
  return spec;
}

function skipCommand(words: Iterator<Token>): void {
  while (nextWord(words) !== undefined);
}

/** The next word of this command; undefined at its end. */
function nextWord(words: Iterator<Token>): string | undefined {
  const next = words.next();
  return next.done || next.value.kind === "end" ? undefined : next.value.text;
}

/** Collects the options of one command. */
class CommandLine {
  readonly #spec: CommandSyntax;
  readonly #options: readonly OptionSpec[];
  readonly #values = new Map<string, string[]>();
  /** Options that words without a name have filled. */
  readonly #byData: string[] = [];
  #help = false;

  constructor(spec: CommandSyntax, options: readonly OptionSpec[]) {
    this.#spec = spec;
    this.#options = options;
  }

  addData(word: string): void {
    const free = this.#options.filter(
      ({ name, kind, literal }) =>
        kind !== "bool" && literal !== true && (kind === "argv" || !this.#values.has(name)),
    );
    const option = free.find(({ leads }) => leads !== true);
    if (option) {
      this.#byData.push(option.name);
      this.#add(option.name, word);
    } else if (free[0]) this.#addLeading(free[0].name, word);
    else throw usageError(`unexpected data '${word}'`);
  }

  /** There is one word more than the others take: each moves up by one. */
  #addLeading(leading: string, word: string): void {
    const names = [leading, ...this.#byData];
    const given = [...this.#byData.flatMap((name) => this.#values.get(name) ?? []), word];
    names.forEach((name, at) => this.#values.set(name, [given[at] ?? ""]));
  }

  /** `-l`, `-n VALUE`, `-nVALUE`, `-ln VALUE`, as getopt reads them. */
  addLetters(letters: string, nextValue: () => string | undefined): void {
    const [letter = "", rest] = [letters.slice(0, 1), letters.slice(1)];
    if (letter === "h") this.#help = true;
    else {
      const option = this.#options.find(({ short }) => short === letter);
      if (option === undefined) throw usageError(`option \`${letter}' not supported.`);
      if (option.kind !== "bool") {
        const value = rest === "" ? nextValue() : rest;
        if (value === undefined) throw usageError(`option \`${letter}' requires an argument.`);
        this.addOption(option.name, () => value);
        return;
      }
      this.addOption(option.name, () => undefined);
    }
    if (rest !== "") this.addLetters(rest, nextValue);
  }

  addOption(text: string, nextValue: () => string | undefined): void {
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    const inline = equals < 0 ? undefined : text.slice(equals + 1);
    const option = this.#find(name);
    if (option.kind === "bool") {
      if (inline !== undefined) throw usageError(`invalid '=' after option --${name}`);
      if (name === "help") this.#help = true;
      else this.#values.set(name, []);
      return;
    }
    const value = inline ?? nextValue();
    if (value === undefined) throw usageError(`expected syntax: --${name} <string>`);
    this.#add(name, value);
  }

  finish(): ParsedArguments {
    const missing = this.#options.find(({ name, required }) => required && !this.#values.has(name));
    if (missing !== undefined && !this.#help) throw usageError(this.#missingText(missing));
    const args = new CommandArguments<AnyOption>(this.#values);
    return { args, help: this.#help };
  }

  #missingText({ name, short }: OptionSpec): string {
    if (this.#spec.grammar === undefined)
      return `command '${this.#spec.name}' requires <${name}> option`;
    return short === undefined
      ? `'${this.#spec.name}' requires at least 1 argument.`
      : `'${this.#spec.name}' requires option -${short}.`;
  }

  #find(name: string): OptionSpec {
    if (name === "help") return { name, kind: "bool", summary: "" };
    const option = this.#options.find((candidate) => candidate.name === name);
    if (option === undefined)
      throw usageError(`command '${this.#spec.name}' doesn't support option --${name}`);
    if (option.kind !== "argv" && this.#values.has(name))
      throw usageError(`option --${name} already seen`);
    return option;
  }

  #add(name: string, value: string): void {
    const values = this.#values.get(name);
    if (values) values.push(value);
    else this.#values.set(name, [value]);
  }
}
