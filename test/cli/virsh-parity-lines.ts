/** What virsh-parity.test.ts gives to virsh and to domsnap alike. */

const UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f";

const REDEFINE_ALL = redefineAll();

function redefineAll(current?: string): string {
  return ["root1", "b", "Cc", "d", "e", "f", "日本語 é", "a"]
    .map((name) => `snapshot-create test '${name}.xml' --redefine`)
    .map((line) => (line.includes(`'${current}.xml'`) ? `${line} --current` : line))
    .join("; ");
}

/** Whole lines of commands; in each, one that fails does not stop the others. */
export const SEQUENCES = createSequences();

function createSequences(): Record<string, string> {
  const lists = [
    "",
    "--parent",
    "--roots",
    "--leaves",
    "--no-leaves",
    "--metadata",
    "--no-metadata",
    "--metadata --no-metadata",
    "--inactive",
    "--active",
    "--disk-only",
    "--inactive --disk-only",
    "--inactive --active --disk-only",
    "--internal",
    "--external",
    "--internal --external",
    "--name",
    "--tree",
    "--tree --metadata",
    "--topological",
    "--topological --name",
    "--tree --topological",
    "--parent --topological",
    "--from b",
    "--from b --parent",
    "--from root1 --descendants",
    "--from root1 --descendants --leaves --name",
    "--from root1 --tree",
    "--from root1 --tree --descendants",
    "--from b --tree --descendants --topological",
    "--from b --tree --topological",
    "--from e",
    "--current",
    "--current --tree",
    "--from root1 --descendants --topological --name",
  ];
  const incompatible = [
    "--tree --name",
    "--parent --roots",
    "--parent --tree",
    "--roots --tree",
    "--roots --from b",
    "--roots --current",
    "--tree --leaves",
    "--tree --no-leaves",
    "--tree --inactive",
    "--tree --active",
    "--tree --disk-only",
    "--tree --internal",
    "--tree --external",
    "--descendants",
    "--from b --current",
    "--from nosuch",
    "--from ''",
    "--current --descendants",
    "--parent --roots --tree",
  ];
  return {
    "lists with every filter": [
      redefineAll("b"),
      ...lists.map((options) => `snapshot-list test ${options}`),
    ].join("; "),
    "the order after a redefinition": [
      REDEFINE_ALL,
      "snapshot-current test b",
      "snapshot-list test --tree --topological",
      "snapshot-create test root1.xml --redefine",
      "snapshot-list test --name --topological",
    ].join("; "),
    "lists that contradict themselves": [
      "snapshot-create test b.xml --redefine",
      ...incompatible.flatMap((options) => [
        `snapshot-list test ${options}`,
        `snapshot-list nosuch ${options}`,
      ]),
      "snapshot-list ''",
      "snapshot-list nosuch",
    ].join("; "),
    "an empty list": "snapshot-list test; snapshot-list test --tree; snapshot-list test --parent",
    "info and parent": [
      REDEFINE_ALL,
      "snapshot-current test --name",
      ...["root1", "b", "Cc", "e", "a", "nosuch", "''"].flatMap((name) => [
        `snapshot-info test ${name}`,
        `snapshot-parent test ${name}`,
      ]),
      "snapshot-info test",
      "snapshot-info test --current",
      "snapshot-info test b --current",
      "snapshot-parent test",
      "snapshot-parent test --current",
      "snapshot-parent test b --current",
      "snapshot-info nosuch",
      "snapshot-info 1 b",
      `snapshot-info ${UUID} b`,
      "snapshot-current test d",
      "snapshot-info test --current",
      "snapshot-parent test --current",
    ].join("; "),
    "the current snapshot": [
      "snapshot-current test",
      "snapshot-current test --name",
      REDEFINE_ALL,
      "snapshot-current test e",
      "snapshot-current test --name",
      "snapshot-current test",
      "snapshot-current test nosuch",
      "snapshot-current test ''",
      "snapshot-current nosuch",
      "snapshot-current test --name b",
      "snapshot-current test --security-info",
      "snapshot-create test Cc.xml --redefine --current",
      "snapshot-current test --name",
      "snapshot-list test --tree",
    ].join("; "),
    "create, revert, delete": [
      "snapshot-create-as test s1 'first & <best>'",
      "snapshot-create-as test s2",
      "snapshot-create-as test s2",
      "snapshot-revert test s1",
      "snapshot-revert test s1 --force --running",
      "snapshot-revert test --current --paused",
      "domstate test",
      "snapshot-revert test s1 --running --paused",
      "snapshot-revert test s1 --reset-nvram",
      "snapshot-revert test nosuch",
      "snapshot-revert test",
      "snapshot-revert test s1 --current",
      "snapshot-create-as test s3",
      "snapshot-list test --parent",
      "snapshot-dumpxml test s1",
      "snapshot-delete test nosuch",
      "snapshot-delete test s1 --children --children-only",
      "snapshot-delete test s1 --metadata",
      "snapshot-delete test --current",
      "snapshot-delete test s1 --children-only",
      "snapshot-list test",
      "snapshot-delete test s1 --children",
      "snapshot-list test",
      "snapshot-delete test",
      "snapshot-delete test a --current",
      "snapshot-delete test ''",
    ].join("; "),
    "refused documents": [
      "snapshot-create test /nope/x.xml",
      "snapshot-create test /tmp",
      "snapshot-create test ''",
      "snapshot-create test latin1.xml",
      "snapshot-create test empty.xml",
      "snapshot-create test bad.xml",
      "snapshot-create test bom.xml",
      "define latin1.xml",
      "snapshot-create test --redefine",
      "snapshot-create nosuch /nope",
      "snapshot-create test a.xml --no-metadata",
      "snapshot-create test a.xml --disk-only",
      "snapshot-create test a.xml --current",
      "snapshot-create test Cc.xml --redefine",
      "snapshot-create-as test x --no-metadata",
      "snapshot-create-as test x --diskspec vdz",
      "snapshot-create-as test x --diskspec vda,snapshot=bogus",
      "snapshot-create-as test ''",
      "snapshot-create-as test x --description ''",
      "snapshot-create-as test x --memspec ''",
    ].join("; "),
    "printed documents": [
      "snapshot-create-as test --print-xml",
      "snapshot-create-as test n d vda vdb --print-xml --diskspec vdc",
      `snapshot-create-as test n 'a<b&' --print-xml --memspec snapshot=no`,
      `snapshot-create-as dom --print-xml`,
      `snapshot-create-as test n d --print-xml --memspec '/a,,b' --diskspec vda --diskspec 'vdb,,x,snapshot=no'`,
      `snapshot-create-as test n --print-xml --diskspec "vda,stype=block,file=/a'b,driver=qcow2,snapshot=external"`,
      "snapshot-create-as test n --print-xml --diskspec vda,stype=block",
      "snapshot-create-as test n --print-xml --diskspec 'vda,file=/a,,,,b,snapshot=no'",
      "snapshot-create-as test n --print-xml --diskspec 'vda,,,'",
      "snapshot-create-as test n --print-xml --diskspec vda,",
      "snapshot-create-as test n --print-xml --diskspec vda,stype=x",
      "snapshot-create-as test n --print-xml --diskspec vda,bogus=1",
      "snapshot-create-as test n --print-xml --diskspec vda,file=/a,file=/b",
      "snapshot-create-as test n --print-xml --memspec x",
      "snapshot-create-as test n --print-xml --memspec file=,snapshot=internal",
      "snapshot-create-as test n --print-xml --memspec file=/a,snapshot=external,/b",
      "snapshot-create-as test n --print-xml --memspec ,",
    ].join("; "),
    "documents by XPath": [
      "snapshot-create-as test a desc",
      ...["//name", "//os", "//os|//name", "//nope", "1+1", "//@type", "//name/text()", "/*"].map(
        (path) => `snapshot-dumpxml test a --xpath '${path}'`,
      ),
      "snapshot-dumpxml test a --xpath '//os|//name' --wrap",
      "snapshot-dumpxml test a --xpath '//devices' --wrap",
      "snapshot-dumpxml test a --xpath '//nope' --wrap",
      "snapshot-dumpxml test nosuch",
      "dumpxml test --xpath //name",
    ].join("; "),
    domains: [
      "list --all",
      "define domain.xml",
      "list --all",
      "list",
      "list --inactive --name",
      "list --all --uuid --id",
      "list --all --id --name",
      "list --all --name --uuid",
      "list --all --table --name",
      "list --id",
      "domstate vm2",
      "domstate nosuch",
      "domstate test --reason",
      "snapshot-create-as vm2 s",
      "undefine vm2",
      "undefine vm2 --snapshots-metadata",
      "undefine vm2",
      "define a.xml",
      "define /nope",
      "dumpxml nosuch",
      "uri",
    ].join("; "),
    quoting: [
      `echo "a b" 'c d' e\\ f #comment`,
      `echo a"b"c 'x\\y' "a\\"b\\c"`,
      "echo a#b; ; echo ''",
      "echo a\\\nb\necho c",
      "echo --shell 'a b' c \"it's\"",
      "echo --xml 'a<b'",
      "echo -- --shell x",
      "echo --shell --xml x",
      "echo 'not closed",
    ].join(";"),
    "the end of a line": "echo a; quit; echo b",
  };
}

/** Each on its own, since nothing of such a line runs. */
export const MISTAKES = [
  "foo",
  "",
  ";",
  "#comment",
  "snapshot-list",
  "snapshot-list test --foo",
  "snapshot-list test --do",
  "snapshot-list test --from",
  "snapshot-list test a b",
  "snapshot-list --domain=",
  "snapshot-list test --tree=yes",
  "snapshot-list test --tree --tree",
  "snapshot-list test --domain test",
  "snapshot-list test --help=x",
  "snapshot-list test -x",
  "snapshot-list test --",
  "snapshot-create-as test --memspec",
  "snapshot-create-as --diskspec",
  "snapshot-create-as test n --redefine",
  "snapshot-dumpxml test",
  "define",
  "exit x",
  "echo a; foo",
  "foo; echo a",
  "snapshot-list; foo",
  'echo "abc',
  "echo a\\",
  'echo a; echo "b',
  "help nope",
];

export const SPLIT_BY_A_SHELL = [
  ["echo", "a", ";", "echo", "b"],
  ["echo", "a b", "#c", '"d"', "\\"],
  ["snapshot-list", "test", "--tree"],
  ["snapshot-create-as", "test", "", "--print-xml"],
  ["snapshot-list test", "--tree"],
  ["--", "echo", "x"],
];

export const READ_ONLY_LINE = [
  "snapshot-create test",
  "snapshot-create test --no-metadata",
  "snapshot-list test",
  "snapshot-delete test x",
  "snapshot-current test",
].join("; ");

export const NODE_FILE_LINE = [
  "list --all",
  "domstate alpha",
  "domstate beta",
  "snapshot-create-as alpha a1",
  "snapshot-create-as beta b1",
  "snapshot-create-as beta b2 --diskspec vda,snapshot=external,file=/x/y --diskspec vdb,snapshot=no",
  "snapshot-dumpxml beta b1",
  "snapshot-dumpxml beta b2",
  "snapshot-info beta b2",
  "snapshot-info alpha a1",
  "snapshot-list beta --external",
  "snapshot-list beta --internal",
  "snapshot-list beta --inactive",
  "snapshot-list alpha --active",
  "snapshot-revert alpha a1",
  "snapshot-revert beta b1",
  "list --all",
  "dumpxml beta",
  "snapshot-delete beta b1",
  "snapshot-list beta --tree",
].join("; ");

const CREATE_TWO = "snapshot-create test a.xml --redefine; snapshot-create-as test s2";

export const EDITS: Record<string, { name: string; line: string }> = {
  "nothing changed": { name: "a", line: `${CREATE_TWO}; snapshot-edit test a` },
  "nothing changed but made current": {
    name: "a",
    line: `${CREATE_TWO}; snapshot-edit test a --current; snapshot-current test --name`,
  },
  "a clone": {
    name: "copy",
    line: `${CREATE_TWO}; snapshot-edit test a --clone; snapshot-list test --parent`,
  },
  "what cannot be edited": {
    name: "a",
    line: [
      "snapshot-edit test",
      "snapshot-edit test nosuch",
      "snapshot-edit test x --rename --clone",
      "snapshot-edit test --current",
      "snapshot-edit nosuch",
    ].join("; "),
  },
};

/** Complete, as libvirt itself would print it: domsnap adds no defaults to definitions. */
export function domainXml(name: string, uuid: string, disks = ""): string {
  return `<domain type='test'>
  <name>${name}</name>
  <uuid>${uuid}</uuid>
  <memory unit='KiB'>8192</memory>
  <currentMemory unit='KiB'>8192</currentMemory>
  <vcpu placement='static'>1</vcpu>
  <os>
    <type arch='i686'>hvm</type>
    <boot dev='hd'/>
  </os>
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>${disks}
  </devices>
</domain>
`;
}

function disk(target: string): string {
  return `
    <disk type='file' device='disk'>
      <source file='/img/${target}.img'/>
      <target dev='${target}' bus='virtio'/>
    </disk>`;
}

export const NODE_FILE = `<node>
${domainXml("alpha", "11111111-2222-3333-4444-555555555551", disk("vda"))}
${domainXml("beta", "11111111-2222-3333-4444-555555555552", disk("vda") + disk("vdb")).replace(
  "<domain type='test'>",
  "<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'><test:runstate>5</test:runstate>",
)}
</node>
`;

export function snapshotXml(
  name: string,
  head: { parent?: string; creationTime: number; state?: string },
): string {
  const parent = head.parent === undefined ? "" : `<parent><name>${head.parent}</name></parent>`;
  return (
    `<domainsnapshot><name>${name}</name>${parent}<state>${head.state ?? "shutoff"}</state>` +
    `<creationTime>${head.creationTime}</creationTime>${domainXml("test", UUID)}</domainsnapshot>`
  );
}
