import { stat, writeFile } from "node:fs/promises";

import { formatEmptyVhd, hostImageFiles, openVhd } from "../../../src/formats/vhd/index.js";
import { VhdInspector } from "../../../src/plugins/blktap/vhd-inspector.js";
import { describeImageInspector } from "../../../src/testing/index.js";
import { makeDynamic } from "../../formats/vhd/support/vhd-images.js";

describeImageInspector("VhdInspector", {
  formats: ["vhd", "raw"],
  overlayFormats: ["vhd"],
  snapshotFormats: [],
  open: () => ({
    inspector: new VhdInspector(),
    async makeImage(path, format, sizeBytes) {
      if (format === "raw") await writeFile(path, Buffer.alloc(sizeBytes));
      else await makeDynamic(path, sizeBytes);
    },
    async makeOverlay(path, _format, base) {
      const below = await openVhd(hostImageFiles, base.path);
      const parent = {
        path: base.path,
        uuid: below.footer.uuid,
        changedMs: (await stat(base.path)).mtimeMs,
      };
      await below.layer.close();
      const sizeBytes = below.layer.sizeBytes;
      await writeFile(path, formatEmptyVhd({ sizeBytes, finalPath: path, parent }));
    },
  }),
});
