import fc from "fast-check";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  IMAGE_FORMATS,
  type DiskSnapshot,
  type DomainSnapshot,
  type MemorySnapshot,
} from "../../src/core/model/index.js";
import { parseDomain } from "../../src/xml/index.js";

const DOMAINS = join(import.meta.dirname, "../../fixtures/libvirt-xml/domains");
const DEFINITION = fc.constantFrom("qemu", "xen-pv", "xen-hvm").map((name) => {
  const text = readFileSync(join(DOMAINS, `${name}.xml`), "utf8");
  return parseDomain(text);
});

/** Non-empty text with much of what is special in XML. */
const TEXT = fc
  .array(
    fc.oneof(
      fc.constantFrom(..."<>&\"' \t\n\r;a".split(""), "]]>", "&amp;", "<!--", "\u{1F600}"),
      fc.string({ unit: "grapheme-ascii", minLength: 1 }),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) => parts.join(""));
const PATH = TEXT.map((text) => `/${text}`);

const EXTERNAL_DISK: fc.Arbitrary<DiskSnapshot> = fc.record(
  {
    name: TEXT,
    mode: fc.constant("external" as const),
    type: fc.constantFrom("file" as const, "block" as const),
    format: fc.constantFrom(...IMAGE_FORMATS),
    metadataCacheMaxBytes: fc.bigInt(1n, 2n ** 64n - 1n),
    source: PATH.map((path) => ({ path })),
    deleteInProgress: fc.constant(true),
  },
  { requiredKeys: ["name", "mode", "type", "source"] },
);
const NETWORK_DISK: fc.Arbitrary<DiskSnapshot> = fc.record({
  name: TEXT,
  mode: fc.constant("external" as const),
  type: fc.constant("network" as const),
  source: fc.constant({
    path: "pool/image",
    protocol: "rbd",
    xml: "<source protocol='rbd' name='pool/image'>\n  <host name='h' port='6789'/>\n</source>",
  }),
});
const OTHER_DISK: fc.Arbitrary<DiskSnapshot> = fc.record({
  name: TEXT,
  mode: fc.constantFrom("no" as const, "internal" as const, "manual" as const),
  type: fc.constant("file" as const),
});
const DISKS = fc.array(fc.oneof(OTHER_DISK, EXTERNAL_DISK, NETWORK_DISK), { maxLength: 4 });

const OFF_MEMORY: fc.Arbitrary<MemorySnapshot> = fc.constant({ mode: "no" });
const MEMORY: fc.Arbitrary<MemorySnapshot> = fc.oneof(
  fc.constantFrom({ mode: "no" as const }, { mode: "internal" as const }),
  PATH.map((file) => ({ mode: "external" as const, file })),
);
const COMMON = {
  name: TEXT,
  description: TEXT,
  parent: TEXT,
  creationTime: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).filter((time) => time !== 0n),
  disks: DISKS,
  revertDisks: DISKS.filter((disks) => disks.length > 0),
  domain: DEFINITION,
  inactiveDomain: DEFINITION,
};
const REQUIRED = ["name", "state", "creationTime", "memory", "disks"] as const;

/** Snapshots as redefinition can give them: whatever formatting writes, parsing gives back. */
export const SNAPSHOT: fc.Arbitrary<DomainSnapshot> = fc.oneof(
  fc.record(
    {
      ...COMMON,
      state: fc.constantFrom("shutoff" as const, "disk-snapshot" as const),
      memory: OFF_MEMORY,
    },
    { requiredKeys: [...REQUIRED] },
  ),
  fc.record(
    {
      ...COMMON,
      state: fc.constantFrom("running" as const, "paused" as const, "crashed" as const),
      memory: MEMORY,
      cookie: fc.constant("<cookie>\n  <cpu mode='custom'/>\n</cookie>"),
    },
    { requiredKeys: [...REQUIRED] },
  ),
);
