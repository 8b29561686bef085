import "reflect-metadata";

import { openXlToolstack } from "../../src/plugins/toolstack-xl/xl-toolstack.js";
import { describeToolstack } from "../../src/testing/index.js";
import { LabGuest } from "./support/lab-guest.js";

const FOLDERS = { configFolder: "/etc/xen", stateFolder: "/var/lib/xen/snapshots" };

/** Runs in dom0 of the Xen lab (`npm run test:xen`). Nobody waits until the guest has booted. */
describe("xen:///system", function () {
  this.timeout(900_000);

  describeToolstack("the toolstack of xl", {
    runsDomains: true,
    open: () => {
      const uuid = "70000000-1c1d-4e5f-8a6b-0123456789ab";
      const guest = new LabGuest("contract", uuid, [{ vdev: "xvda", format: "qcow2" }]);
      guest.define();
      return Promise.resolve({
        toolstack: openXlToolstack("xen:///system", FOLDERS),
        domain: guest.name,
        dispose: () => Promise.resolve(guest.remove()),
      });
    },
  });
});
