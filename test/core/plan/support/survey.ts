import { isActive, type Domain, type ImageRef } from "../../../../src/core/model/index.js";
import type { Answer, Locator } from "../../../../src/core/plan/answer.js";
import type { ImageFacts, ImageState } from "../../../../src/core/plan/image-facts.js";
import { ImageNeeds } from "../../../../src/core/plan/image-needs.js";
import { Trust } from "../../../../src/core/plan/trust.js";
import { needsOfDomain, needsOfRecord, type Need } from "../../../../src/core/plan/needs.js";
import { imagesOf } from "../../../../src/core/plan/disk-images.js";
import type { FileProbe } from "../../../../src/core/ports/index.js";
import { externalFileName } from "../../../../src/core/rules/index.js";
import { BACKENDS } from "./backends.js";
import { chainOf, imageAt, type Images } from "./images.js";
import type { World } from "./simulate-plan.js";

/** Whatever a decision may ask of a world: all images, with all that stands on them. */
export function survey(world: World, foreign: ReadonlySet<Locator>): ImageFacts {
  const { images, records } = world;
  const paths = [...images.keys()];
  const domain = domainOf(world);
  const needs = [
    ...needsOfDomain(domain),
    ...[...records.values()].flatMap((record) => needsOfRecord(record, domain, BACKENDS)),
    ...[...foreign].map((path) => needOfNeighbour(images, path)),
  ];
  const named = new Set([...paths, ...needs.map(({ image }) => image.path)]);
  return {
    needs: new ImageNeeds({
      needs,
      things: new Map([...named].map((path) => [path, known(images.has(path) ? path : undefined)])),
      below: new Map(paths.map((path) => [path, known(imageAt(images, path).backing)])),
      strangers: new Map(),
      unread: [],
    }),
    states: new Map(paths.map((path) => [path, stateOf(images, path)])),
    trust: new Trust(named),
  };
}

function needOfNeighbour(images: Images, path: Locator): Need {
  const { format } = imageAt(images, path);
  const holder = { domain: { name: "neighbour", uuid: "99999999-8888-7777-6666-555555555555" } };
  return { holder, use: "present", target: "vda", image: { path, type: "file", format } };
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
