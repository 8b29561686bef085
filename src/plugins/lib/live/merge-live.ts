import { DomsnapError } from "../../../core/errors/index.js";
import type { MergeStep } from "../../../core/plan/operation.js";
import type { OperationContext } from "../../../core/ports/index.js";
import { backsOn } from "../backing-chain.js";
import { syncFile, unlinkDurably } from "../durable-files.js";
import type { QemuImg } from "../qemu-img.js";
import {
  completeJob,
  concludeJob,
  findJob,
  queryBlockGraph,
  startJob,
  waitForJob,
  type BlockDevice,
  type BlockGraph,
  type JobRequest,
  type QmpClient,
} from "../qmp/index.js";
import { formatNodeOf, goOn, imageIdentity, standStill, type LiveGuest } from "./live-guest.js";
import { closeImage, isInChain } from "./overlay-nodes.js";

/**
 * Merges an overlay that the guest has open into the image below, and closes it. Attaches to the
 * job of an earlier call. Does nothing but tidy up when QEMU has the overlay in no chain any more.
 *
 * When the guest writes to the overlay itself, it stands still while it changes over, and the
 * overlay is unlinked before it goes on: from then on the image below is the newer one, and after
 * a crash the overlay must not be taken for it.
 */
export async function mergeOpenOverlay(
  guest: LiveGuest,
  client: QmpClient,
  step: MergeStep,
  { resume, qemuImg }: { readonly resume: boolean; readonly qemuImg: QemuImg },
  context: OperationContext,
): Promise<void> {
  const id = `domsnap-merge-${step.target}`;
  try {
    if (!(await findJob(client, id)) && (await isInChain(client, step.overlay.path)))
      await startJob(client, commitRequest(id, step, await queryBlockGraph(client)));
    if (await findJob(client, id)) await finishJob(guest, client, id, step, context);
    if (await isInChain(client, step.overlay.path)) throw notMerged(step);
    try {
      await guest.follow?.([{ target: step.target, from: step.overlay, to: step.base }]);
    } finally {
      for (const image of step.relink) await relink(qemuImg, image, step, context);
      if (step.relink.length === 0) await unlinkDurably(step.overlay.path);
    }
  } finally {
    await goOn(guest, client, resume);
  }
  await closeImage(client, step.overlay.path);
}

function commitRequest(id: string, { base, overlay, target }: MergeStep, graph: BlockGraph) {
  const identity = imageIdentity(overlay.path);
  const inChain = ({ chain = [] }: BlockDevice) =>
    chain.some((name) => imageIdentity(name) === identity);
  const device = graph.devices.find(inChain);
  const [top] = device?.chain ?? [];
  if (top === undefined) throw new DomsnapError("operation-failed", `disk '${target}' is not open`);
  const isTop = imageIdentity(top) === identity;
  const nodes = {
    device: formatNodeOf(graph, top).name,
    "base-node": formatNodeOf(graph, base.path).name,
  };
  const between = { "top-node": formatNodeOf(graph, overlay.path).name, "backing-file": base.path };
  return {
    id,
    command: "block-commit",
    arguments: { ...nodes, ...(isTop ? {} : between), "auto-dismiss": false },
  } satisfies JobRequest;
}

async function finishJob(
  guest: LiveGuest,
  client: QmpClient,
  id: string,
  step: MergeStep,
  { signal, progress }: OperationContext,
): Promise<void> {
  const job = await waitForJob(client, id, ["ready"], {
    signal,
    onProgress: ({ progressDone, progressTotal }) => {
      progress({ bytesDone: progressDone, bytesTotal: progressTotal, subject: step.target });
    },
  });
  if (job.status === "ready") {
    await standStill(guest, client);
    await completeJob(client, id);
    await waitForJob(client, id, ["concluded"]);
  }
  await concludeJob(client, { id, command: "block-commit" });
  await syncFile(step.base.path);
}

/** QEMU has written the headers of the images that it has open; others are on other branches. */
async function relink(
  qemuImg: QemuImg,
  image: MergeStep["overlay"],
  { base }: MergeStep,
  { signal }: OperationContext,
): Promise<void> {
  if (await backsOn(image.path, base.path)) return;
  await qemuImg.rebase(image, base, { contentSame: true, signal });
  await syncFile(image.path);
}

function notMerged({ target, overlay }: MergeStep): DomsnapError {
  return new DomsnapError(
    "operation-failed",
    `disk '${target}': QEMU still uses image '${overlay.path}' after merging it`,
  );
}
