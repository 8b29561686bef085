import { execFileSync } from "node:child_process";
import { chownSync } from "node:fs";

/** Gives a file an owner, a list of who may use it and a note of somebody's, all of them unusual. */
export function giveAttributes(path: string): void {
  chownSync(path, 1234, 2345);
  execFileSync("setfacl", ["-m", "u:4321:rw,g:5432:r,m:rw", "--", path]);
  execFileSync("setfattr", ["-n", "user.note", "-v", "of the backup", "--", path]);
  execFileSync("setfattr", ["-n", "security.note", "-v", "of the host", "--", path]);
}

/** All that says who may use a file and what is noted with it. */
export function attributesOf(path: string): string {
  const options = { encoding: "utf8" } as const;
  const list = execFileSync("getfacl", ["-n", "-p", "-c", "--", path], options);
  const owner = execFileSync("stat", ["-c", "%u:%g %a", "--", path], options);
  const notes = execFileSync(
    "getfattr",
    ["-d", "-m", "-", "--absolute-names", "--", path],
    options,
  );
  return owner + list + notes.replace(/^# file: .*\n/, "");
}
