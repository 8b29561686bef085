import type { QmpClient, WaitOptions } from "./qmp-client.js";

/** What `transaction` can do at one instant; QEMU's names and arguments. */
export type TransactionAction =
  /** Put the node `overlay`, opened before with `backing: null`, above `node`. */
  | {
      readonly type: "blockdev-snapshot";
      readonly data: { readonly node: string; readonly overlay: string };
    }
  /** `device` takes the name of a node, too. */
  | {
      readonly type: "blockdev-snapshot-internal-sync";
      readonly data: { readonly device: string; readonly name: string };
    }
  /** Make, open and attach an overlay: slower, the guest's I/O rests meanwhile. */
  | {
      readonly type: "blockdev-snapshot-sync";
      readonly data: {
        readonly "node-name": string;
        readonly "snapshot-node-name": string;
        readonly "snapshot-file": string;
        readonly format: "qcow2" | "qed";
        readonly mode: "absolute-paths" | "existing";
      };
    }
  /** Fails always, so that the rest is tried and undone. */
  | { readonly type: "abort"; readonly data: Readonly<Record<string, never>> };

/** All actions or none, at one instant of the guest. Throws `tool-failed` with QEMU's words. */
export async function runTransaction(
  client: QmpClient,
  actions: readonly TransactionAction[],
  options: WaitOptions = {},
): Promise<void> {
  await client.execute("transaction", { actions }, options);
}

export function attachOverlay(node: string, overlay: string): TransactionAction {
  return { type: "blockdev-snapshot", data: { node, overlay } };
}

export function takeInternalSnapshot(node: string, name: string): TransactionAction {
  return { type: "blockdev-snapshot-internal-sync", data: { device: node, name } };
}
