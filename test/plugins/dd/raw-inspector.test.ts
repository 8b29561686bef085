import { writeFile } from "node:fs/promises";

import { rawInspector } from "../../../src/plugins/dd/raw-inspector.js";
import { describeImageInspector } from "../../../src/testing/index.js";

describeImageInspector("rawInspector", {
  formats: ["raw"],
  overlayFormats: [],
  snapshotFormats: [],
  open: () => ({
    inspector: rawInspector,
    makeImage: (path, _format, sizeBytes) => writeFile(path, Buffer.alloc(sizeBytes)),
  }),
});
