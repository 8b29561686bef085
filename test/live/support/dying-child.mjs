// Changes a guest, by the built library, and kills itself at one event: URI, verb, name, document,
// event type, event kind, flags as JSON, and "guardian" to kill that before.
import { guardiansOf } from "../../support/guardians.mjs";
import { openSnapshotService } from "../../../dist/index.js";

const [uri = "", verb, name = "", document = "", type, kind, words = "{}", who] =
  process.argv.slice(2);
const service = await openSnapshotService(uri);
const flags = JSON.parse(words);
const onProgress = (event) => {
  if (event.type !== type || event.kind !== kind) return;
  if (who === "guardian") for (const pid of guardiansOf(process.pid)) process.kill(pid, "SIGKILL");
  process.kill(process.pid, "SIGKILL");
};
if (verb === "create") await service.create("guest", document, flags, { onProgress });
else if (verb === "revert") await service.revert("guest", name, flags, { onProgress });
else await service.delete("guest", name, flags, { onProgress });
