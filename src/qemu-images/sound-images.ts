import type { QemuImg, ImageCheck } from "../clients/qemu-img.js";
import { DomsnapError } from "../core/errors/index.js";
import type { ImageRef } from "../core/model/index.js";
import { readImageHeader } from "../formats/qcow2/header.js";
import { findMisplaced } from "../formats/qcow2/places.js";
import { readCopySource } from "../host/copy-file.js";
import { syncFile } from "../host/durable-files.js";
import { markedCorrupt } from "./backing-chain.js";

type Image = Pick<ImageRef, "path" | "format">;

/** What looking through all tables of an image has brought to light. */
export interface ImageCondition {
  /** Why nothing may be built on the image. */
  readonly damage?: DomsnapError;
  /** Clusters that take room and belong to nothing. */
  readonly leaks: number;
}

/**
 * Whether qcow2 and qed images are whole: what they speak of is in the file, and their tables and
 * their counts of references agree. That takes as long as reading the tables, so an image that was
 * found whole and is the same file as then is not looked through again.
 */
export class SoundImages {
  readonly #whole = new Map<string, string>();

  constructor(private readonly qemuImg: QemuImg) {}

  /**
   * Throws `disk-unsupported` for an image on which nothing may be built, with what to do for it, and
   * `image-in-use` for one that a program has open. Images of other formats pass.
   */
  async assertSound(image: Image): Promise<void> {
    if (!hasTables(image)) return;
    const { version } = await readCopySource(image.path);
    if (this.#whole.get(image.path) === version) return;
    const { damage } = await this.examine(image);
    if (damage) throw damage;
    this.#whole.set(image.path, version);
  }

  /** Looks through an image that no program has open. Throws `image-in-use`, `image-missing`. */
  async examine(image: Image): Promise<ImageCondition> {
    if (!hasTables(image)) return { leaks: 0 };
    const header = await readImageHeader(image.path);
    if (header?.corrupt) return { damage: markedCorrupt(image.path), leaks: 0 };
    // Nobody can look into it without its key.
    if (header?.encryption !== undefined) return { leaks: 0 };
    // Its counts are known to be behind; QEMU mends it when it next writes to it.
    if (header?.dirty) return { leaks: 0 };
    if (header?.backingLost) return { damage: withoutBase(image), leaks: 0 };
    const found = await this.qemuImg.check(image);
    const damage = (await misplaced(image)) ?? contradiction(image, found);
    return { ...(damage && { damage }), leaks: found.leaks };
  }

  /**
   * Puts right what a qemu-img that was killed at its work on a snapshot leaves, as far as that can
   * be: nothing is lost by leaving it, and the next look tells of it.
   */
  async mend(image: Image): Promise<void> {
    try {
      const { leaks, corruptions, errors } = await this.qemuImg.check(image);
      if (leaks + corruptions + errors === 0) return;
      await this.qemuImg.repairLeaks(image);
      await syncFile(image.path);
    } catch (thrown) {
      if (!(thrown instanceof DomsnapError)) throw thrown;
    }
  }
}

function hasTables({ format }: Image): boolean {
  return format === "qcow2" || format === "qed";
}

function withoutBase({ path, format }: Image): DomsnapError {
  return damaged(
    path,
    "its header tells the format of a backing image, and not which one it is",
    `Run 'qemu-img rebase -u -f ${format} -b BASE -F FORMAT ${path}' with the right base.`,
  );
}

async function misplaced({ path, format }: Image): Promise<DomsnapError | undefined> {
  if (format !== "qcow2") return undefined;
  const { sizeBytes } = await readCopySource(path);
  const reason = await findMisplaced(path, sizeBytes);
  if (reason === undefined) return undefined;
  return damaged(path, `${reason}: it was cut off, or damaged`, "Restore the file from a backup.");
}

function contradiction({ path, format }: Image, found: ImageCheck): DomsnapError | undefined {
  const { corruptions, errors, complaint } = found;
  if (corruptions + errors === 0) return undefined;
  const more = complaint === undefined ? "" : `, the first: ${complaint}`;
  return damaged(
    path,
    `'qemu-img check' finds ${corruptions + errors} contradictions in it${more}`,
    `Run 'qemu-img check -r leaks -f ${format} ${path}', which risks nothing and puts right what a program leaves that was killed at a snapshot. If that does not help, restore the file from a backup.`,
  );
}

function damaged(path: string, reason: string, hint: string): DomsnapError {
  return new DomsnapError("disk-unsupported", `image '${path}' cannot be used: ${reason}`, {
    hint,
  });
}
