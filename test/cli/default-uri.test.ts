import { expect } from "chai";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { defaultUri, makeDefaultFolder } from "../../src/cli/default-uri.js";

describe("the default URI", () => {
  it("is the one that the environment names", () => {
    expect(defaultUri({ DOMSNAP_DEFAULT_URI: "test:///default" })).to.equal("test:///default");
  });

  it("is a folder of the system for root, and of their own for everyone else", () => {
    expect(defaultUri({ HOME: "/home/user" }, 1000)).to.equal(
      "file:///home/user/.local/share/domsnap",
    );
    expect(defaultUri({ HOME: "/h", XDG_DATA_HOME: "/data" }, 1000)).to.equal(
      "file:///data/domsnap",
    );
    expect(defaultUri({}, 0)).to.be.oneOf(["file:///var/lib/domsnap", "xen:///system"]);
  });

  it("has its folder made, private, and kept when it is there", () => {
    const base = mkdtempSync(join(tmpdir(), "domsnap-uri-"));
    try {
      const folder = join(base, "share", "domsnap");
      makeDefaultFolder(pathToFileURL(folder).href);
      makeDefaultFolder(pathToFileURL(folder).href);
      expect(statSync(folder).mode & 0o777).to.equal(0o700);
    } finally {
      rmSync(base, { recursive: true });
    }
  });
});
