import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Xl } from "../../../src/clients/xl/index.js";
import { ConfigFolder } from "../../../src/plugins/toolstack-xl/config-folder.js";
import { XenDomains } from "../../../src/plugins/toolstack-xl/xen-domains.js";
import { XlToolstack } from "../../../src/plugins/toolstack-xl/xl-toolstack.js";
import { describeToolstack } from "../../../src/testing/index.js";
import { makeRecordedXl } from "./support/recorded-xl.js";

/** The recorded guest, as its file has it. */
const CONFIG = `name = "recorded"
uuid = "3b7c6be4-1c1d-4e5f-8a6b-0123456789ab"
type = "pv"
kernel = "/opt/guest/vmlinux"
memory = 128
disk = [ "format=qcow2,vdev=xvda,access=rw,backendtype=tap,target=/var/lib/xen/images/recorded-a.img" ]
`;

describeToolstack("XlToolstack, by what xl 4.17 has said", {
  runsDomains: true,
  open: () => {
    const folder = mkdtempSync(join(tmpdir(), "domsnap-xl-"));
    const configs = join(folder, "etc");
    mkdirSync(configs);
    writeFileSync(join(configs, "recorded.cfg"), CONFIG);
    const domains = new XenDomains(new Xl(makeRecordedXl(folder)), new ConfigFolder(configs));
    return Promise.resolve({
      toolstack: new XlToolstack("xen:///system", domains, join(folder, "snapshots")),
      domain: "recorded",
      dispose: () => Promise.resolve(rmSync(folder, { recursive: true })),
    });
  },
});
