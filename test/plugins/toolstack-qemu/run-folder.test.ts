import { expect } from "chai";

import { runFolder } from "../../../src/plugins/toolstack-qemu/run-folder.js";

describe("the folder of a running guest", () => {
  it("has the names that the guests were started with, which run on when domsnap is replaced", () => {
    expect(runFolder("/srv/vms", "vm1")).to.deep.equal({
      path: "/srv/vms/run/vm1",
      pidFile: "/srv/vms/run/vm1/pid",
      monitor: "/srv/vms/run/vm1/monitor",
      queryMonitor: "/srv/vms/run/vm1/query",
      agent: "/srv/vms/run/vm1/agent",
      frozen: "/srv/vms/run/vm1/frozen",
      console: "/srv/vms/run/vm1/console.log",
      log: "/srv/vms/run/vm1/qemu.log",
      definition: "/srv/vms/run/vm1/definition.xml",
    });
  });
});
