import { expect } from "chai";

import { lastWatched } from "../../../src/plugins/toolstack-xl/watching-xl.js";

/** As xl 4.17 writes it to /var/log/xen/xl-NAME.log, over a reboot of the guest. */
const LOG = `Waiting for domain t (domid 1) to die [pid 180]
Domain 1 has shut down, reason code 1 0x1
Action for shutdown reason code 1 is restart
Domain 1 needs to be cleaned up: destroying the domain
Done. Rebooting now
Waiting for domain t (domid 3) to die [pid 180]
`;

describe("lastWatched", () => {
  it("tells the domain that an xl watches now, after reboots too", () => {
    expect(lastWatched(LOG, 180)).to.equal(3);
    expect(lastWatched(LOG.split("Done.")[0] ?? "", 180)).to.equal(1);
  });

  it("takes no line of another process, and no name for one", () => {
    expect(lastWatched(LOG, 18)).to.equal(undefined);
    expect(lastWatched("Parsing config from /etc/xen/t.cfg\n", 180)).to.equal(undefined);
    const hostile = "Waiting for domain a (domid 7) to die [pid 9] b (domid 2) to die [pid 180]";
    expect(lastWatched(hostile, 180)).to.equal(2);
  });
});
