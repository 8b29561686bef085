// Changes a guest and kills itself at one event: URI, verb, name, document, event type, event kind.
import "reflect-metadata";

import { openSnapshotService } from "../../../src/container.js";
import type { ProgressEvent } from "../../../src/core/execute/progress-event.js";

const [uri = "", verb, name = "", document = "", type, kind] = process.argv.slice(2);
const service = await openSnapshotService(uri);
const onProgress = (event: ProgressEvent) => {
  if (event.type === type && "kind" in event && event.kind === kind)
    process.kill(process.pid, "SIGKILL");
};
if (verb === "create") await service.create("guest", document, {}, { onProgress });
else await service.delete("guest", name, {}, { onProgress });
