import { expect } from "chai";
import { ServeBench, virsh } from "./support/bench.js";

/** In this order, each against what those before have left. */
const SCRIPT = [
  "uri",
  "list",
  "list --all",
  "list --all --uuid",
  "list --all --name",
  "list --inactive",
  "list --all --with-snapshot",
  "list --all --without-snapshot",
  "list --state-running --name",
  "list --state-shutoff --name",
  "list --persistent --name",
  "list --transient --name",
  "domid test",
  "domuuid test",
  "domname 1",
  "domname 6695eb01-f6a4-8304-79aa-97f2502e193f",
  "domstate test",
  "domstate test --reason",
  "domblklist test",
  "domblklist test --details",
  "domiflist test",
  "dumpxml test",
  "dumpxml test --inactive",
  "dumpxml test --security-info",
  "vcpucount test",
  "dominfo test",
  "domjobinfo test",
  "domjobabort test",
  "domstats test",
  "snapshot-list test",
  "snapshot-current test",
  "snapshot-info test nothing",
  "snapshot-parent test nothing",
  "snapshot-create-as test s1 --description first",
  "snapshot-create-as test s2",
  "snapshot-create-as test s2",
  "snapshot-create-as test s3 --disk-only",
  "snapshot-create-as test 's 3'",
  "snapshot-create-as test ./s4 --atomic",
  "snapshot-create-as test a/b",
  "snapshot-create-as test --print-xml s9",
  "snapshot-create-as test s5 --no-metadata",
  "snapshot-list test --name",
  "snapshot-list test --tree",
  "snapshot-list test --parent",
  "snapshot-list test --roots",
  "snapshot-list test --leaves",
  "snapshot-list test --no-leaves",
  "snapshot-list test --metadata --name",
  "snapshot-list test --no-metadata --name",
  "snapshot-list test --active --name",
  "snapshot-list test --inactive --name",
  "snapshot-list test --disk-only --name",
  "snapshot-list test --internal --name",
  "snapshot-list test --external --name",
  "snapshot-list test --from s1",
  "snapshot-list test --from s1 --descendants --name",
  "snapshot-list test --current --tree",
  "snapshot-list test --from nothing",
  "snapshot-list test --topological --name",
  "snapshot-info test s1",
  "snapshot-info test --current",
  "snapshot-current test --name",
  "snapshot-current test",
  "snapshot-current test s1",
  "snapshot-current test --name",
  "snapshot-dumpxml test s1",
  "snapshot-dumpxml test s1 --security-info",
  "snapshot-parent test s2",
  "snapshot-parent test s1",
  "snapshot-revert test s1 --paused",
  "domstate test --reason",
  "snapshot-revert test s1 --paused --running",
  "snapshot-revert test s2",
  "domstate test --reason",
  "snapshot-revert test nothing",
  "list --all --with-snapshot",
  "suspend test",
  "suspend test",
  "domstate test --reason",
  "resume test",
  "resume test",
  "domstate test --reason",
  "shutdown test",
  "shutdown test",
  "domstate test --reason",
  "start test",
  "start test",
  "start test --paused",
  "domstate test --reason",
  "destroy test",
  "destroy test",
  "domstate test --reason",
  "snapshot-create-as test off",
  "snapshot-dumpxml test off",
  "snapshot-revert test s1",
  "snapshot-delete test s2 --children-only",
  "snapshot-delete test s1 --children --children-only",
  "snapshot-delete test s1 --metadata",
  "snapshot-delete test nothing",
  "snapshot-delete test off",
  "undefine test",
  "destroy test",
  "undefine test",
  "snapshot-delete test s1 --children",
  "snapshot-list test --tree",
  "undefine test",
  "list --all",
  "domstate test",
  "version",
  "hostname",
  "nodeinfo",
  "capabilities",
  "net-list",
  "pool-list",
  "net-dumpxml nothing",
  "define /nothing.xml",
];

/** What libvirt's own test driver has that we have not, or other than we. The rest has to be equal. */
const EXCEPTIONS: ReadonlyMap<string, string> = new Map([
  ["nodeinfo", "the machine that it simulates; the daemon tells of the real one"],
  ["capabilities", "those of the simulated machine"],
  [
    "dominfo test",
    "security labels and processor time that it makes up, and another kind of guest",
  ],
  ["domjobinfo test", "it has no jobs; the daemon has"],
  ["domjobabort test", "it has no jobs"],
  ["domstats test", "the daemon has no statistics"],
  ["net-list", "it has a network"],
  ["pool-list", "it has a storage pool"],
  ["net-dumpxml nothing", "it knows networks"],
]);

describe("the same commands of virsh on libvirt's test driver and on the daemon", function () {
  let bench: ServeBench;
  before(async () => {
    bench = await ServeBench.start();
  });
  after(() => bench.stop());

  it("print the same, but for what is listed", async () => {
    const [libvirt, daemon] = await Promise.all([play("test:///default"), play(bench.uri())]);
    const differing = SCRIPT.map((command, index) => ({
      command,
      libvirt: libvirt[index],
      daemon: daemon[index],
    })).filter(({ libvirt: theirs, daemon: ours }) => theirs !== ours);
    expect(differing.filter(({ command }) => !EXCEPTIONS.has(command))).to.deep.equal([]);
    expect(differing.map(({ command }) => command)).to.have.members([...EXCEPTIONS.keys()]);
  });
});

const MARKER = "@@next@@";

/** One virsh, so that the simulated host lives as long as the script. */
async function play(uri: string): Promise<string[]> {
  const script = SCRIPT.map((command) => `${command}; echo ${MARKER}`).join("; ");
  const answers = (await virsh(uri, ["-q", script])).split(MARKER);
  expect(answers, answers.at(-1)).to.have.length(SCRIPT.length + 1);
  return answers.slice(0, -1).map((answer) => forgetNow(answer.replaceAll(uri, "URI")));
}

function forgetNow(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+\+0000: \d+: error : .*\n/g, "")
    .replace(/<creationTime>\d+</g, "<creationTime>NOW<")
    .replace(/\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d/g, "NOW");
}
