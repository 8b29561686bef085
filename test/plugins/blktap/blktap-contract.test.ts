import { BlktapBackend } from "../../../src/plugins/blktap/index.js";
import { describeDiskBackend } from "../../../src/testing/disk-backend-contract.js";
import { vhdImages } from "../../formats/vhd/support/vhd-images.js";

describeDiskBackend("blktap", {
  forms: [
    { mode: "external", imageFormat: "vhd", driverName: "tap" },
    { mode: "external", imageFormat: "raw", fileFormat: "vhd", driverName: "tap2" },
  ],
  open: () => Promise.resolve({ backend: new BlktapBackend(), ...vhdImages }),
});
