import { DomsnapError } from "../errors/index.js";
import { RANK, type ImageFormat, type ImageRef } from "../model/index.js";
import type { ImageFault, ImageInfo, ImageInspector } from "../ports/index.js";

/** Who can look into an image, told by its format alone: it may be nobody's who keeps states. */
export class ImageInspectors {
  readonly #all: readonly ImageInspector[];

  /** In which order they were registered never matters. */
  constructor(inspectors: readonly ImageInspector[]) {
    this.#all = [...inspectors].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Who reads a format best; of equal ones the id that sorts first. */
  of(format: ImageFormat): ImageInspector | undefined {
    const rankOf = (inspector: ImageInspector) => inspector.rank(format) ?? RANK.refuses;
    const [best] = this.#all
      .filter((inspector) => rankOf(inspector) > RANK.refuses)
      .sort((a, b) => rankOf(b) - rankOf(a));
    return best;
  }

  /** Throws `tool-missing` if nobody reads the format, and what the inspector throws. */
  async inspect(image: ImageRef): Promise<ImageInfo> {
    const inspector = this.of(image.format);
    if (inspector) return inspector.inspect(image);
    throw new DomsnapError(
      "tool-missing",
      `nobody can look into '${image.path}', an image of the format ${image.format}`,
      { hint: "Install the plugin that reads this format." },
    );
  }

  /** The image below one. Throws like `inspect`. */
  async below(image: ImageRef): Promise<ImageInfo["backing"]> {
    const inspector = this.of(image.format);
    if (inspector?.below) return inspector.below(image);
    return (await this.inspect(image)).backing;
  }

  /** See `ImageInspector.examine`; nothing of a format that nobody examines. */
  async examine(image: ImageRef): Promise<readonly ImageFault[]> {
    return (await this.of(image.format)?.examine?.(image)) ?? [];
  }

  /** Images of any format that stand on `image`, sorted. Throws what an inspector throws. */
  async findDependents(
    image: ImageRef,
    candidates?: readonly string[],
  ): Promise<readonly string[]> {
    const found = this.#all.map((inspector) => inspector.findDependents(image, candidates));
    return [...new Set((await Promise.all(found)).flat())].sort();
  }

  /**
   * Visits the paths of the images below one, from the top down; true if they stand on one another
   * in a circle. Throws what `inspect` throws, when all above were visited.
   */
  async walkBelow(top: ImageInfo, visit: (path: string) => void): Promise<boolean> {
    const seen = new Set([top.path]);
    for (let { backing } = top; backing;) {
      const { path, format = "raw" }: NonNullable<ImageInfo["backing"]> = backing;
      if (seen.has(path)) return true;
      seen.add(path);
      visit(path);
      ({ backing } = await this.inspect({ path, type: "file", format }));
    }
    return false;
  }
}
