/** Those that take longest, to begin with, where nothing was measured yet. */
export const LONGEST: readonly string[];
/** The files of tests that words name, as paths from `root`; throws for a word that names none. */
export function chooseFiles(root: string, words: readonly string[]): string[];
