import { DomsnapError, asDomsnapError } from "../core/errors/index.js";
import type { ImageRef } from "../core/model/index.js";
import type { OperationContext } from "../core/ports/index.js";
import { assertSafeChain } from "./backing-chain.js";
import { syncFile } from "../host/durable-files.js";
import { probeFile } from "../host/probe-file.js";
import { isPresentState, readSnapshotTable } from "../formats/qcow2/snapshot-table.js";
import { findSnapshot, missingSnapshot, type QemuImg } from "../clients/qemu-img.js";
import { SoundImages } from "./sound-images.js";

/** A disk and the image that holds, or is to hold, its internal snapshot. */
export interface InternalStep {
  readonly target: string;
  readonly image: ImageRef;
}

/**
 * Internal snapshots of images that no QEMU has open. Whether a snapshot is the one that a
 * repeated or interrupted call made is told by the image itself: right after it was taken it holds
 * exactly the image's present state.
 */
export class InternalSnapshots {
  constructor(
    private readonly qemuImg: QemuImg,
    private readonly sound = new SoundImages(qemuImg),
  ) {}

  /**
   * The images that still lack the snapshot. Throws `image-conflict` where the name is taken by an
   * older state, `image-in-use`, `image-missing`.
   */
  async missingIn(steps: readonly InternalStep[], tag: string): Promise<InternalStep[]> {
    const missing: InternalStep[] = [];
    for (const step of steps) {
      await assertSafeChain(step.image);
      const id = await this.#find(step.image, tag);
      if (id === undefined) {
        await this.sound.assertSound(step.image);
        missing.push(step);
      } else if (!(await isPresentState(step.image.path, id)))
        throw new DomsnapError(
          "image-conflict",
          `image '${step.image.path}' holds a snapshot '${tag}' already`,
          { hint: "Choose another name, or delete that one with 'qemu-img snapshot -d'." },
        );
    }
    return missing;
  }

  async create(step: InternalStep, tag: string, context: OperationContext): Promise<void> {
    await this.qemuImg.createSnapshot(step.image, tag, { signal: context.signal });
    await syncFile(step.image.path);
  }

  /** Deletes a snapshot that was just taken; one that holds another state is not ours and stays. */
  async takeBack(step: InternalStep, tag: string): Promise<void> {
    // Read natively: where nothing was made there must be no lock and no tool to trip over.
    const id = await readId(step.image, tag);
    if (id !== undefined && !(await isPresentState(step.image.path, id))) return;
    if (id === undefined) return this.sound.mend(step.image);
    await this.qemuImg.deleteSnapshot(step.image, tag);
    await syncFile(step.image.path);
  }

  /**
   * Throws what would keep `apply` from it: `image-conflict` unless every image holds the snapshot
   * exactly once, `disk-unsupported` unless it is whole. `shared` looks at images that a guest has
   * open, too, as far as that can be.
   */
  async assertApplicable(
    steps: readonly InternalStep[],
    tag: string,
    options: { readonly shared?: boolean } = {},
  ): Promise<void> {
    await this.assertHeld(steps, tag, options);
    if (!options.shared) for (const { image } of steps) await this.sound.assertSound(image);
  }

  /**
   * Throws `image-conflict` unless every image holds the snapshot exactly once; `shared` looks at
   * images that a guest has open, too.
   */
  async assertHeld(
    steps: readonly InternalStep[],
    tag: string,
    options: { readonly shared?: boolean } = {},
  ): Promise<void> {
    for (const step of steps) {
      await assertSafeChain(step.image);
      if ((await this.#find(step.image, tag, options)) === undefined)
        throw missingSnapshot(step.image, tag);
    }
  }

  /**
   * Goes back to the snapshot in every image. All are looked at before the first is changed, and
   * all are tried even if one fails, as libvirt does.
   */
  async apply(
    steps: readonly InternalStep[],
    tag: string,
    context: OperationContext,
  ): Promise<void> {
    await this.assertHeld(steps, tag);
    const failures: DomsnapError[] = [];
    for (const step of steps) {
      try {
        await this.#revertOne(step, tag, context);
      } catch (error) {
        failures.push(asDomsnapError(error));
      }
    }
    const [first, ...others] = failures;
    if (first && others.length === 0) throw first;
    if (first)
      throw new DomsnapError(first.code, failures.map((failure) => failure.detail).join("; "));
  }

  /** Throws what would keep `remove` from it: `image-in-use`, `image-conflict`. */
  async assertRemovable(step: InternalStep, tag: string): Promise<void> {
    if (probeFile(step.image.path).kind === "absent") return;
    await assertSafeChain(step.image);
    await this.#find(step.image, tag);
    await this.sound.assertSound(step.image);
  }

  /** Deletes the snapshot. A missing one is told, so that half-deleted snapshots can go for good. */
  async remove(step: InternalStep, tag: string, context: OperationContext): Promise<void> {
    if (probeFile(step.image.path).kind === "absent") {
      context.warn(`image '${step.image.path}' of disk '${step.target}' was gone already`);
      return;
    }
    await assertSafeChain(step.image);
    if ((await this.#find(step.image, tag)) === undefined) {
      // An earlier call may have been killed at its work: it takes the snapshot off the list first.
      await this.sound.mend(step.image);
      context.warn(`image '${step.image.path}' held no snapshot '${tag}'`);
      return;
    }
    await context.commit();
    await this.qemuImg.deleteSnapshot(step.image, tag, { signal: context.signal });
    await syncFile(step.image.path);
  }

  async isHeld(step: InternalStep, tag: string): Promise<boolean> {
    return (await readId(step.image, tag)) !== undefined;
  }

  /** Whether the image's present state is that of the snapshot. */
  async isApplied(step: InternalStep, tag: string): Promise<boolean> {
    const id = await readId(step.image, tag);
    return id !== undefined && (await isPresentState(step.image.path, id));
  }

  async #revertOne(step: InternalStep, tag: string, context: OperationContext): Promise<void> {
    const id = await this.#find(step.image, tag);
    if (id === undefined) throw missingSnapshot(step.image, tag);
    await this.qemuImg.revertToSnapshot(step.image, id, { signal: context.signal });
    await syncFile(step.image.path);
  }

  async #find(
    image: ImageRef,
    tag: string,
    options: { readonly shared?: boolean } = {},
  ): Promise<string | undefined> {
    const { snapshots } = await this.qemuImg.info(image, options);
    return findSnapshot(image, snapshots, tag)?.id;
  }
}

/** The id of the one snapshot with a tag, straight from the image. */
async function readId(image: ImageRef, tag: string): Promise<string | undefined> {
  if (probeFile(image.path).kind === "absent") return undefined;
  const found = (await readSnapshotTable(image.path)).filter((snapshot) => snapshot.tag === tag);
  return found.length === 1 ? found[0]?.id : undefined;
}
