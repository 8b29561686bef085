import { DdBackend } from "../../../src/plugins/dd/index.js";
import { describeDiskBackend } from "../../../src/testing/disk-backend-contract.js";
import { qemuImages } from "../../support/images/qemu-images.js";

describeDiskBackend("dd", {
  forms: [
    { mode: "external", imageFormat: "raw" },
    { mode: "external", imageFormat: "raw", fileFormat: "raw", driverName: "qemu" },
  ],
  open: () => Promise.resolve({ backend: new DdBackend(), ...qemuImages }),
});
