import type { CreateFlag, DeleteFlag, ListFlag, RevertFlag } from "../model/index.js";

/**
 * The differences between libvirt's drivers (and ours) as data, so that one set of rules serves all.
 * `qemu` and `test` answer exactly as libvirt 9.0's drivers; `domsnap` starts from `qemu` and
 * lifts what our backends can do: each disk on its own, so that internal and external disks mix.
 */
export interface DriverRules {
  readonly name: "qemu" | "test" | "domsnap";
  readonly createFlags: ReadonlySet<CreateFlag>;
  readonly deleteFlags: ReadonlySet<DeleteFlag>;
  readonly revertFlags: ReadonlySet<RevertFlag>;
  readonly listFlags: ReadonlySet<ListFlag>;
}
