import { chdir, cwd } from "node:process";
import { homedir } from "node:os";
import { asDomsnapError } from "../../core/errors/index.js";
import { CommandError } from "../command-error.js";
import { defineCommand } from "../command-spec.js";

export const pwd = defineCommand({
  name: "pwd",
  group: "domsnap",
  summary: "print the current folder",
  options: [],
  changes: false,
  run: () => ({ text: `${cwd()}\n`, data: { folder: cwd() } }),
});

export const cd = defineCommand({
  name: "cd",
  group: "domsnap",
  summary: "change the current folder",
  options: [
    { name: "dir", kind: "string", summary: "the new one (default: home)", completes: "file" },
  ],
  changes: false,
  run({ args }) {
    const folder = args.text("dir") ?? homedir();
    try {
      chdir(folder);
    } catch (thrown) {
      throw new CommandError(
        [`cd: ${folder}: cannot change to this folder`],
        asDomsnapError(thrown, "system-error"),
      );
    }
    return { data: { folder } };
  },
});
