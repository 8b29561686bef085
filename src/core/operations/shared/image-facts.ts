import { asDomsnapError } from "../../errors/index.js";
import type { ImageRef } from "../../model/index.js";
import { groupBy } from "../../plan/disk-images.js";
import type { Answer, Locator } from "../../plan/answer.js";
import type { ImageState, Places } from "../../plan/image-facts.js";
import type { MemoryLooks } from "../../plan/saved-memory.js";
import type { DiskBackend } from "../../ports/index.js";
import type { ServiceContext } from "./context.js";

/** An image, and the backend that can tell of it. */
export interface AskedImage {
  readonly image: ImageRef;
  readonly backend: Pick<DiskBackend, "inspect" | "findDependents">;
}

/**
 * Asks which images stand on each of some, in their folders and among `candidates`. An image that
 * several backends keep is asked of all of them. Throws nothing: what could not be found out is a
 * fact, too.
 */
export async function findDependents(
  asked: readonly AskedImage[],
  candidates: readonly Locator[],
): Promise<Map<Locator, Answer<readonly Locator[]>>> {
  const facts = new Map<Locator, Answer<readonly Locator[]>>();
  for (const [locator, group] of groupBy(asked, ({ image }) => image.path)) {
    const keepers = groupBy(group, ({ backend }) => backend);
    facts.set(
      locator,
      await answer(async () => {
        const found: Locator[] = [];
        for (const [backend, [first]] of keepers)
          if (first) found.push(...(await backend.findDependents(first.image, candidates)));
        return [...new Set(found)];
      }),
    );
  }
  return facts;
}

/** Asks each of some images what it says of itself. Throws nothing. */
export async function lookInto(asked: readonly AskedImage[]): Promise<Map<Locator, ImageState>> {
  const facts = new Map<Locator, ImageState>();
  for (const { image, backend } of asked)
    if (!facts.has(image.path)) facts.set(image.path, await stateOf(image, backend));
  return facts;
}

/** Asks the host, and the storages, what stands at each of some names. */
export async function lookAtPlaces(
  { probe, storages }: Pick<ServiceContext, "probe" | "storages">,
  places: readonly Locator[],
): Promise<Places> {
  const known = await storages.probeFor(probe, places);
  return new Map(places.map((place) => [place, known(place)]));
}

/** Looks at files that are said to hold a guest's memory. Throws nothing. */
export async function lookAtMemories(
  { lookAtMemory }: Pick<ServiceContext, "lookAtMemory">,
  files: readonly Locator[],
): Promise<MemoryLooks> {
  const looks = files.map(async (file) => [file, await answer(() => lookAtMemory(file))] as const);
  return new Map(await Promise.all(looks));
}

async function stateOf(image: ImageRef, backend: AskedImage["backend"]): Promise<ImageState> {
  const info = await answer(() => backend.inspect(image));
  if (info.known) return { is: "seen", info: info.value };
  const { error } = info;
  return { is: error.code === "image-missing" ? "missing" : "unreadable", error };
}

/** An answer, or the reason why there is none. */
export async function answer<Value>(ask: () => Promise<Value>): Promise<Answer<Value>> {
  try {
    return { known: true, value: await ask() };
  } catch (thrown) {
    return { known: false, error: asDomsnapError(thrown) };
  }
}
