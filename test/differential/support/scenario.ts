import fc from "fast-check";
import type {
  CreateFlags,
  DomainSnapshot,
  DomainState,
  DriverRules,
} from "../../../src/core/model/index.js";
import type { FileProbe } from "../../../src/core/ports/index.js";
import { DomsnapError } from "../../../src/core/errors/index.js";
import { parseDomain, relocateDisks } from "../../../src/xml/index.js";
import { checkSnapshotXml, type CheckedSnapshot } from "../../../src/xml/check.js";
import { errorIn, quoted } from "./virsh.js";
import {
  documentSketch,
  ITSELF,
  sketchedDocument,
  type DocumentSketch,
} from "./document-arbitrary.js";
import type { DomainSketch } from "./domain-arbitrary.js";
import type { RecordedSnapshots, TreeCheck } from "./tree-check.js";

/** One call of snapshot-create. */
export interface Step {
  readonly flags: CreateFlags;
  readonly document: DocumentSketch;
}

/** A domain and what is done to it, one call after the other. */
export interface Scenario {
  readonly domain: DomainSketch;
  readonly steps: readonly Step[];
  /** Asked at the end. */
  readonly tree?: TreeCheck;
}

/** A scenario in its place: the domain exists, as libvirt defines it. */
export interface PlacedScenario extends Scenario {
  readonly name: string;
  readonly directory: string;
  readonly domainXml: string;
}

/** What libvirt said to one step. */
export interface Answer {
  readonly error?: string | undefined;
  /** The snapshot that the step made, as libvirt prints it. */
  readonly xml?: string;
}

const VIRSH_OPTIONS: Readonly<Record<keyof CreateFlags, string>> = {
  redefine: "--redefine",
  current: "--current",
  noMetadata: "--no-metadata",
  halt: "--halt",
  diskOnly: "--disk-only",
  reuseExternal: "--reuse-external",
  quiesce: "--quiesce",
  atomic: "--atomic",
  live: "--live",
  validate: "--validate",
};

/** Scenarios of a number of redefined snapshots and, last, a new one. */
export function scenario(
  domain: fc.Arbitrary<DomainSketch>,
  redefineFlags: fc.Arbitrary<CreateFlags>,
  createFlags: fc.Arbitrary<CreateFlags>,
): fc.Arbitrary<Scenario> {
  const step = (flags: fc.Arbitrary<CreateFlags>) => fc.record({ flags, document: documentSketch });
  const redefine = step(redefineFlags.map((flags) => ({ redefine: true, ...flags })));
  return fc
    .record({
      domain,
      redefined: fc.array(redefine, { maxLength: 6 }),
      created: fc.array(step(createFlags), { maxLength: 1 }),
    })
    .map(({ domain: sketch, redefined, created }) => ({
      domain: sketch,
      steps: [...redefined, ...created]
        .map((one, index, all) => withParent(one, all.slice(0, index)))
        .map((one) => withKnownName(withoutCrash(one, sketch))),
    }));
}

/** Keeps a parent only if an earlier step speaks of it, or if it is meant to be wrong. */
function withParent(step: Step, earlier: readonly Step[]): Step {
  const { name, parent, ...rest } = step.document;
  const isEarlier = earlier.some(({ document }) => document.name === parent);
  if (parent === ITSELF) return { ...step, document: { ...rest, name, parent: name } };
  const isKept = parent === "nobody" || (isEarlier && parent !== name);
  return { ...step, document: { ...rest, name, parent: isKept ? parent : undefined } };
}

/** Without a record, nobody can tell which name libvirt's clock made. */
function withKnownName(step: Step): Step {
  const { document, flags } = step;
  if (flags.noMetadata !== true || flags.redefine === true) return step;
  return { ...step, document: { ...document, name: document.name ?? "a" } };
}

/**
 * libvirt 9.0 crashes when a snapshot that exists is redefined without a definition while a file
 * name has to be generated; such a document gets a definition.
 */
function withoutCrash(step: Step, domain: DomainSketch): Step {
  const { document } = step;
  const mayCrash =
    document.state === "disk-snapshot" ||
    document.memory !== undefined ||
    document.disks.length > 0 ||
    domain.disks.some((disk) => disk.snapshot === "external");
  const bare = document.domain === "none" || document.domain === "uuid";
  return bare && mayCrash ? { ...step, document: { ...document, domain: "own" } } : step;
}

/** The two commands of a step: the call, and a look at what it made. */
export function stepCommands(placed: PlacedScenario, step: Step, file: string): string[] {
  const flags = (Object.keys(VIRSH_OPTIONS) as (keyof CreateFlags)[])
    .filter((flag) => step.flags[flag] === true)
    .map((flag) => VIRSH_OPTIONS[flag]);
  const { name } = step.document;
  const look =
    name === undefined
      ? `snapshot-current ${placed.name}`
      : `snapshot-dumpxml --domain ${placed.name} --snapshotname=${quoted(name)}`;
  return [["snapshot-create", placed.name, file, ...flags].join(" "), look];
}

export function answerOf([created = "", looked = ""]: readonly string[], step: Step): Answer {
  const error = errorIn(created);
  if (error !== undefined) return { error };
  return step.flags.noMetadata === true ? {} : { xml: looked.trimEnd() };
}

export interface Comparison {
  /** Where libvirt and our rules part; missing if nowhere. */
  readonly disagreement?: string;
  /** What both have recorded. */
  readonly recorded: RecordedSnapshots;
  /** The domain's definition afterwards, by our rules. */
  readonly domainXml: string;
}

/** Runs our rules over the steps, up to the first disagreement. */
export function compareSteps(
  placed: PlacedScenario,
  answers: readonly Answer[],
  rules: DriverRules,
  probe: FileProbe,
): Comparison {
  const records = new Map<string, CheckedSnapshot>();
  let current: string | undefined;
  let state: DomainState = placed.domain.state;
  let { domainXml } = placed;
  for (const [index, step] of placed.steps.entries()) {
    const answer = answers[index] ?? {};
    const document = sketchedDocument(step.document, { ...placed, sketch: placed.domain });
    const ours = attempt(() =>
      checkSnapshotXml({
        document,
        domain: { xml: domainXml, state },
        existing: [...records.values()].map(recordOf),
        ...(current === undefined ? {} : { current }),
        flags: step.flags,
        rules,
        nowSeconds: creationTimeOf(answer),
        probe,
      }),
    );
    const difference = differenceOf(ours, answer);
    if (difference !== undefined)
      return {
        disagreement: report(placed, step, document, state, difference),
        recorded: { records: new Map(), current },
        domainXml,
      };
    if (ours instanceof DomsnapError || answer.error !== undefined) continue;
    const changesImages = step.flags.redefine !== true && rules.checksFeasibility;
    if (changesImages) domainXml = onNewFiles(domainXml, ours.snapshot);
    if (step.flags.noMetadata === true) continue;
    const { name } = ours.snapshot;
    // A redefined snapshot is linked anew, in front of its siblings.
    records.delete(name);
    records.set(name, ours);
    if (step.flags.redefine !== true || step.flags.current === true) current = name;
    if (step.flags.halt === true) state = "shutoff";
  }
  const snapshots = [...records].map(([name, { snapshot }]) => [name, snapshot] as const);
  return { recorded: { records: new Map(snapshots), current }, domainXml };
}

/** The definition of a domain that is off, after it was moved onto the files of a snapshot. */
function onNewFiles(domainXml: string, { disks }: DomainSnapshot): string {
  const relocations = disks.flatMap(({ name, type, source, format, mode, ...disk }) => {
    if (mode !== "external" || !source || !format) return [];
    const { metadataCacheMaxBytes } = disk;
    const cache = metadataCacheMaxBytes === undefined ? {} : { metadataCacheMaxBytes };
    return [{ target: name, type, source, format, ...cache }];
  });
  return relocateDisks(parseDomain(domainXml), relocations).xml;
}

/** As a store gives it back; libvirt does not print a creation time of 0, and then cannot read it. */
function recordOf({ snapshot, xml }: CheckedSnapshot): string | DomainSnapshot {
  return snapshot.creationTime === 0n ? snapshot : xml;
}

function attempt(check: () => CheckedSnapshot): CheckedSnapshot | DomsnapError {
  try {
    return check();
  } catch (error) {
    if (error instanceof DomsnapError) return error;
    throw error;
  }
}

/** libvirt's clock during a step, from what it printed or from a name that it made of it. */
function creationTimeOf({ xml = "", error = "" }: Answer): bigint {
  const printed = /<creationTime>(-?\d+)</.exec(xml) ?? /\.(\d{10})\b/.exec(error);
  return BigInt(printed?.[1] ?? 0);
}

function differenceOf(ours: CheckedSnapshot | DomsnapError, answer: Answer): string | undefined {
  const refused = ours instanceof DomsnapError ? ours.message : undefined;
  if (isToolFailure(answer.error))
    return refused && `libvirt: ${answer.error}\ndomsnap: ${refused}`;
  if (comparable(refused) !== comparable(answer.error))
    return `libvirt: ${answer.error ?? "accepted"}\ndomsnap: ${refused ?? "accepted"}`;
  if (ours instanceof DomsnapError || answer.xml === undefined) return undefined;
  const xml = ours.xml.trimEnd();
  return xml === answer.xml ? undefined : `libvirt printed\n${answer.xml}\ndomsnap printed\n${xml}`;
}

const SCHEMA_FAILURE = "XML document failed to validate against schema";

/** What has to be alike of an error; what a schema found wrong is told better by ours. */
function comparable(error: string | undefined): string | undefined {
  return error?.startsWith(`${SCHEMA_FAILURE}: `) ? SCHEMA_FAILURE : error;
}

/** A failure of the work itself, after everything was found right; rules cannot foresee it. */
function isToolFailure(error: string | undefined): error is string {
  return error?.startsWith("internal error: Child process (/usr/bin/qemu-img") ?? false;
}

function report(
  placed: PlacedScenario,
  step: Step,
  document: string,
  state: DomainState,
  difference: string,
): string {
  const flags = Object.keys(step.flags).join(" ");
  return `${difference}\n--- document, flags: ${flags}\n${document}--- domain ${placed.name} (${state})\n${placed.domainXml}`;
}
