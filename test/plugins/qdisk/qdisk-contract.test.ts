import { QdiskBackend } from "../../../src/plugins/qdisk/index.js";
import { describeDiskBackend } from "../../../src/testing/disk-backend-contract.js";
import { qemuImages } from "../../support/images/qemu-images.js";

describeDiskBackend("qdisk", {
  forms: [
    { mode: "internal", imageFormat: "qcow2", driverName: "qemu" },
    { mode: "external", imageFormat: "qcow2", driverName: "qemu" },
    { mode: "external", imageFormat: "raw", fileFormat: "qcow2" },
    { mode: "external", imageFormat: "raw", fileFormat: "qed", driverName: "qemu" },
  ],
  open: () => Promise.resolve({ backend: new QdiskBackend(), ...qemuImages }),
});
