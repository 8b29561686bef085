import "reflect-metadata";

import { patience } from "../../scripts/test-run/patience.cjs";
import { itTakesSnapshots, useRunningGuest } from "./support/running-guest.js";

/** Runs in dom0 of the Xen lab (`npm run test:xen`), as that of PV guests does. */
describe("a running PVH guest with qcow2 and raw disks", function () {
  this.timeout(patience(300_000));

  itTakesSnapshots("pvh", useRunningGuest("pvh", "20000000-1c1d-4e5f-8a6b-0123456789ab"));
});
