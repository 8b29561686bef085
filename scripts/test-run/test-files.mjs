import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";

/**
 * Those that take longest, to begin with, where nothing was measured yet: whoever is last should be
 * short, so that all processors have work until the end.
 */
export const LONGEST = [
  "test/live/live-faults.test.ts",
  "test/live/live-snapshots.test.ts",
  "test/live/live-quiesce.test.ts",
  "test/e2e/mixed-disks.test.ts",
  "test/sweep/sample.test.ts",
  "test/live/live-merges.test.ts",
  "test/migration/bundle-kills.test.ts",
  "test/migration/libvirt-round-trip.test.ts",
  "test/differential/qemu-driver.test.ts",
  "test/e2e/random-walk.test.ts",
  "test/plugins/toolstack-qemu/toolstack-qemu.test.ts",
  "test/plugins/qdisk/qdisk-contract.test.ts",
  "test/plugins/toolstack-xl/information-files.test.ts",
  "test/e2e/keep-current.test.ts",
];

/** All files of tests below a folder, as paths from `root`. */
function filesBelow(root, folder) {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => join(folder, name))
    .sort();
}

/**
 * The files that words name: files, folders, or patterns with `*` and `**`; all files for no words.
 * Throws for a word that names none.
 */
export function chooseFiles(root, words) {
  const all = filesBelow(root, "test");
  if (words.length === 0) return all;
  return [...new Set(words.flatMap((word) => filesNamed(root, word, all)))];
}

function filesNamed(root, word, all) {
  const path = relative(root, resolve(word)) || ".";
  const stat = statSync(join(root, path), { throwIfNoEntry: false });
  if (stat?.isFile()) return [path.startsWith(`..${sep}`) ? resolve(word) : path];
  const found = stat?.isDirectory() ? filesBelow(root, path) : all.filter(matches(path));
  if (found.length > 0) return found;
  throw new Error(`'${word}' names no file of tests`);
}

/** A pattern names also what is in the folders that it matches. */
function matches(pattern) {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*\*|\*/g, (stars) => (stars === "**" ? ".*" : "[^/]*"));
  const expression = new RegExp(`^${source}(/|$)`);
  return (name) => expression.test(name);
}

/** Seconds that the files took when they last ran here, kept in a file of the cache. */
export class TestTimes {
  #seconds;

  constructor(path) {
    this.path = path;
    this.#seconds = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
  }

  /** The longest first; those that nobody knows before those that are known to be short. */
  inOrder(files) {
    const rank = (file) => this.#seconds[file] ?? usualSeconds(file);
    return files
      .map((file) => ({ file, seconds: rank(file) }))
      .sort((a, b) => b.seconds - a.seconds)
      .map(({ file }) => file);
  }

  keep(results) {
    for (const { file, seconds } of results) this.#seconds[file] = Math.round(seconds * 10) / 10;
    mkdirSync(dirname(this.path), { recursive: true });
    writeFileSync(this.path, JSON.stringify(this.#seconds, undefined, 2));
  }
}

const UNKNOWN_SECONDS = 5;

function usualSeconds(file) {
  const place = LONGEST.indexOf(file);
  return place < 0 ? UNKNOWN_SECONDS : UNKNOWN_SECONDS + LONGEST.length - place;
}
