import { asDomsnapError, DomsnapError } from "../../core/errors/index.js";
import { emptiedBy, type ImageRef, type MergeStep } from "../../core/model/index.js";
import type { Evidence, OperationContext } from "../../core/ports/index.js";
import { backsOn } from "../backing-chain.js";
import { syncFile } from "../../host/durable-files.js";
import { identifyEntry, knownAt, unlinkKnown } from "../../host/file-identity.js";
import type { QemuImg } from "../../clients/qemu-img.js";
import {
  cancelJob,
  completeJob,
  dismissJob,
  findJob,
  queryBlockGraph,
  queryJobs,
  startJob,
  waitForJob,
  type BlockDevice,
  type BlockGraph,
  type JobRequest,
  type QmpClient,
  type QmpJob,
} from "../../clients/qmp/index.js";
import {
  formatNodeOf,
  goOn,
  imageIdentity,
  isRunning,
  pauseGuest,
  type ChangeOver,
  type LiveGuest,
} from "./live-guest.js";
import { MergeConvergence } from "./merge-convergence.js";
import { closeImage, isInChain } from "./overlay-nodes.js";
import { watchDowntime } from "./downtime-watch.js";

export interface LiveMergeOptions {
  /** Whether the guest is to run. */
  readonly resume: boolean;
  readonly qemuImg: QemuImg;
}

/**
 * Merges overlays that the guest has open, one after the other. One that an earlier call had begun
 * goes first: the guest may have to wait for it.
 */
export async function mergeOpenOverlays(
  guest: LiveGuest,
  client: QmpClient,
  steps: readonly MergeStep[],
  options: LiveMergeOptions,
  context: OperationContext,
): Promise<void> {
  const jobs = new Set((await queryJobs(client)).map(({ id }) => id));
  const isBegun = (step: MergeStep) => jobs.has(jobOf(step));
  const ordered = [...steps.filter(isBegun), ...steps.filter((step) => !isBegun(step))];
  for (const step of ordered) await mergeOpenOverlay(guest, client, step, options, context);
}

/**
 * Merges an overlay that the guest has open with the image below, and closes the one of the two that
 * is left over. Attaches to the job of an earlier call. Does nothing but tidy up when it has happened.
 *
 * When the guest writes to the overlay itself and that goes down, it is paused while it changes
 * over, and the overlay is unlinked before it goes on: from then on the image below is the newer
 * one, and after a crash the overlay must not be taken for it. Where it cannot be unlinked the guest
 * stays paused. On abort the job is cancelled and `cancelled` thrown; the guest goes on in its
 * overlay, and another call begins anew.
 */
async function mergeOpenOverlay(
  guest: LiveGuest,
  client: QmpClient,
  step: MergeStep,
  { resume, qemuImg }: LiveMergeOptions,
  context: OperationContext,
): Promise<void> {
  const id = jobOf(step);
  const { path: emptied } = emptiedBy(step);
  const watch = watchDowntime(client);
  let bytesWritten = 0;
  try {
    if (!(await findJob(client, id)) && (await isInChain(client, emptied))) {
      const request = requestFor(id, step, await queryBlockGraph(client));
      await context.commit();
      await startJob(client, request);
    }
    if (await findJob(client, id))
      bytesWritten = await finishJob(guest, client, id, { step, resume }, context);
    if (await isInChain(client, emptied)) {
      await dismissJob(client, id);
      throw notMerged(step, emptied);
    }
    if (step.into !== "overlay") await followDown(guest, step, qemuImg, context);
  } catch (thrown) {
    watch.stop();
    if (await isHeldBack(guest, client, step, context)) throw heldBack(step, thrown);
    await goOn(guest, client, resume);
    throw thrown;
  }
  await goOn(guest, client, resume);
  watch.stop();
  // Where the host runs the processors, QEMU does not know how long they were paused.
  context.report?.({ bytesWritten, ...(guest.processors ? {} : { downtimeMs: watch.downtimeMs }) });
  await dismissJob(client, id);
  await closeImage(client, emptied);
}

/** The job of a merge. QEMU knows it until the guest may go on. */
function jobOf({ target }: MergeStep): string {
  return `domsnap-merge-${target}`;
}

/** Whether a merge of these is under way in QEMU, or has ended there and is to be tidied up. */
export async function isBegun(client: QmpClient, step: MergeStep): Promise<boolean> {
  return (await findJob(client, jobOf(step))) !== undefined;
}

/** Whether the guest is paused, and has to stay so. */
async function isHeldBack(
  { processors }: LiveGuest,
  client: QmpClient,
  step: MergeStep,
  context: OperationContext,
): Promise<boolean> {
  if (await mayGoOn(client, step, context)) return false;
  // An overlay that the guest does not write to is merged while it runs.
  return processors !== undefined || !(await isRunning(client));
}

/**
 * Whether the guest may write, as far as a merge goes: not while it would write to the image below
 * and the overlay, which is older then, could be taken for the newer one.
 */
export async function mayGoOn(
  client: QmpClient,
  step: MergeStep,
  { evidence }: { readonly evidence: Evidence },
): Promise<boolean> {
  if (step.into === "overlay" || step.relink.length > 0) return true;
  const { path } = step.overlay;
  if (!(await isBegun(client, step)) || (await isInChain(client, path))) return true;
  try {
    const identity = await identifyEntry(path);
    return identity === undefined || !knownAt(path, evidence).includes(identity);
  } catch {
    // Nobody knows what a power failure would leave of it.
    return false;
  }
}

/** What named the overlay names the image below from now on. */
async function followDown(
  guest: LiveGuest,
  step: MergeStep,
  qemuImg: QemuImg,
  context: OperationContext,
): Promise<void> {
  const { target, overlay, base, relink: others } = step;
  try {
    await guest.follow?.([{ target, from: overlay, to: base }]);
  } finally {
    for (const image of others) await relink(qemuImg, image, step, context);
    if (others.length === 0)
      await unlinkKnown(overlay.path, knownAt(overlay.path, context.evidence));
  }
}

function requestFor(id: string, step: MergeStep, graph: BlockGraph): JobRequest {
  return step.into === "overlay"
    ? streamRequest(id, step, step.onto, graph)
    : commitRequest(id, step, graph);
}

/** QEMU writes the new backing image into the overlay's header when all is pulled up. */
function streamRequest(
  id: string,
  { overlay }: MergeStep,
  onto: ImageRef,
  graph: BlockGraph,
): JobRequest {
  return {
    id,
    command: "block-stream",
    arguments: {
      device: formatNodeOf(graph, overlay.path).name,
      "base-node": formatNodeOf(graph, onto.path).name,
      "backing-file": onto.path,
      "auto-dismiss": false,
    },
  };
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

/** Gives the bytes that were copied. */
async function finishJob(
  guest: LiveGuest,
  client: QmpClient,
  id: string,
  { step, resume }: { readonly step: MergeStep; readonly resume: boolean },
  context: OperationContext,
): Promise<number> {
  const job = await awaitReady(client, id, step, context);
  const changeOver = async () => {
    if (resume) await guest.guard?.changeOver(changeOverOf(id, step, context));
  };
  if (job.status === "ready") {
    // Most of it, while the guest still runs.
    await syncFile(step.base.path);
    if (resume) await guest.guard?.begin();
    await pauseGuest(guest, client);
    await changeOver();
    await completeJob(client, id);
    await waitForJob(client, id, ["concluded"]);
  } else if (!(await mayGoOn(client, step, context))) await changeOver();
  await assertSucceeded(client, id, step);
  // It has the image below open until it is dismissed.
  if (step.into === "overlay") await dismissJob(client, id);
  await syncFile(step.into === "overlay" ? step.overlay.path : step.base.path);
  // A job that is never ready counts what it skips as well.
  const most = job.status === "ready" ? Infinity : (step.bytes ?? Infinity);
  return Math.min(job.progressDone, most);
}

/** What remains to be done before the guest may go on, if that is all. */
function changeOverOf(
  job: string,
  { base, overlay, relink: others }: MergeStep,
  { evidence }: OperationContext,
): ChangeOver | undefined {
  if (others.length > 0) return undefined;
  const known = knownAt(overlay.path, evidence);
  return { job, base: base.path, overlay: overlay.path, known };
}

async function assertSucceeded(client: QmpClient, id: string, step: MergeStep): Promise<void> {
  const { error } = (await findJob(client, id)) ?? {};
  if (error === undefined) return;
  await dismissJob(client, id);
  const command = step.into === "overlay" ? "block-stream" : "block-commit";
  throw new DomsnapError("tool-failed", `QEMU's job '${command}' failed: ${error}`);
}

async function awaitReady(
  client: QmpClient,
  id: string,
  { target }: MergeStep,
  { signal, progress, warn }: OperationContext,
): Promise<QmpJob> {
  const convergence = new MergeConvergence(target);
  try {
    return await waitForJob(client, id, ["ready"], {
      signal,
      onProgress: ({ progressDone, progressTotal }) => {
        progress({ bytesDone: progressDone, bytesTotal: progressTotal, subject: target });
        const warning = convergence.update(progressDone, progressTotal, performance.now());
        if (warning !== undefined) warn(warning);
      },
    });
  } catch (thrown) {
    if (!(thrown instanceof DomsnapError) || thrown.code !== "cancelled") throw thrown;
    await cancelJob(client, id);
    throw new DomsnapError("cancelled", `merging disk '${target}' was cancelled`, {
      cause: thrown,
      hint: "Wait with the rest as long as you like: the guest goes on as it is.",
    });
  }
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

function notMerged({ target }: MergeStep, path: string): DomsnapError {
  return new DomsnapError(
    "operation-failed",
    `disk '${target}': QEMU still uses image '${path}' after merging it`,
  );
}

/** The guest stays paused: what it wrote to the image below would be lost with the next power failure. */
function heldBack({ base, overlay }: MergeStep, cause: unknown): DomsnapError {
  const { code, detail, hint } = asDomsnapError(cause);
  return new DomsnapError(
    code,
    `${detail}; the guest stays paused, since it must not go on in '${base.path}' while ` +
      `'${overlay.path}' is there`,
    { cause: asDomsnapError(cause), ...(hint !== undefined && { hint }) },
  );
}
