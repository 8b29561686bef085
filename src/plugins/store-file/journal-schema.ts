import {
  array,
  bigint,
  boolean,
  exactOptional,
  integer,
  is,
  literal,
  minValue,
  number,
  picklist,
  pipe,
  regex,
  startsWith,
  strictObject,
  string,
  variant,
  type InferOutput,
} from "valibot";

import {
  CONSISTENCIES,
  IMAGE_FORMATS,
  SNAPSHOT_MODES,
  SNAPSHOT_STATES,
  STORAGE_TYPES,
  type Plan,
} from "../../core/model/index.js";
import type { Identified } from "../../core/ports/index.js";
import { schemaProblem } from "../../formats/schema-problem.js";
import { JOURNAL_VERSION, type JournalHead } from "./journal-format.js";

/** Everything that is opened, written or removed has an absolute path. */
const path = pipe(string(), startsWith("/"), regex(/^[^\0]+$/));
const bytes = pipe(number(), integer(), minValue(0));
const image = strictObject({
  path,
  type: picklist(["file", "block"]),
  format: picklist(IMAGE_FORMATS),
});
const before = picklist(["absent", "empty", "reused"]);

const source = strictObject({
  path: exactOptional(string()),
  protocol: exactOptional(string()),
  xml: exactOptional(string()),
});

const domainDisk = strictObject({
  target: string(),
  bus: exactOptional(string()),
  device: picklist(["disk", "cdrom", "floppy", "lun"]),
  type: picklist(STORAGE_TYPES),
  driverName: exactOptional(string()),
  format: exactOptional(picklist(IMAGE_FORMATS)),
  source: exactOptional(source),
  readonly: boolean(),
  shareable: boolean(),
  transient: boolean(),
  encrypted: exactOptional(literal(true)),
  snapshot: exactOptional(picklist(SNAPSHOT_MODES)),
});

const definition = strictObject({
  type: string(),
  name: string(),
  uuid: string(),
  osType: exactOptional(string()),
  memoryKib: bigint(),
  pflashFirmware: boolean(),
  disks: array(domainDisk),
  xml: string(),
});

const diskSnapshot = strictObject({
  name: string(),
  mode: exactOptional(picklist(SNAPSHOT_MODES)),
  type: picklist(STORAGE_TYPES),
  format: exactOptional(picklist(IMAGE_FORMATS)),
  metadataCacheMaxBytes: exactOptional(bigint()),
  source: exactOptional(source),
  reused: exactOptional(boolean()),
  deleteInProgress: exactOptional(boolean()),
  backend: exactOptional(string()),
  unknownElements: exactOptional(array(string())),
});

const snapshot = strictObject({
  name: string(),
  description: exactOptional(string()),
  state: exactOptional(picklist(SNAPSHOT_STATES)),
  parent: exactOptional(string()),
  creationTime: bigint(),
  memory: exactOptional(
    strictObject({
      mode: picklist(["no", "internal", "external"]),
      file: exactOptional(string()),
    }),
  ),
  disks: array(diskSnapshot),
  revertDisks: exactOptional(array(diskSnapshot)),
  consistency: exactOptional(picklist(CONSISTENCIES)),
  taken: exactOptional(boolean()),
  imageTag: exactOptional(string()),
  leftBehind: exactOptional(array(diskSnapshot)),
  unknownNotes: exactOptional(array(string())),
  unknownElements: exactOptional(array(string())),
  domain: exactOptional(definition),
  domainUuid: exactOptional(string()),
  inactiveDomain: exactOptional(definition),
  cookie: exactOptional(string()),
});

const inside = strictObject({ keeps: literal("inside"), target: string(), image });
const newOverlay = strictObject({
  keeps: literal("overlay"),
  target: string(),
  image,
  overlay: image,
  before,
});
const snapshotStep = variant("keeps", [
  inside,
  newOverlay,
  strictObject({ keeps: literal("copy"), target: string(), image, copy: image, before }),
  strictObject({
    keeps: literal("renamed"),
    target: string(),
    image,
    frozen: image,
    overlay: image,
    before,
  }),
]);
const copied = strictObject({ keeps: literal("copy"), target: string(), image, copy: image });
const revertStep = variant("keeps", [
  inside,
  copied,
  strictObject({ keeps: literal("overlay"), target: string(), image, overlay: image }),
]);
const removeStep = variant("keeps", [inside, copied]);
const merged = {
  target: string(),
  base: image,
  overlay: image,
  relink: array(image),
  bytes: exactOptional(bytes),
};
const mergeStep = variant("into", [
  strictObject({ into: picklist(["base", "renamed"]), ...merged }),
  strictObject({ into: literal("overlay"), onto: image, ...merged }),
]);

const savedMemory = variant("mode", [
  strictObject({ mode: literal("internal"), bytes: exactOptional(bytes) }),
  strictObject({
    mode: literal("external"),
    file: path,
    before: picklist(["absent", "empty"]),
    bytes: exactOptional(bytes),
  }),
]);
const capture = {
  snapshot: string(),
  disks: array(variant("keeps", [inside, newOverlay])),
  memory: exactOptional(savedMemory),
  resume: boolean(),
  live: boolean(),
  memorySaved: exactOptional(boolean()),
};
const startMemory = variant("mode", [
  strictObject({ mode: literal("external"), file: path }),
  strictObject({
    mode: literal("internal"),
    snapshot: string(),
    disks: array(strictObject({ target: string(), image })),
  }),
]);

const define = strictObject({
  kind: literal("domain.define"),
  definition,
  previous: definition,
});
const resume = strictObject({ kind: literal("domain.resume") });
const thaw = strictObject({ kind: literal("domain.thaw") });
const ofDisks = { backend: string(), snapshot: string() };

const undoable = variant("kind", [
  strictObject({
    kind: literal("disks.snapshot"),
    ...ofDisks,
    disks: array(snapshotStep),
    open: exactOptional(boolean()),
  }),
  strictObject({
    kind: literal("disks.stage"),
    ...ofDisks,
    disks: array(revertStep),
    open: exactOptional(boolean()),
  }),
  define,
  strictObject({
    kind: literal("domain.pause"),
    save: exactOptional(strictObject({ snapshot: string(), memory: exactOptional(savedMemory) })),
  }),
  resume,
  strictObject({ kind: literal("domain.quiesce") }),
  thaw,
  strictObject({ kind: literal("domain.prepare-capture"), ...capture }),
  strictObject({ kind: literal("domain.capture"), ...capture }),
  strictObject({ kind: literal("records.add"), snapshots: array(snapshot) }),
]);

const forward = variant("kind", [
  strictObject({
    kind: literal("disks.revert"),
    ...ofDisks,
    disks: array(revertStep),
    open: exactOptional(boolean()),
  }),
  strictObject({ kind: literal("disks.remove"), ...ofDisks, disks: array(removeStep) }),
  strictObject({ kind: literal("disks.merge"), ...ofDisks, disks: array(mergeStep) }),
  strictObject({ kind: literal("disks.discard"), backend: string(), files: array(image) }),
  define,
  strictObject({
    kind: literal("domain.start"),
    paused: boolean(),
    memory: exactOptional(startMemory),
    definition: exactOptional(definition),
  }),
  strictObject({ kind: literal("domain.stop") }),
  resume,
  thaw,
  strictObject({
    kind: literal("domain.merge"),
    snapshot: string(),
    disks: array(mergeStep),
    resume: boolean(),
  }),
  strictObject({ kind: literal("domain.remove"), snapshot: string(), disks: array(inside) }),
  strictObject({ kind: literal("domain.discard-memory"), file: path }),
  strictObject({ kind: literal("record.write"), snapshot }),
  strictObject({ kind: literal("record.remove"), name: string() }),
  strictObject({ kind: literal("record.current"), name: exactOptional(string()) }),
]);

const plan = strictObject({
  verb: picklist(["create", "redefine", "import", "revert", "delete", "undefine"]),
  domain: strictObject({ name: string(), uuid: string() }),
  snapshot: string(),
  before: array(undoable),
  after: array(forward),
  warnings: array(string()),
});

const identified = strictObject({ place: string(), identity: string() });

const head = strictObject({
  domsnapJournal: literal(JOURNAL_VERSION),
  writer: string(),
  owner: strictObject({ pid: number(), host: string(), sinceMs: number() }),
  /** It becomes a part of names of files. */
  token: pipe(string(), regex(/^[0-9a-f]{12}$/)),
  found: array(identified),
  plan,
});

/** Why a parsed first line is not one of a journal; undefined when it is. */
export function problemOfHead(json: unknown): string | undefined {
  return schemaProblem(head, json);
}

/** Whether a value is one of those of `made` and `found`. */
export function isIdentified(value: unknown): value is Identified {
  return is(identified, value);
}

/** The schema is made from the types: it does not compile when either of them changes alone. */
type Frozen<Value> = Value extends object
  ? { readonly [Key in keyof Value]: Frozen<Value[Key]> }
  : Value;
type Equal<One, Other> =
  (<Value>() => Value extends One ? 1 : 2) extends <Value>() => Value extends Other ? 1 : 2
    ? true
    : never;
true satisfies Equal<Frozen<InferOutput<typeof plan>>, Frozen<Plan>>;
true satisfies Equal<
  Frozen<Omit<InferOutput<typeof head>, "domsnapJournal" | "writer">>,
  Frozen<JournalHead>
>;
