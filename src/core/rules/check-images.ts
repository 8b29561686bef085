import type { DomsnapError } from "../errors/index.js";
import { tagOf, type DomainSnapshot, type ImageRef } from "../model/index.js";
import type { ImageFault, ImageInfo } from "../ports/index.js";
import type { Finding } from "./check-findings.js";

/** What was seen of an image that a record or a definition names. */
export interface ImageFact {
  readonly image: ImageRef;
  readonly info?: ImageInfo;
  /** Whether a definition opens it; an overlay that none opens any more may be gone. */
  readonly opened: boolean;
  /** What else is wrong with it. */
  readonly faults?: readonly ImageFault[];
  /** Why there is no `info`. */
  readonly error?: DomsnapError;
  /** Paths of the images below, nearest first; ends where one is missing or repeats. */
  readonly chain: readonly string[];
  readonly loops: boolean;
  /** How many images the backend lets stand on one another. */
  readonly longestChain?: number;
  /** Images above this one that nobody on the connection names. */
  readonly strangers: readonly string[];
}

/** One disk of a record, with the images that hold its state. */
export interface HeldDisk {
  readonly snapshot: Pick<DomainSnapshot, "name" | "imageTag">;
  readonly target: string;
  readonly mode: "internal" | "external";
  /** The image that the domain used when the snapshot was taken. */
  readonly image: ImageRef;
  /** External: the overlay or the copy. */
  readonly file?: ImageRef;
  readonly externalKind: "overlay" | "copy";
}

export interface ImageFacts {
  readonly images: ReadonlyMap<string, ImageFact>;
  readonly held: readonly HeldDisk[];
  /** By path: who else on the connection needs an image, as a clause. */
  readonly shared: ReadonlyMap<string, string>;
}

/** A chain is long when fewer than this many images can still be added. */
const CHAIN_RESERVE = 3;

/** What is wrong between the records and what the images say of themselves. */
export function checkImages(facts: ImageFacts): Finding[] {
  return [
    ...[...facts.images.values()].flatMap((fact) => checkImage(fact, facts)),
    ...facts.held.flatMap((disk) => checkHeld(disk, facts)),
    ...unrecorded(facts),
    ...unrecordedBases(facts),
  ];
}

function checkImage(fact: ImageFact, { shared, held }: ImageFacts): Finding[] {
  const { path } = fact.image;
  const findings: Finding[] = [];
  if (fact.error) findings.push(...unseen(fact.error, fact, held));
  for (const { kind, reason, remedy } of fact.faults ?? [])
    findings.push({ code: `image-${kind}`, subject: path, detail: reason, advice: remedy });
  if (fact.loops)
    findings.push({
      code: "chain-loop",
      subject: path,
      detail: [path, ...fact.chain].join(" on "),
    });
  const length = fact.chain.length + 1;
  if (fact.longestChain !== undefined && length + CHAIN_RESERVE > fact.longestChain)
    findings.push({
      code: "chain-long",
      subject: path,
      detail: `${length} images stand on one another, ${fact.longestChain} is the most`,
    });
  const user = shared.get(path);
  if (user !== undefined)
    findings.push({
      code: "image-shared",
      subject: path,
      detail: `another domain uses it, too: ${user}`,
    });
  for (const stranger of fact.strangers)
    findings.push({ code: "overlay-unknown", subject: stranger, detail: `it stands on '${path}'` });
  return findings;
}

function unseen(
  { code, message: detail, hint }: DomsnapError,
  { image: { path }, opened }: ImageFact,
  held: readonly HeldDisk[],
): Finding[] {
  const advice = hint === undefined ? {} : { advice: hint };
  if (code !== "image-missing")
    return [{ code: "image-unreadable", subject: path, detail, ...advice }];
  if (opened) return [{ code: "image-missing", subject: path, detail }];
  return held
    .filter(({ file, externalKind }) => file?.path === path && externalKind === "copy")
    .map(({ snapshot, target }) => ({
      code: "snapshot-file-missing",
      subject: path,
      detail: `disk '${target}' of snapshot '${snapshot.name}': ${detail}`,
    }));
}

function checkHeld(disk: HeldDisk, { images }: ImageFacts): Finding[] {
  const image = images.get(disk.image.path);
  const file = disk.file && images.get(disk.file.path);
  if (disk.mode === "internal") return checkInternal(disk, image);
  if (!image?.info || !file?.info) return [];
  return disk.externalKind === "copy"
    ? checkCopy(disk, image.info, file.info)
    : checkOverlay(disk, file);
}

function checkInternal({ snapshot, target, image }: HeldDisk, fact?: ImageFact): Finding[] {
  if (!fact?.info) return [];
  const count = fact.info.snapshots.filter(({ tag }) => tag === tagOf(snapshot)).length;
  if (count === 1) return [];
  return [
    {
      code: count === 0 ? "internal-missing" : "internal-ambiguous",
      subject: image.path,
      detail: `it holds ${count} snapshots '${tagOf(snapshot)}' of disk '${target}'`,
    },
  ];
}

function checkCopy(
  { snapshot, target, file }: HeldDisk,
  image: ImageInfo,
  copy: ImageInfo,
): Finding[] {
  if (image.virtualSizeBytes === copy.virtualSizeBytes) return [];
  return [
    {
      code: "snapshot-file-size",
      subject: file?.path ?? "",
      detail:
        `snapshot '${snapshot.name}' of disk '${target}' has ${copy.virtualSizeBytes} bytes, ` +
        `the disk has ${image.virtualSizeBytes}`,
    },
  ];
}

/** The overlay may have got further images below it since, but never lose the frozen one. */
function checkOverlay({ snapshot, target, image }: HeldDisk, overlay: ImageFact): Finding[] {
  if (overlay.chain.includes(image.path)) return [];
  return [
    {
      code: "overlay-unlinked",
      subject: overlay.image.path,
      detail:
        `snapshot '${snapshot.name}' of disk '${target}' is in '${image.path}', ` +
        `and this overlay does not stand on it`,
    },
  ];
}

function unrecorded({ images, held }: ImageFacts): Finding[] {
  const recorded = new Set(held.map(({ image, snapshot }) => `${image.path}\0${tagOf(snapshot)}`));
  return [...images.values()].flatMap(({ image, info }) =>
    (info?.snapshots ?? [])
      .filter(({ tag }) => !recorded.has(`${image.path}\0${tag}`))
      .map(({ tag, id }): Finding => ({
        code: "internal-unrecorded",
        subject: image.path,
        detail: `it holds snapshot '${tag}' (id ${id})`,
      })),
  );
}

/** Images below a disk, each told once, with the image right above it. */
function unrecordedBases({ images }: ImageFacts): Finding[] {
  const above = new Map<string, string>();
  for (const { image, chain, opened } of images.values()) {
    if (!opened) continue;
    let upper = image.path;
    for (const path of chain) {
      if (!images.has(path) && !above.has(path)) above.set(path, upper);
      upper = path;
    }
  }
  return [...above].map(([path, upper]) => ({
    code: "image-unrecorded",
    subject: path,
    detail: `'${upper}' stands on it`,
  }));
}
