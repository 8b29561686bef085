import { isActive, type Domain, type ImageRef } from "../../../../src/core/model/index.js";
import type {
  Answer,
  ImageFacts,
  ImageState,
  Locator,
} from "../../../../src/core/plan/image-facts.js";
import { imagesOf } from "../../../../src/core/plan/disk-images.js";
import type { FileProbe } from "../../../../src/core/ports/index.js";
import { externalFileName } from "../../../../src/core/rules/index.js";
import { chainOf, dependentsIn, imageAt, type Images } from "./images.js";
import type { World } from "./simulate-plan.js";

/** Whatever a decision may ask of a world: all images, with all that stands on them. */
export function survey({ images }: World, foreign: ReadonlySet<Locator>): ImageFacts {
  const paths = [...images.keys()];
  return {
    dependents: new Map(paths.map((path) => [path, known(dependentsIn(images, path))])),
    states: new Map(paths.map((path) => [path, stateOf(images, path)])),
    foreign,
  };
}

/** The domain as a toolstack would tell of it. */
export function domainOf({ definition, live }: World): Domain {
  const { name, uuid } = definition;
  const off = { name, uuid, persistent: true, state: "shutoff", definition } as const;
  return live
    ? { ...off, id: 1, state: "running", definition: live, inactiveDefinition: definition }
    : off;
}

export function probeOf({ images }: World): FileProbe {
  return (path) => (images.has(path) ? { kind: "regular", sizeBytes: 1 } : { kind: "absent" });
}

/** All images that a running guest has open. */
export function openImages(world: World): ReadonlySet<Locator> | undefined {
  const domain = domainOf(world);
  if (!isActive(domain)) return undefined;
  return new Set(imagesOf(domain.definition).flatMap(({ path }) => chainOf(world.images, path)));
}

/** Free names for the overlays of a revert, as many for each image as there are images. */
export function overlayNames(
  world: World,
  frozen: readonly ImageRef[],
  nowSeconds: number,
): ReadonlyMap<Locator, Answer<readonly Locator[]>> {
  const probe = probeOf(world);
  const seconds = Array.from({ length: world.images.size + frozen.length }, (_, at) => at);
  return new Map(
    frozen.map(({ path }) => {
      const names = seconds.map((at) => externalFileName(path, String(nowSeconds + at)));
      return [path, known(names.filter((name) => probe(name).kind === "absent"))];
    }),
  );
}

function stateOf(images: Images, path: Locator): ImageState {
  const { format, layer, backing, inside } = imageAt(images, path);
  return {
    is: "seen",
    info: {
      path,
      format,
      virtualSizeBytes: 1,
      allocatedBytes: layer.size,
      ...(backing === undefined
        ? {}
        : { backing: { path: backing, format: imageAt(images, backing).format } }),
      snapshots: [...inside.keys()].map((tag, at) => ({
        ...{ id: String(at), tag, dateSeconds: 0, dateNanoseconds: 0 },
        ...{ vmStateBytes: 0, vmClockNanoseconds: 0n },
      })),
    },
  };
}

function known<Value>(value: Value): Answer<Value> {
  return { known: true, value };
}
