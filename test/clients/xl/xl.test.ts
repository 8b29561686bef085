import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

import { expect } from "chai";

import { Xl, xlFailure } from "../../../src/clients/xl/index.js";
import type { ErrorCode } from "../../../src/core/errors/index.js";
import { expectError } from "../../../src/testing/expect-error.js";
import { testFolder } from "../../support/images/folder.js";
import { readTranscript } from "./transcripts.js";

describe("xlFailure", () => {
  const expected: Readonly<Record<string, readonly [ErrorCode, RegExp]>> = {
    "list-long-no-such": ["no-domain", /'nosuch'/],
    "list-long-no-such-id": ["no-domain", /99/],
    "pause-no-such": ["no-domain", /'nosuch'/],
    "pause-no-such-id": ["no-domain", /99/],
    "unpause-no-such-id": ["no-domain", /99/],
    "destroy-no-such-id": ["no-domain", /99/],
    "save-no-such-id": ["no-domain", /99/],
    "create-again": ["operation-invalid", /'recorded' is already active/],
    "restore-name-taken": ["operation-invalid", /'recorded' is already active/],
    "restore-missing-file": ["image-missing", /No such file/],
    "restore-no-save-file": ["operation-failed", /not a complete memory file/],
    "restore-cut-short": ["operation-failed", /not a complete memory file/],
    "save-full-disk": ["no-space", /memory/],
    "save-no-folder": ["tool-failed", /\/nosuch\/file/],
    "unknown-command": ["tool-failed", /command not implemented/],
  };
  for (const [name, [code, detail]] of Object.entries(expected))
    it(`understands the recorded '${name}'`, async () => {
      const { args, stderr } = readTranscript(name);
      await expectError(
        () => {
          throw xlFailure(args[0] ?? "", stderr);
        },
        code,
        detail,
      );
    });

  it("has words for an xl that has none", () => {
    expect(xlFailure("save", "xc: info: Saving domain 2\n").message).to.include("no reason");
  });
});

/** Stands in for xl: answers a question with the next of its prepared answers; the last one stays. */
const FAKE = `#!/bin/sh
folder=$(dirname "$0")/answers
echo "$@" >>"$folder/asked"
name=$1
count=$(($(cat "$folder/$name.count" 2>/dev/null || echo 0) + 1))
while [ $count -gt 1 ] && [ ! -e "$folder/$name.$count" ]; do count=$((count - 1)); done
echo $count >"$folder/$name.count"
[ ! -e "$folder/$name.$count" ] || . "$folder/$name.$count"
`;

describe("Xl, which reads back what it did", () => {
  const folder = testFolder();
  let xl: Xl;

  const answer = (command: string, ...scripts: readonly string[]) => {
    scripts.forEach((script, index) => {
      writeFileSync(folder.file(`answers/${command}.${index + 1}`), script);
    });
  };
  const states = (...letters: readonly string[]) => {
    answer(
      "list",
      ...letters.map((state) =>
        state === "gone" ? "echo head" : `echo head; echo 'guest 7 128 1 ${state} 0.5'`,
      ),
    );
  };
  const asked = () =>
    readFileSync(folder.file("answers/asked"), "utf8")
      .split("\n")
      .filter((line) => line !== "" && line !== "list");

  beforeEach(() => {
    mkdirSync(folder.file("answers"));
    writeFileSync(folder.file("xl"), FAKE);
    chmodSync(folder.file("xl"), 0o755);
    xl = new Xl(folder.file("xl"));
  });

  it("pauses once, and not at all what is paused already", async () => {
    states("-b----", "--p---");
    await xl.pause(7);
    await xl.pause(7);
    expect(asked()).to.deep.equal(["pause 7"]);
  });

  it("does not believe an exit status of 0", async () => {
    states("-b----");
    answer("pause", "echo 'libxl: error: it did not work' >&2");
    await expectError(xl.pause(7), "tool-failed", /it did not work/);
  });

  it("unpauses as often as the domain was paused", async () => {
    states("--p---", "--p---", "-b----");
    await xl.unpause(7);
    expect(asked()).to.deep.equal(["unpause 7", "unpause 7"]);
  });

  it("gives up on a domain that stays paused", async () => {
    states("--p---");
    await expectError(xl.unpause(7), "operation-failed", /stays paused/);
  });

  for (const state of ["--p---", "---s--", "-----d"])
    it(`never saves a domain in state ${state}`, async () => {
      states(state);
      await expectError(xl.saveAndPause(7, "/file"), "operation-invalid", /has to be running/);
      expect(asked()).to.deep.equal([]);
    });

  it("saves, and sees that the domain is paused then", async () => {
    states("-b----", "--p---");
    await xl.saveAndPause(7, folder.file("memory"));
    expect(asked()).to.deep.equal([`save -p 7 ${folder.file("memory")}`]);
  });

  it("tells what xl said about a save that failed", async () => {
    states("-b----");
    answer("save", 'echo "guest didn\'t acknowledge suspend, cancelling request" >&2; exit 1');
    await expectError(xl.saveAndPause(7, "/file"), "operation-failed", /goes on/);
  });

  it("does not believe a restore that left no domain", async () => {
    states("gone");
    await expectError(xl.restorePaused("/file", "guest"), "tool-failed", /restore/);
  });

  it("destroys, and waits until the domain is gone", async () => {
    states("-b----", "-----d", "-----d", "gone");
    await xl.destroy(7);
    await xl.destroy(7);
    expect(asked()).to.deep.equal(["destroy 7"]);
  });

  it("does not work on a domain that is gone", async () => {
    states("gone");
    await expectError(xl.pause(7), "no-domain");
    await expectError(xl.unpause(7), "no-domain");
  });

  it("tells that xl is not installed", async () => {
    const missing = new Xl(folder.file("nosuch/xl"));
    const error = await expectError(missing.list(), "tool-missing");
    expect(error.hint).to.include("xen-utils-common");
  });
});
