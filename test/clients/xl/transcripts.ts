import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** What xl 4.17 answered in the lab; recorded by test/xen/lab/record-transcripts.mjs. */
export interface Transcript {
  readonly args: readonly string[];
  readonly exitStatus: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function transcriptPath(name: string): string {
  return fileURLToPath(new URL(`../../../fixtures/xl/4.17/${name}`, import.meta.url));
}

export function readTranscript(name: string): Transcript {
  return JSON.parse(readFileSync(transcriptPath(`${name}.json`), "utf8")) as Transcript;
}
