import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { readTranscript } from "../../../clients/xl/transcripts.js";

/** The id of the recorded guest, which it gets at every start. */
const ID = 2;

/** Answers with what was recorded, by the state of its one guest: `off`, or how often it is paused. */
const PROGRAM = `#!/bin/sh
cd "$(dirname "$0")/recorded"
state=$(cat state)
say() { cat $1.out; cat $1.err >&2; exit $(cat $1.status); }
table() { if [ $state = off ]; then grep -v recorded $1.out; else cat $1.out; fi; }
keep() { echo $2 >state; say $1; }
change() { if [ $state = off ] || [ $2 != ${ID} ]; then say $1-no-such-id; else keep $1 $3; fi; }
case "$1 $2" in
"list -l") if [ $state = off ]; then echo "[]"; else cat list-long.out; fi ;;
"list ") if [ $state = 0 ]; then table list; else table list-paused; fi ;;
"vm-list ") table vm-list ;;
"create -p") if [ $state = off ]; then keep create 1; else say create-again; fi ;;
"create "*) if [ $state = off ]; then keep create 0; else say create-again; fi ;;
"pause "*) change pause $2 $((state + 1)) ;;
"unpause "*) change unpause $2 $((state > 0 ? state - 1 : 0)) ;;
"destroy "*) change destroy $2 off ;;
*) say unknown-command ;;
esac
`;

const ANSWERS = [
  ...["list", "list-paused", "vm-list", "create", "create-again", "pause", "unpause", "destroy"],
  ...["pause-no-such-id", "unpause-no-such-id", "destroy-no-such-id", "unknown-command"],
];

/**
 * Stands in for xl on a host with one guest, the recorded one, where there is no Xen; the real xl is
 * asked in test/xen. Gives the path of the program.
 */
export function makeRecordedXl(folder: string): string {
  const recorded = join(folder, "recorded");
  mkdirSync(recorded);
  for (const name of ANSWERS) {
    const { stdout, stderr, exitStatus } = readTranscript(name);
    writeFileSync(join(recorded, `${name}.out`), stdout);
    writeFileSync(join(recorded, `${name}.err`), stderr);
    writeFileSync(join(recorded, `${name}.status`), String(exitStatus));
  }
  writeFileSync(join(recorded, "list-long.out"), configurations());
  writeFileSync(join(recorded, "state"), "off");
  const program = join(folder, "xl");
  writeFileSync(program, PROGRAM, { mode: 0o755 });
  return program;
}

/** With one disk, which tapdisk serves: no QEMU has to be asked whether it is at rest. */
function configurations(): string {
  const listed = JSON.parse(readTranscript("list-long").stdout) as {
    readonly domid: number;
    readonly config: { disks?: object[] };
  }[];
  const guests = listed.filter(({ domid }) => domid === ID);
  for (const { config } of guests)
    config.disks = config.disks?.slice(0, 1).map((disk) => ({ ...disk, backend: "tap" })) ?? [];
  return JSON.stringify(guests);
}
