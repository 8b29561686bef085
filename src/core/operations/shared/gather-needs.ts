import type { Domain, DomainSnapshot, ImageFormat, ImageRef } from "../../model/index.js";
import type { Answer, Locator } from "../../plan/answer.js";
import { ImageNeeds, type Unread } from "../../plan/image-needs.js";
import { needsOfDomain, needsOfRecord, type Holder, type Need } from "../../plan/needs.js";
import { listedFiles } from "../../plan/image-references.js";
import type { ServiceContext } from "./context.js";
import { answer, findDependents, type AskedImage } from "./image-facts.js";
import { readEach } from "./records.js";
import type { ChangeOptions } from "./results.js";

/** Formats whose images never stand on others, whatever is in them. */
const STANDS_ALONE: ReadonlySet<ImageFormat> = new Set(["raw", "iso", "dir", "fat"]);
const CONCURRENCY = 32;

/** What the caller knows already, and how far it has to be looked. */
export interface KnownBefore {
  /** The domain that is worked on. */
  readonly domain?: Domain;
  /** All its records, as they were read. */
  readonly records?: readonly DomainSnapshot[];
  /** All domains of the connection. */
  readonly domains?: readonly Domain[];
  /** Whether it is enough to know what definitions need: no record is read then. */
  readonly definitionsOnly?: boolean;
}

/**
 * Asks everything that is to be known of who needs an image: every definition and every record of
 * the connection, what each image that they name stands on, and what else stands on those `asked`.
 * Throws nothing for what cannot be read: whoever asks for it is told then.
 */
export async function gatherNeeds(
  context: ServiceContext,
  before: KnownBefore,
  asked: readonly AskedImage[],
  { assumeLost = [] }: Pick<ChangeOptions, "assumeLost">,
): Promise<ImageNeeds> {
  const { needs, listed, unread } = await everyNeed(context, before);
  const named = new Map([...listed, ...needs.map(({ image }) => image)].map(byPath));
  const needed = new Set(needs.map(({ image }) => image.path));
  const { things, below } = await walkImages(context, [...named.values()], needed);
  const known = new ImageNeeds(
    { needs, things, below, strangers: new Map(), unread },
    new Set(assumeLost),
  );
  return askWhatStandsOn(context, known, asked);
}

/** The same, when it was asked what else stands on some images: in their folders, by their keepers. */
export async function askWhatStandsOn(
  { files }: ServiceContext,
  needs: ImageNeeds,
  asked: readonly AskedImage[],
): Promise<ImageNeeds> {
  const strangers = await findDependents(asked, needs.names);
  const found = [...strangers.values()].flatMap((one) => (one.known ? one.value : []));
  const things = new Map<Locator, Answer<string | undefined>>();
  const names = new Set(needs.names);
  for (const path of found)
    if (!names.has(path)) things.set(path, await answer(() => files.thing(path)));
  return needs.withStrangers(strangers, things);
}

interface Everything {
  readonly needs: readonly Need[];
  /** Files that records list as theirs. */
  readonly listed: readonly ImageRef[];
  readonly unread: readonly Unread[];
}

async function everyNeed(context: ServiceContext, before: KnownBefore): Promise<Everything> {
  const { toolstack, store } = context.connection;
  const domains = new Map(
    (before.domains ?? (await toolstack.listDomains())).map((domain) => [domain.uuid, domain]),
  );
  const { domain: own, definitionsOnly } = before;
  if (own) domains.set(own.uuid, own);
  const problems = (await toolstack.listProblems?.()) ?? [];
  const unread: Unread[] = problems.map(({ definition: what, reason }) => ({ what, reason }));
  const needs = [...domains.values()].flatMap(needsOfDomain);
  const listed: ImageRef[] = [];
  for (const uuid of definitionsOnly === true ? [] : await store.domains()) {
    const holder = { uuid, name: domains.get(uuid)?.name ?? uuid };
    const read = uuid === own?.uuid ? before.records : undefined;
    const { records, unread: more } = read
      ? { records: read, unread: [] }
      : await readThose(context, holder);
    unread.push(...more);
    for (const record of records) {
      needs.push(...needsOfRecord(record, holder, context.backends));
      listed.push(...listedFiles(record));
    }
  }
  return { needs, listed, unread };
}

/** The records of another domain. */
async function readThose(
  { connection: { store } }: ServiceContext,
  { uuid }: Holder["domain"],
): Promise<{ readonly records: DomainSnapshot[]; readonly unread: readonly Unread[] }> {
  const { heads, problems } = await store.index(uuid);
  const names = heads.map(({ name }) => name);
  const { records, failures } = await readEach(store, uuid, names);
  const unread: Unread[] = [
    ...problems
      .filter(({ about }) => about === undefined)
      .map(({ record: what, reason }) => ({ what, reason })),
    ...failures.map(({ name, error }) => ({ what: `${uuid}/${name}`, reason: error.detail })),
  ];
  return { records, unread };
}

interface Walked {
  readonly things: Map<Locator, Answer<string | undefined>>;
  readonly below: Map<Locator, Answer<Locator | undefined>>;
}

/** Looks at images, and at those that they stand on in turn; `needed` ones have to be there. */
async function walkImages(
  context: ServiceContext,
  named: readonly ImageRef[],
  needed: ReadonlySet<Locator>,
): Promise<Walked> {
  const walked: Walked = { things: new Map(), below: new Map() };
  let waiting = [...named];
  while (waiting.length > 0) {
    const batch = waiting.slice(0, CONCURRENCY);
    const found = await Promise.all(batch.map((image) => lookAt(context, image, needed, walked)));
    const fresh = found.flat().filter(({ path }) => !walked.things.has(path));
    waiting = [...waiting.slice(CONCURRENCY), ...new Map(fresh.map(byPath)).values()];
  }
  return walked;
}

/** The image below, if there is one to look at. */
async function lookAt(
  { files, inspectors }: ServiceContext,
  image: ImageRef,
  needed: ReadonlySet<Locator>,
  { things, below }: Walked,
): Promise<ImageRef[]> {
  const { path, format } = image;
  if (things.has(path)) return [];
  const thing = await answer(() => files.thing(path));
  things.set(path, thing);
  const isGone = thing.known && thing.value === undefined;
  if (STANDS_ALONE.has(format) || (isGone && !needed.has(path))) return [];
  const found = await answer(() => inspectors.below(image));
  below.set(path, found.known ? { known: true, value: found.value?.path } : found);
  if (!found.known || found.value === undefined) return [];
  return [{ path: found.value.path, type: "file", format: found.value.format ?? "raw" }];
}

function byPath(image: ImageRef): [Locator, ImageRef] {
  return [image.path, image];
}
