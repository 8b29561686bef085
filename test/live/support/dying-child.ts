// Changes a guest and kills itself at one event: URI, verb, name, document, event type, event kind,
// and flags as JSON.
import "reflect-metadata";

import { openSnapshotService } from "../../../src/container.js";
import type { ProgressEvent } from "../../../src/core/execute/progress-event.js";

const [uri = "", verb, name = "", document = "", type, kind, words = "{}"] = process.argv.slice(2);
const service = await openSnapshotService(uri);
const flags = JSON.parse(words) as object;
const onProgress = (event: ProgressEvent) => {
  if (event.type === type && "kind" in event && event.kind === kind)
    process.kill(process.pid, "SIGKILL");
};
if (verb === "create") await service.create("guest", document, flags, { onProgress });
else if (verb === "revert") await service.revert("guest", name, flags, { onProgress });
else await service.delete("guest", name, flags, { onProgress });
