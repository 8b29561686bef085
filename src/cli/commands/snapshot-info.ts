import { isExternalSnapshot, type SnapshotHead } from "../../core/model/index.js";
import { defineCommand } from "../command-spec.js";
import { formatInfo } from "../render/info.js";
import { snapshotJson } from "../render/json.js";
import { bool, DOMAIN, SNAPSHOT_NAME } from "./common-options.js";
import { findSnapshot } from "./snapshot-argument.js";

export const snapshotInfo = defineCommand({
  name: "snapshot-info",
  group: "snapshot",
  summary: "print what is known of a snapshot",
  options: [DOMAIN, SNAPSHOT_NAME, bool("current", "of the current snapshot")],
  changes: false,
  async run(context) {
    const domain = await context.identity();
    const name = await findSnapshot(context, domain);
    const service = await context.service();
    const { head, current, children, descendants } = await service.info(domain.uuid, name);
    const text = formatInfo([
      ["Name", head.name],
      ["Domain", domain.name],
      ["Current", current ? "yes" : "no"],
      ["State", head.state ?? "-"],
      ["Location", isExternal(head) ? "external" : "internal"],
      ["Parent", head.parent ?? "-"],
      ["Children", String(children)],
      ["Descendants", String(descendants)],
      ["Metadata", "yes"],
    ]);
    const snapshot = snapshotJson(head);
    return { text, data: { domain: domain.name, snapshot, current, children, descendants } };
  },
});

/** virsh goes by the document; one without `<memory>` is external only as a disk snapshot. */
function isExternal(head: SnapshotHead): boolean {
  return head.memory === undefined ? head.state === "disk-snapshot" : isExternalSnapshot(head);
}
