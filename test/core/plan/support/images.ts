import type { ImageFormat } from "../../../../src/core/model/index.js";

/** How many blocks an image has: enough for layers to hide one another in part. */
export const BLOCKS = 3;

/** What was written to an image itself, by block. */
export type Layer = ReadonlyMap<number, string>;

/** An image as a plain value: a layer above another image, with the layers that it keeps inside. */
export interface Image {
  readonly format: ImageFormat;
  readonly layer: Layer;
  /** Path of the image that it stands on. */
  readonly backing?: string;
  /** Layers of the internal snapshots, by tag. */
  readonly inside: ReadonlyMap<string, Layer>;
  /** Whether a plan has made it: nothing else may ever be unlinked. */
  readonly ours: boolean;
}

export type Images = ReadonlyMap<string, Image>;

/** The model found something that no decision may lead to. */
export class Violation extends Error {}

export function imageAt(images: Images, path: string): Image {
  const image = images.get(path);
  if (image) return image;
  throw new Violation(`there is no image '${path}'`);
}

export function newImage(image: Pick<Image, "format"> & Partial<Image>): Image {
  return { layer: new Map(), inside: new Map(), ours: false, ...image };
}

/** An empty overlay on what stands at a path. */
export function overlayOn(images: Images, backing: string, format: ImageFormat): Image {
  imageAt(images, backing);
  return newImage({ format, backing, ours: true });
}

/** All that a reader of the image sees, through the chain below it. */
export function contentOf(images: Images, path: string): string {
  return contentOver(images, imageAt(images, path).layer, path);
}

/** What going back to an internal snapshot would show. */
export function contentInside(images: Images, path: string, tag: string): string {
  const layer = imageAt(images, path).inside.get(tag);
  if (!layer) throw new Violation(`image '${path}' holds no snapshot '${tag}'`);
  return contentOver(images, layer, path);
}

/** The paths from an image down to its root. */
export function chainOf(images: Images, path: string): string[] {
  const chain = [path];
  for (let { backing } = imageAt(images, path); backing !== undefined;) {
    if (chain.includes(backing)) throw new Violation(`'${path}' stands on itself`);
    chain.push(backing);
    ({ backing } = imageAt(images, backing));
  }
  return chain;
}

export function dependentsIn(images: Images, path: string): string[] {
  return [...images].flatMap(([upper, { backing }]) => (backing === path ? [upper] : [])).sort();
}

export function withImage(images: Images, path: string, image: Image): Images {
  return new Map([...images, [path, image]]);
}

export function withoutImage(images: Images, path: string): Images {
  return new Map([...images].filter(([other]) => other !== path));
}

/** The image under another name, which nothing may have. */
export function renamed(images: Images, from: string, to: string): Images {
  return withImage(withoutImage(images, from), assertFree(images, to), imageAt(images, from));
}

/** Throws unless nothing stands at the path. */
export function assertFree(images: Images, path: string): string {
  if (images.has(path)) throw new Violation(`'${path}' would be overwritten`);
  return path;
}

function contentOver(images: Images, top: Layer, path: string): string {
  const [, ...below] = chainOf(images, path);
  const layers = [top, ...below.map((lower) => imageAt(images, lower).layer)];
  return Array.from(
    { length: BLOCKS },
    (_, block) => layers.find((layer) => layer.has(block))?.get(block) ?? ".",
  ).join("");
}
