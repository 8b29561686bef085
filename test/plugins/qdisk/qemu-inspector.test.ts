import { writeFile } from "node:fs/promises";

import { QemuInspector } from "../../../src/plugins/qdisk/qemu-inspector.js";
import { describeImageInspector } from "../../../src/testing/index.js";
import { exec } from "../../support/images/qemu-images.js";

describeImageInspector("QemuInspector", {
  formats: ["raw", "qcow2", "qed", "vmdk", "vdi"],
  overlayFormats: ["qcow2", "qed"],
  snapshotFormats: ["qcow2"],
  open: () => ({
    inspector: new QemuInspector(),
    async makeImage(path, format, sizeBytes) {
      if (format === "raw") await writeFile(path, Buffer.alloc(sizeBytes));
      else await exec("qemu-img", "create", "-q", "-f", format, `file:${path}`, `${sizeBytes}`);
    },
    async makeOverlay(path, format, base) {
      const below = ["-b", base.path, "-F", base.format];
      await exec("qemu-img", "create", "-q", "-f", format, ...below, path);
    },
    async makeSnapshot({ path, format }, tag) {
      const options = `driver=${format},file.driver=file,file.filename=${path.replaceAll(",", ",,")}`;
      await exec("qemu-img", "snapshot", "-q", "-c", tag, "--image-opts", options);
    },
  }),
});
