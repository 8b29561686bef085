// Runs in dom0 of the lab and writes what xl answers to fixtures/xl/VERSION/NAME.json, for the unit
// tests of the xl client: { args, exitStatus, stdout, stderr }.
//
//   node scripts/xen-lab.mjs run -- node test/xen/lab/record-transcripts.mjs
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const images = "/var/lib/xen/images";
const saveFile = `${images}/recorded.save`;
const configuration = `${images}/recorded.cfg`;
const fixtures = fileURLToPath(new URL("../../../fixtures/xl/4.17", import.meta.url));

mkdirSync(images, { recursive: true });
mkdirSync(fixtures, { recursive: true });
for (const name of ["a", "b"]) run("qemu-img", ["create", "-q", "-f", "qcow2", at(name), "64M"]);
run("truncate", ["-s", "32M", at("raw")]);
writeFileSync(
  configuration,
  `name = "recorded"
uuid = "3b7c6be4-1c1d-4e5f-8a6b-0123456789ab"
type = "pv"
memory = 128
kernel = "/opt/guest/vmlinux"
ramdisk = "/opt/guest/initrd"
extra = "console=hvc0"
disk = [
  "format=qcow2,vdev=xvda,access=rw,backendtype=qdisk,target=${at("a")}",
  "format=qcow2,vdev=xvdb,access=rw,target=${at("b")}",
  "format=raw,vdev=xvdc,access=rw,target=${at("raw")}",
  "format=raw,vdev=xvdd,devtype=cdrom,access=ro,target=${at("raw")}",
]
`,
);

record("create-missing-file", ["create", "/etc/xen/nosuch.cfg"]);
record("create", ["create", configuration]);
record("create-again", ["create", configuration]);
await new Promise((resolve) => setTimeout(resolve, 10_000));
record("list", ["list"]);
record("list-long", ["list", "-l"]);
record("list-long-one", ["list", "-l", "recorded"]);
record("list-long-no-such", ["list", "-l", "nosuch"]);
record("list-long-no-such-id", ["list", "-l", "99"]);
record("vm-list", ["vm-list"]);
record("domid", ["domid", "recorded"]);
record("domid-no-such", ["domid", "nosuch"]);
record("block-list", ["block-list", "recorded"]);
record("block-list-no-such", ["block-list", "nosuch"]);
record("info", ["info"]);
for (const command of ["pause", "unpause", "destroy"]) {
  record(`${command}-no-such`, [command, "nosuch"]);
  record(`${command}-no-such-id`, [command, "99"]);
}
record("pause", ["pause", "recorded"]);
record("list-paused", ["list"]);
record("unpause", ["unpause", "recorded"]);
record("save-no-such", ["save", "-p", "nosuch", saveFile]);
record("save-no-such-id", ["save", "-p", "99", saveFile]);
record("save-no-folder", ["save", "-p", "recorded", "/nosuch/file"]);
record("save-full-disk", ["save", "-p", "recorded", "/dev/full"]);
record("save", ["save", "-p", "recorded", saveFile]);
record("list-after-save", ["list"]);
record("restore-name-taken", ["restore", "-p", saveFile]);
record("destroy", ["destroy", "recorded"]);
record("restore-missing-file", ["restore", "-p", "/nosuch/file"]);
record("restore-no-save-file", ["restore", "-p", configuration]);
run("cp", ["--sparse=always", saveFile, `${saveFile}.cut`]);
run("truncate", ["-s", "1000000", `${saveFile}.cut`]);
record("restore-cut-short", ["restore", "-p", `${saveFile}.cut`]);
record("restore", ["restore", "-p", saveFile]);
record("list-restored", ["list"]);
run("xl", ["destroy", "recorded"]);
record("usage", ["save"]);
record("unknown-command", ["nosuch"]);
run("head", ["-c", "8192", saveFile], join(fixtures, "save-file-head.bin"));

function record(name, args) {
  const { status: exitStatus, stdout, stderr } = spawnSync("xl", args, { encoding: "utf8" });
  const transcript = { args, exitStatus, stdout, stderr };
  writeFileSync(join(fixtures, `${name}.json`), `${JSON.stringify(transcript, undefined, 2)}\n`);
}

function at(name) {
  return `${images}/recorded-${name}.img`;
}

function run(program, args, output) {
  const { status, stdout, stderr } = spawnSync(program, args, { maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} failed: ${stderr}`);
  if (output !== undefined) writeFileSync(output, stdout);
}
