import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { GuestLab } from "./support/guest-lab.js";

describe("a record that changes while its document is edited", function () {
  this.timeout(120_000);
  let lab: GuestLab;
  const { VISUAL } = process.env;

  beforeEach(async () => {
    lab = await GuestLab.create();
    lab.domsnap("snapshot-create-as", "guest", "s", "--diskspec", "vda,snapshot=no");
  });
  afterEach(() => {
    if (VISUAL === undefined) delete process.env["VISUAL"];
    else process.env["VISUAL"] = VISUAL;
    lab.remove();
  });

  /** Edits the snapshot's description, by an editor that first does what somebody else would. */
  function editWhile(command: string) {
    const editor = join(lab.folder, "editor.sh");
    const own = "sed -i 's|<state>|<description>mine</description>\\n  <state>|' \"$1\"";
    const domsnap = join(import.meta.dirname, "../../bin/domsnap.cjs");
    const theirs = `'${process.execPath}' '${domsnap}' -q -c '${lab.uri}' ${command}`;
    writeFileSync(editor, `#!/bin/sh\nunset VISUAL\n${theirs} >&2 && ${own}\n`, { mode: 0o755 });
    process.env["VISUAL"] = editor;
    return lab.try("snapshot-edit", "guest", "s");
  }

  it("is not brought back when it was deleted", () => {
    const { status, stderr } = editWhile("snapshot-delete guest s");
    expect(status, stderr).to.equal(1);
    expect(stderr).to.include("has been deleted since its document was read");
    expect(lab.domsnap("snapshot-list", "guest", "--name").trim()).to.equal("");
  });

  it("is edited when it has stayed as it was", () => {
    const { status, stderr } = editWhile("snapshot-list guest");
    expect(status, stderr).to.equal(0);
    expect(lab.domsnap("snapshot-dumpxml", "guest", "s")).to.include("mine");
  });
});
