/** Commands after which something was once lost, jammed or untrue. */
export interface KnownSequence {
  readonly name: string;
  /** See `Script`. */
  readonly lines: readonly string[];
}

const E = "--diskspec vda,snapshot=external";
const I = "--diskspec vda,snapshot=internal";
const COPY = "--diskspec vda,snapshot=external,driver=raw";
const OVERLAY = "--diskspec vda,snapshot=external,driver=qcow2";

/** A guest with one image. */
const VM = ["image a.qcow2", "define vm vda=a.qcow2", "write vm vda"];
const RAW = ["image a.raw", "define vm vda=a.raw", "write vm vda"];

const create = (domain: string, name: string, form: string) =>
  `must domsnap snapshot-create-as ${domain} ${name} ${form}`;
const revert = (domain: string, name: string) => `domsnap snapshot-revert ${domain} ${name}`;
const remove = (domain: string, name: string) => `domsnap snapshot-delete ${domain} ${name}`;

/** Other names of the image of `vm`. */
const OTHER_NAMES = [
  { name: "a symbolic link", makes: ["ln -s a.qcow2 link.qcow2"], file: "link.qcow2" },
  { name: "a hard link", makes: ["ln a.qcow2 link.qcow2"], file: "link.qcow2" },
  { name: "a path with '..'", makes: ["mkdir sub"], file: "sub/../a.qcow2" },
] as const;

/** Who needs an image. */
const NEEDED: readonly KnownSequence[] = [
  {
    name: "an internal snapshot in an overlay that another snapshot has frozen since: revert",
    lines: [
      ...VM,
      create("vm", "s1", E),
      "write vm vda",
      create("vm", "i2", I),
      "write vm vda",
      create("vm", "s3", E),
      revert("vm", "s1"),
      revert("vm", "i2"),
    ],
  },
  {
    name: "a linked clone with a snapshot of its own: delete below it",
    lines: [
      ...VM,
      create("vm", "s1", E),
      "mkdir clones",
      "image clones/b.qcow2 on a.qcow2",
      "define beta vda=clones/b.qcow2",
      "write beta vda",
      create("beta", "t1", E),
      "write beta vda",
      "write vm vda",
      remove("vm", "s1"),
    ],
  },
  {
    name: "a linked clone with a snapshot of its own: revert below it",
    lines: [
      ...VM,
      create("vm", "i1", I),
      "write vm vda",
      "mkdir clones",
      "image clones/b.qcow2 on a.qcow2",
      "define beta vda=clones/b.qcow2",
      create("beta", "t1", E),
      revert("vm", "i1"),
    ],
  },
  {
    name: "a linked clone that stands on a link: delete below it",
    lines: [
      ...VM,
      create("vm", "s1", E),
      "mkdir clones",
      "ln -s ../a.qcow2 clones/base.qcow2",
      "image clones/b.qcow2 on clones/base.qcow2",
      "define beta vda=clones/b.qcow2",
      "write vm vda",
      remove("vm", "s1"),
    ],
  },
  ...OTHER_NAMES.flatMap(({ name, makes, file }): KnownSequence[] => [
    {
      name: `another domain's definition names the image by ${name}: revert`,
      lines: [
        ...VM,
        create("vm", "i1", I),
        "write vm vda",
        ...makes,
        `define beta vda=${file}`,
        revert("vm", "i1"),
      ],
    },
    {
      name: `another domain's definition names the frozen image by ${name}: delete`,
      lines: [
        ...VM,
        create("vm", "s1", E),
        "write vm vda",
        ...makes,
        `define beta vda=${file}`,
        remove("vm", "s1"),
      ],
    },
  ]),
];

/** Copies and files that a snapshot goes into. */
const COPIES: readonly KnownSequence[] = [
  {
    name: "a copy with two records: delete one of them",
    lines: [...RAW, create("vm", "s1", COPY), "write vm vda", "clone vm s1 c1", remove("vm", "s1")],
  },
  {
    name: "a copy with two records: delete the clone",
    lines: [...RAW, create("vm", "s1", COPY), "write vm vda", "clone vm s1 c1", remove("vm", "c1")],
  },
  {
    name: "the copy of another snapshot, reused as a target",
    lines: [
      ...RAW,
      create("vm", "s1", COPY),
      "write vm vda",
      `domsnap snapshot-create-as vm s2 --reuse-external ${COPY},file=$W/a.s1`,
    ],
  },
  {
    name: "the raw disk of another domain, reused as a target for a copy",
    lines: [
      ...RAW,
      "image b.raw",
      "define beta vda=b.raw",
      "write beta vda",
      `domsnap snapshot-create-as vm s1 --reuse-external ${COPY},file=$W/b.raw`,
    ],
  },
  {
    name: "the disk of another domain, reused as an overlay",
    lines: [
      ...VM,
      "image b.qcow2 on a.qcow2",
      "define beta vda=b.qcow2",
      "write beta vda",
      `domsnap snapshot-create-as vm s1 --reuse-external ${E},file=$W/b.qcow2`,
    ],
  },
  {
    name: "one's own image, reused as a target for a copy",
    lines: [...RAW, `domsnap snapshot-create-as vm s1 --reuse-external ${COPY},file=$W/a.raw`],
  },
  {
    name: "one's own image by another name, reused as a target for a copy",
    lines: [
      ...RAW,
      "ln a.raw link.raw",
      `domsnap snapshot-create-as vm s1 --reuse-external ${COPY},file=$W/link.raw`,
      "write vm vda",
    ],
  },
  {
    name: "one's own image, reused as an overlay",
    lines: [
      ...VM,
      `domsnap snapshot-create-as vm s1 --reuse-external ${E},file=$W/a.qcow2`,
      "write vm vda",
    ],
  },
  {
    name: "the frozen image of an earlier snapshot, reused as an overlay",
    lines: [
      ...VM,
      create("vm", "s1", E),
      "write vm vda",
      `domsnap snapshot-create-as vm s2 --reuse-external ${E},file=$W/a.qcow2`,
      "write vm vda",
    ],
  },
];

/** Disks that the definition calls otherwise than a record. */
const RENAMED: readonly KnownSequence[] = [
  {
    name: "a disk with another target name: delete",
    lines: [
      ...VM,
      create("vm", "s1", E),
      "write vm vda",
      "define vm vdb=a.s1",
      "write vm vdb",
      remove("vm", "s1"),
    ],
  },
  {
    name: "a disk on another bus: delete",
    lines: [
      ...VM,
      create("vm", "s1", E),
      "write vm vda",
      "define vm sda=a.s1",
      "write vm sda",
      remove("vm", "s1"),
    ],
  },
  {
    name: "a disk with another target name: delete below a later snapshot",
    lines: [
      ...VM,
      create("vm", "s1", E),
      "write vm vda",
      "define vm vdb=a.s1",
      create("vm", "s2", E.replace("vda", "vdb")),
      "write vm vdb",
      remove("vm", "s1"),
    ],
  },
  {
    name: "two disks swapped: delete",
    lines: [
      "image a.qcow2",
      "image b.qcow2",
      "define vm vda=a.qcow2 vdb=b.qcow2",
      "write vm vda",
      "write vm vdb",
      create("vm", "s1", `${E} ${E.replace("vda", "vdb")}`),
      "write vm vda",
      "write vm vdb",
      "define vm vda=b.s1 vdb=a.s1",
      "write vm vda",
      remove("vm", "s1"),
    ],
  },
  {
    name: "two disks swapped: revert",
    lines: [
      "image a.qcow2",
      "image b.qcow2",
      "define vm vda=a.qcow2 vdb=b.qcow2",
      "write vm vda",
      create("vm", "s1", `${E} ${E.replace("vda", "vdb")}`),
      "write vm vda",
      "write vm vdb",
      "define vm vda=b.s1 vdb=a.s1",
      revert("vm", "s1"),
      "write vm vda",
      "write vm vdb",
    ],
  },
];

/** What is left behind. */
const LEFT: readonly KnownSequence[] = [
  {
    name: "an overlay that no record names after a revert and a delete",
    lines: [
      ...VM,
      create("vm", "s1", E),
      "write vm vda",
      create("vm", "i2", I),
      revert("vm", "s1"),
      remove("vm", "i2"),
    ],
  },
  {
    name: "an overlay that a revert made, frozen and abandoned",
    lines: [
      ...VM,
      create("vm", "s1", E),
      revert("vm", "s1"),
      "write vm vda",
      create("vm", "s2", E),
      "write vm vda",
      revert("vm", "s1"),
      remove("vm", "s2"),
    ],
  },
  {
    name: "an overlay that a revert made, frozen and abandoned beside a child",
    lines: [
      ...VM,
      create("vm", "s1", E),
      create("vm", "s2", E),
      revert("vm", "s1"),
      "write vm vda",
      create("vm", "s3", E),
      revert("vm", "s1"),
      remove("vm", "s3"),
    ],
  },
  {
    name: "the disk of another domain on one of this domain's: check",
    lines: [
      ...VM,
      create("vm", "s1", E),
      "image b.qcow2 on a.qcow2",
      "define beta vda=b.qcow2",
      "domsnap check vm",
    ],
  },
  {
    name: "the raw disk of another domain, named like a copy: check",
    lines: [...RAW, "image a.beta.raw", "define beta vda=a.beta.raw", "domsnap check vm"],
  },
];

/** A guest on two overlays, of which the upper one is in a folder that can be unmounted. */
const MOUNTED = [
  ...VM,
  "mkdir mnt",
  create("vm", "s1", E),
  "write vm vda",
  create("vm", "s2", `${E},file=$W/mnt/a.s2`),
  "write vm vda",
];
/** Another domain's disk on the image of a guest that has an internal snapshot. */
const CLONED = [
  ...VM,
  create("vm", "i1", I),
  "write vm vda",
  "mkdir mnt",
  "image mnt/b.qcow2 on a.qcow2",
  "define beta vda=mnt/b.qcow2",
  "write beta vda",
];

/** What cannot be looked at. */
const UNKNOWN: readonly KnownSequence[] = [
  {
    name: "the overlay that the guest is on is away: delete",
    lines: [...MOUNTED, "hide mnt/a.s2", remove("vm", "s2")],
  },
  {
    name: "the overlay that the guest is on is away: delete the first",
    lines: [...MOUNTED, "hide mnt/a.s2", remove("vm", "s1")],
  },
  {
    name: "the folder of the overlay is not mounted: delete",
    lines: [...MOUNTED, "hide mnt/", remove("vm", "s2")],
  },
  {
    name: "the overlay that the guest is on is damaged: delete",
    lines: [...MOUNTED, "break mnt/a.s2", remove("vm", "s2")],
  },
  ...["hide mnt/a.s2", "hide mnt/", "break mnt/a.s2"].map((happens): KnownSequence => ({
    name: `an overlay on an image with an internal snapshot, after '${happens}': revert`,
    lines: [
      ...VM,
      "mkdir mnt",
      create("vm", "i1", I),
      "write vm vda",
      create("vm", "s2", `${E},file=$W/mnt/a.s2`),
      "write vm vda",
      happens,
      revert("vm", "i1"),
    ],
  })),
  {
    name: "a clone of another domain is away: revert below it",
    lines: [...CLONED, "hide mnt/b.qcow2", revert("vm", "i1")],
  },
  {
    name: "a clone of another domain is not mounted: revert below it",
    lines: [...CLONED, "hide mnt/", revert("vm", "i1")],
  },
  {
    name: "a clone of another domain is damaged: revert below it",
    lines: [...CLONED, "break mnt/b.qcow2", revert("vm", "i1")],
  },
  {
    name: "the definition of a clone cannot be read: revert below it",
    lines: [...CLONED, "break conn/beta.xml", revert("vm", "i1")],
  },
  {
    name: "the record of a clone that only it names cannot be read: revert below it",
    lines: [
      ...CLONED,
      create("beta", "t1", E),
      "image c.qcow2",
      "define beta vda=c.qcow2",
      "break conn/snapshots/{beta}/t1.xml",
      revert("vm", "i1"),
    ],
  },
  {
    name: "the record of a clone that only it names: revert below it",
    lines: [
      ...CLONED,
      create("beta", "t1", E),
      "image c.qcow2",
      "define beta vda=c.qcow2",
      revert("vm", "i1"),
    ],
  },
];

/** A document of a snapshot of `vm` with one disk. */
const document = (name: string, disk: string, more = "") =>
  `file ${name}.document <domainsnapshot><name>${name}</name><state>shutoff</state>` +
  `<creationTime>1700000000</creationTime>${more}<disks>${disk}</disks>` +
  `<domain type='xen'><name>vm</name><uuid>{vm}</uuid><memory unit='MiB'>64</memory>` +
  `<os><type>hvm</type></os><devices><disk type='file' device='disk'>` +
  `<driver name='qemu' type='raw'/><source file='$W/a.raw'/><target dev='vda' bus='virtio'/>` +
  `</disk></devices></domain></domainsnapshot>`;
const redefine = (name: string) => `domsnap snapshot-create vm $W/${name}.document --redefine`;

/** What belongs to somebody else. */
const FOREIGN: readonly KnownSequence[] = [
  {
    name: "a file of the user's that is named like one of ours: check --repair",
    lines: [...RAW, "cp a.raw a.raw.domsnap-backup", "domsnap check --repair --yes"],
  },
  {
    name: "a file of the user's, reused as an overlay: revert",
    lines: [
      ...VM,
      "image mine.qcow2 on a.qcow2",
      `domsnap snapshot-create-as vm s1 --reuse-external ${E},file=$W/mine.qcow2`,
      "write vm vda",
      revert("vm", "s1"),
    ],
  },
  {
    name: "a file of the user's, reused as an overlay: delete",
    lines: [
      ...VM,
      "image mine.qcow2 on a.qcow2",
      `domsnap snapshot-create-as vm s1 --reuse-external ${E},file=$W/mine.qcow2`,
      "write vm vda",
      remove("vm", "s1"),
    ],
  },
  {
    name: "a file of the user's that is no overlay of the disk, reused as one",
    lines: [
      ...VM,
      "image other.qcow2",
      "image mine.qcow2 on other.qcow2",
      `domsnap snapshot-create-as vm s1 --reuse-external ${E},file=$W/mine.qcow2`,
      "write vm vda",
    ],
  },
  {
    name: "an image whose header names any file of the host: import, delete",
    lines: [
      "mkdir host",
      "image host/file.raw",
      "image a.qcow2 on host/file.raw",
      "define vm vda=a.qcow2",
      "write vm vda",
      "domsnap import images --domain vm",
    ],
  },
  {
    name: "a document whose memory is any file of the host: delete",
    lines: [
      ...RAW,
      "mkdir host",
      "file host/file important",
      document(
        "d1",
        "<disk name='vda' snapshot='no'/>",
        "<memory snapshot='external' file='$W/host/file'/>",
      ).replace("shutoff", "running"),
      redefine("d1"),
      remove("vm", "d1"),
    ],
  },
  ...["file memory important", "image memory.qcow2", "image memory.raw"].flatMap(
    (makes): KnownSequence[] => {
      const file = makes.split(" ")[1] ?? "";
      const named = document(
        "d1",
        "<disk name='vda' snapshot='no'/>",
        `<memory snapshot='external' file='$W/${file}'/>`,
      ).replace("shutoff", "running");
      return [
        {
          name: `a document whose memory is something else beside the images (${makes}): record`,
          lines: [...RAW, makes, named, `refused ${redefine("d1")}`],
        },
        {
          name: `something else that has the name of saved memory (${makes}): delete`,
          lines: [
            ...RAW,
            named,
            `must ${redefine("d1")}`,
            makes,
            `refused ${remove("vm", "d1")}`,
            `refused ${remove("vm", "d1")} --trust-folder $W`,
            `must ${remove("vm", "d1")} --metadata`,
          ],
        },
      ];
    },
  ),
  {
    name: "a document whose copy is the disk of another guest: revert",
    lines: [
      ...RAW,
      "image b.raw",
      "define beta vda=b.raw",
      "write beta vda",
      document(
        "d1",
        "<disk name='vda' snapshot='external'><driver type='raw'/><source file='$W/b.raw'/></disk>",
      ),
      redefine("d1"),
      revert("vm", "d1"),
    ],
  },
  {
    name: "a document whose copy is the disk of another guest: delete",
    lines: [
      ...RAW,
      "image b.raw",
      "define beta vda=b.raw",
      "write beta vda",
      document(
        "d1",
        "<disk name='vda' snapshot='external'><driver type='raw'/><source file='$W/b.raw'/></disk>",
      ),
      redefine("d1"),
      remove("vm", "d1"),
    ],
  },
  {
    name: "a raw image that a QEMU has open: copy it",
    lines: [...RAW, "open a.raw", `refused domsnap snapshot-create-as vm s1 ${COPY}`],
  },
  {
    name: "a raw image that a QEMU has open: put an overlay on it",
    lines: [...RAW, "open a.raw", `refused domsnap snapshot-create-as vm s1 ${OVERLAY}`],
  },
  {
    name: "a raw image that a QEMU has open: revert to a copy",
    lines: [
      ...RAW,
      create("vm", "s1", COPY),
      "write vm vda",
      "open a.raw",
      "refused domsnap snapshot-revert vm s1",
    ],
  },
  {
    name: "a raw image that a QEMU has open: merge an overlay into it",
    lines: [
      ...RAW,
      create("vm", "s1", OVERLAY),
      "write vm vda",
      "open a.raw",
      "refused domsnap snapshot-delete vm s1",
    ],
  },
  {
    name: "a raw image with two names: revert to a copy",
    lines: [
      ...RAW,
      "ln a.raw link.raw",
      create("vm", "s1", COPY),
      "write vm vda",
      `refused ${revert("vm", "s1")}`,
      "test a.raw -ef link.raw",
      "rm link.raw",
      `must ${revert("vm", "s1")}`,
    ],
  },
];

const OTHERS: readonly KnownSequence[] = [
  {
    name: "a VHD whose overlay is in another folder: delete",
    lines: [
      "mkdir other",
      "image a.vhd",
      "define vm vda=a.vhd",
      "write vm vda",
      create("vm", "s0", E),
      "write vm vda",
      create("vm", "s1", `${E},file=$W/other/a.s1`),
      "write vm vda",
      remove("vm", "s1"),
    ],
  },
  {
    name: "a folder of records copied to another uuid: revert",
    lines: [
      ...VM,
      create("vm", "s1", E),
      "image b.qcow2",
      "define beta vda=b.qcow2",
      "cp -r conn/snapshots/{vm} conn/snapshots/{beta}",
      "write vm vda",
      "write beta vda",
      "refused domsnap snapshot-revert beta s1",
      "rm -r conn/snapshots/{beta}",
    ],
  },
  {
    name: "an internal snapshot with another name: revert",
    lines: [
      ...VM,
      create("vm", "i1", I),
      "write vm vda",
      "must rename vm i1 n1",
      "must domsnap snapshot-revert vm n1",
    ],
  },
  {
    name: "an internal snapshot cloned: revert to the clone",
    lines: [
      ...VM,
      create("vm", "i1", I),
      "write vm vda",
      "clone vm i1 c1",
      "must domsnap snapshot-revert vm i1",
    ],
  },
  {
    name: "unknown elements of a record: kept when its parent goes",
    lines: [
      ...VM,
      create("vm", "i1", I),
      create("vm", "i2", I),
      "sed -i -e s/^Checksum:.*/Checksum:\\x20none/ -e s/<creationTime/<later>kept<\\/later>&/ conn/snapshots/{vm}/i2.xml",
      "must domsnap snapshot-delete vm i1",
      "grep -q <later>kept</later> conn/snapshots/{vm}/i2.xml",
    ],
  },
];

/** By what domsnap did not know, or did not ask. */
export const KNOWN_SEQUENCES: Readonly<Record<string, readonly KnownSequence[]>> = {
  "who needs an image": NEEDED,
  "whose file it is": COPIES,
  "disks with other names": RENAMED,
  "what is left behind": LEFT,
  "what cannot be looked at": UNKNOWN,
  "what is somebody else's": FOREIGN,
  "records and formats": OTHERS,
};
