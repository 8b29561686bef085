import type { CommandSpec } from "./command-spec.js";
import { capabilities } from "./commands/capabilities.js";
import { check } from "./commands/check.js";
import { define } from "./commands/define.js";
import { destroy } from "./commands/destroy.js";
import { domstate } from "./commands/domstate.js";
import { dumpxml } from "./commands/dumpxml.js";
import { echo } from "./commands/echo.js";
import { explain } from "./commands/explain.js";
import { exportSnapshots } from "./commands/export.js";
import { help } from "./commands/help.js";
import { importSnapshots } from "./commands/import.js";
import { list } from "./commands/list.js";
import { exit, quit } from "./commands/quit.js";
import { locks } from "./commands/locks.js";
import { plugins } from "./commands/plugins.js";
import { prune } from "./commands/prune.js";
import { recover } from "./commands/recover.js";
import { resume } from "./commands/resume.js";
import { shutdown } from "./commands/shutdown.js";
import { snapshotCreateAs } from "./commands/snapshot-create-as.js";
import { snapshotCreate } from "./commands/snapshot-create.js";
import { snapshotCurrent } from "./commands/snapshot-current.js";
import { snapshotDelete } from "./commands/snapshot-delete.js";
import { snapshotDumpxml } from "./commands/snapshot-dumpxml.js";
import { snapshotEdit } from "./commands/snapshot-edit.js";
import { snapshotInfo } from "./commands/snapshot-info.js";
import { snapshotList } from "./commands/snapshot-list.js";
import { snapshotParent } from "./commands/snapshot-parent.js";
import { snapshotRevert } from "./commands/snapshot-revert.js";
import { translate } from "./commands/translate.js";
import { serve } from "./commands/serve.js";
import { start } from "./commands/start.js";
import { suspend } from "./commands/suspend.js";
import { undefine } from "./commands/undefine.js";
import { uri } from "./commands/uri.js";
import { version } from "./commands/version.js";
import { cd, pwd } from "./commands/working-folder.js";
import { xlSnapshotCreate } from "./commands/xl-snapshot-create.js";
import { xlSnapshotDelete } from "./commands/xl-snapshot-delete.js";
import { xlSnapshotList } from "./commands/xl-snapshot-list.js";
import { xlSnapshotRevert } from "./commands/xl-snapshot-revert.js";
import { xmlCheck } from "./commands/xml-check.js";
import { xmlFormat } from "./commands/xml-format.js";

/** Every command, in the order of `help`. A new command is one file and one line here. */
export const COMMAND_TABLE: readonly CommandSpec[] = [
  snapshotCreate,
  snapshotCreateAs,
  snapshotCurrent,
  snapshotDelete,
  snapshotDumpxml,
  snapshotEdit,
  snapshotInfo,
  snapshotList,
  snapshotParent,
  snapshotRevert,
  importSnapshots,
  exportSnapshots,
  translate,
  xlSnapshotCreate,
  xlSnapshotList,
  xlSnapshotDelete,
  xlSnapshotRevert,
  define,
  destroy,
  domstate,
  dumpxml,
  list,
  resume,
  shutdown,
  start,
  suspend,
  undefine,
  xmlCheck,
  xmlFormat,
  capabilities,
  uri,
  version,
  cd,
  check,
  echo,
  exit,
  explain,
  help,
  locks,
  plugins,
  prune,
  pwd,
  quit,
  recover,
  serve,
];
