import { fileURLToPath } from "node:url";

import type { DomainSnapshot, Plan } from "../../src/core/model/index.js";
import { checksumOfLine } from "../../src/formats/own-files.js";
import {
  formatHead,
  formatMark,
  type JournalHead,
} from "../../src/plugins/store-file/journal-format.js";
import { parseDomain } from "../../src/xml/index.js";

/** What is written here once is read by every later version. */
export const GOLDEN = fileURLToPath(new URL("../../fixtures/formats/", import.meta.url));

export const UUID = "11111111-1111-4111-8111-111111111111";
export const DEFINITION = `<domain type='qemu'>
  <name>vm1</name>
  <uuid>${UUID}</uuid>
  <memory unit='KiB'>32768</memory>
  <os>
    <type arch='x86_64'>hvm</type>
  </os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='/images/vda.later'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='/images/vdb &amp; more.img'/>
      <target dev='vdb' bus='virtio'/>
    </disk>
  </devices>
</domain>`;

const domain = parseDomain(DEFINITION);

/** Everything that a record can hold, in three of them. */
export const SNAPSHOTS: readonly DomainSnapshot[] = [
  {
    name: "inside",
    description: "the first, with <markup> & ünïcödé",
    state: "shutoff",
    creationTime: 1_700_000_000n,
    memory: { mode: "no" },
    disks: [
      { name: "vda", mode: "internal", type: "file", backend: "qdisk" },
      { name: "vdb", mode: "no", type: "file" },
    ],
    revertDisks: [
      {
        name: "vdb",
        mode: "external",
        type: "file",
        format: "qcow2",
        source: { path: "/images/vdb & more.again" },
        backend: "qdisk",
      },
    ],
    domain,
  },
  {
    name: "with memory",
    state: "running",
    parent: "inside",
    creationTime: 1_700_000_060n,
    memory: { mode: "external", file: "/images/vm1.with memory" },
    disks: [
      {
        name: "vda",
        mode: "external",
        type: "file",
        format: "qcow2",
        source: { path: "/images/vda.with memory" },
        backend: "qdisk",
      },
      {
        name: "vdb",
        mode: "external",
        type: "file",
        format: "raw",
        source: { path: "/images/vdb & more.with memory" },
        backend: "dd",
      },
    ],
    consistency: "memory",
    domain,
    inactiveDomain: domain,
  },
  {
    name: "later",
    state: "disk-snapshot",
    parent: "with memory",
    creationTime: 0n,
    memory: { mode: "no" },
    disks: [
      {
        name: "vda",
        mode: "external",
        type: "file",
        format: "qcow2",
        source: { path: "/images/vda.later" },
      },
    ],
    consistency: "filesystem",
    domain,
  },
];
export const CURRENT = "later";

const PLAN: Plan = {
  verb: "create",
  domain: { name: "vm1", uuid: UUID },
  snapshot: "s1",
  before: [
    {
      kind: "disks.snapshot",
      backend: "qdisk",
      snapshot: "s1",
      disks: [
        {
          keeps: "overlay",
          target: "vda",
          image: { path: "/images/vda.later", type: "file", format: "qcow2" },
          overlay: { path: "/images/vda.s1", type: "file", format: "qcow2" },
          before: "absent",
        },
      ],
    },
    { kind: "domain.define", definition: domain, previous: domain },
  ],
  after: [
    {
      kind: "record.write",
      snapshot: { ...SNAPSHOTS[0]!, name: "s1", creationTime: 9_223_372_036_854_775_807n },
    },
    { kind: "record.current", name: "s1" },
  ],
  warnings: ["a warning"],
};

/** A plan that was interrupted in its second operation. */
export const JOURNAL: JournalHead = {
  plan: PLAN,
  owner: { pid: 4711, host: "host.example", sinceMs: 1_700_000_120_000 },
  token: "0123456789ab",
  found: [{ place: "/images/vda.later", identity: "12@1700000000000000000" }],
};
export const MARKS = [
  { mark: "started", index: 0 },
  { mark: "made", place: "/images/vda.s1", identity: "13@1700000120000000000" },
  { mark: "finished", index: 0 },
  { mark: "started", index: 1 },
] as const;

/** All of it, as it is in its file. */
export function journalText(): string {
  const lines = [formatHead(JOURNAL)];
  for (const mark of MARKS) lines.push(formatMark(mark, checksumOfLine(lines.at(-1) ?? "")));
  return lines.join("");
}

/** What the golden bundle's guest reads at the beginning of its disk. */
export const PATTERNS = { inside: 1, outside: 2, now: 3 } as const;

/** Commands whose JSON is kept, by the file that it is in. */
export const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  list: ["list", "--all"],
  domstate: ["domstate", "vm1"],
  "snapshot-list": ["snapshot-list", "vm1", "--topological"],
  "snapshot-info": ["snapshot-info", "vm1", "with memory"],
  "snapshot-parent": ["snapshot-parent", "vm1", "later"],
  "snapshot-current": ["snapshot-current", "vm1"],
  "snapshot-dumpxml": ["snapshot-dumpxml", "vm1", "inside"],
  explain: ["explain", "no-domain-snapshot"],
  error: ["snapshot-info", "vm1", "nothing"],
};
