import { chmodSync, writeFileSync } from "node:fs";

import { expect } from "chai";

import { Xl } from "../../../src/clients/xl/index.js";
import { ConfigFolder } from "../../../src/plugins/toolstack-xl/config-folder.js";
import { XenDomains } from "../../../src/plugins/toolstack-xl/xen-domains.js";
import { XlToolstack } from "../../../src/plugins/toolstack-xl/xl-toolstack.js";
import { expectError } from "../../../src/testing/expect-error.js";
import { testFolder } from "../../support/images/folder.js";

const UUID = "3b7c6be4-1c1d-4e5f-8a6b-0123456789ab";

/**
 * Stands in for an xl of which `list -l` leaves a guest out: its device model hangs, or it is being
 * made at this moment. Neither can be brought about when it is wanted.
 */
const MUTE_XL = `#!/bin/sh
case "$*" in
"list") printf 'Name ID Mem VCPUs State Time(s)\\nguest 7 128 1 -b---- 3.9\\n' ;;
"list -l") echo '[]' ;;
"vm-list") printf 'UUID ID name\\n${UUID}  7    guest\\n' ;;
esac
`;

describe("a guest of Xen that xl cannot tell more of", () => {
  const folder = testFolder();
  let domains: XenDomains;

  beforeEach(() => {
    writeFileSync(folder.file("xl"), MUTE_XL);
    chmodSync(folder.file("xl"), 0o755);
    for (const [name, uuid] of [
      ["guest", UUID],
      ["other", "5d0f3a52-9d5c-4a3f-8f6e-0123456789ab"],
    ] as const)
      writeFileSync(
        folder.file(`${name}.cfg`),
        `name = "${name}"\nuuid = "${uuid}"\nmemory = 96\ndisk = []\n`,
      );
    domains = new XenDomains(new Xl(folder.file("xl")), new ConfigFolder(folder.file(".")));
  });

  it("is no guest that is off, although it has a file", async () => {
    const states = (await domains.list()).map(({ name, id, state }) => [name, id, state]);
    expect(states).to.deep.equal([
      ["guest", 7, "shutdown"],
      ["other", undefined, "shutoff"],
    ]);
    expect(await domains.isUnclear(UUID)).to.equal(true);
  });

  it("is waited for before anything is changed, until somebody loses patience", async () => {
    const toolstack = new XlToolstack("xen:///system", domains, folder.file("state"));
    await toolstack.awaitSettled(await domains.find("other"));
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 300);
    const waiting = toolstack.awaitSettled(await domains.find("guest"), abort.signal);
    await expectError(waiting, "cancelled", /its device model hangs/);
  });
});
