// Makes the guest of the tests: Debian's kernel, and an initramfs of busybox and
// test/support/tiny-guest/init.sh. The packages are unpacked into a cache folder, not installed.
// Needs apt-get and dpkg with up-to-date lists, and the network unless the packages are cached.
//
// A second initramfs has QEMU's real guest agent as well, which needs a C library and a few more.
//
//   node scripts/make-tiny-guest.mjs              prints the paths of the kernel and the initramfs
//   node scripts/make-tiny-guest.mjs --agent      of that with the agent
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { cpioArchive } from "./cpio.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const initScript = join(root, "test", "support", "tiny-guest", "init.sh");

/** Depends on the newest kernel that has the drivers of virtual machines, and few others. */
const KERNEL_PACKAGE = "linux-image-cloud-amd64";

/** In the order that they can be loaded in. */
const MODULES = [
  "virtio_ring",
  "virtio",
  "virtio_pci_modern_dev",
  "virtio_pci_legacy_dev",
  "virtio_pci",
  "virtio_blk",
  "virtio_console",
];

const AGENT_PACKAGES = [
  ...["qemu-guest-agent", "libc6", "libglib2.0-0", "libpcre2-8-0"],
  ...["libnuma1", "libudev1", "liburing2"],
];
const AGENT = "usr/sbin/qemu-ga";
const AGENT_LOADER = "ld-linux-x86-64.so.2";
const AGENT_LIBRARIES = [
  ...["libc.so.6", "libm.so.6", "libglib-2.0.so.0", "libgmodule-2.0.so.0", "libpcre2-8.so.0"],
  ...["libnuma.so.1", "libudev.so.1", "liburing.so.2"],
];

/**
 * Builds the guest where it is missing or older than its sources. Several processes may do so at
 * once: what is in use is never written to.
 */
export function makeTinyGuest({ agent = false } = {}) {
  const cache = join(root, ".cache", "tiny-guest");
  const initrd = join(cache, agent ? "initrd-agent" : "initrd");
  const guest = { kernel: join(cache, "kernel"), initrd };
  if (isUpToDate(initrd)) return guest;
  mkdirSync(cache, { recursive: true });
  const unpacked = unpackPackages(cache, "unpacked", () => [kernelPackage(), "busybox-static"]);
  const [kernel] = readdirSync(join(unpacked, "boot")).filter((name) => name.startsWith("vmlinuz"));
  replaceFile(guest.kernel, readFileSync(join(unpacked, "boot", kernel)));
  const entries = [...initramfsEntries(unpacked), ...(agent ? agentEntries(cache) : [])];
  replaceFile(initrd, gzipSync(cpioArchive(entries), { level: 1 }));
  return guest;
}

function isUpToDate(initrd) {
  const sources = [initScript, fileURLToPath(import.meta.url)];
  const newest = Math.max(...sources.map((path) => statSync(path).mtimeMs));
  return (statSync(initrd, { throwIfNoEntry: false })?.mtimeMs ?? 0) > newest;
}

/** The folder with the content of the packages. */
function unpackPackages(cache, folder, packagesOf) {
  const unpacked = join(cache, folder);
  if (existsSync(unpacked)) return unpacked;
  const temporary = mkdtempSync(join(cache, "unpack-"));
  run("apt-get", ["-q", "download", ...packagesOf()], temporary);
  const packages = readdirSync(temporary).filter((name) => name.endsWith(".deb"));
  for (const name of packages) run("dpkg", ["-x", name, "content"], temporary);
  if (!existsSync(unpacked)) renameSync(join(temporary, "content"), unpacked);
  rmSync(temporary, { recursive: true });
  return unpacked;
}

function kernelPackage() {
  const depends = run("apt-cache", ["depends", "--important", KERNEL_PACKAGE], root);
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name) return name;
  throw new Error(`apt-cache knows no '${KERNEL_PACKAGE}'; run apt-get update`);
}

function initramfsEntries(unpacked) {
  const folders = ["bin", "dev", "modules", "proc"];
  const order = `${MODULES.map((name) => `${name}.ko`).join(" ")}\n`;
  return [
    ...folders.map((name) => ({ name, mode: 0o40755 })),
    { name: "dev/console", mode: 0o20600, device: [5, 1] },
    { name: "init", mode: 0o100755, data: readFileSync(initScript) },
    { name: "bin/busybox", mode: 0o100755, data: readFileSync(join(unpacked, "bin", "busybox")) },
    { name: "modules/order", mode: 0o100644, data: Buffer.from(order) },
    ...kernelModules(unpacked),
  ];
}

function agentEntries(cache) {
  const unpacked = unpackPackages(cache, "unpacked-agent", () => AGENT_PACKAGES);
  const found = new Map(
    readdirSync(unpacked, { recursive: true }).map((path) => [basename(path), path]),
  );
  const program = (name, path) => {
    if (path === undefined) throw new Error(`the packages of the agent have no '${name}'`);
    return { name, mode: 0o100755, data: readFileSync(join(unpacked, path)) };
  };
  return [
    ...["lib64", "lib"].map((name) => ({ name, mode: 0o40755 })),
    program("bin/qemu-ga", AGENT),
    program(`lib64/${AGENT_LOADER}`, found.get(AGENT_LOADER)),
    ...AGENT_LIBRARIES.map((name) => program(`lib/${name}`, found.get(name))),
  ];
}

function kernelModules(unpacked) {
  const modules = join(unpacked, "lib", "modules");
  const paths = readdirSync(modules, { recursive: true });
  return MODULES.map((module) => {
    const path = paths.find((candidate) => candidate.endsWith(`/${module}.ko`));
    if (path === undefined) throw new Error(`the kernel package has no module '${module}'`);
    const data = readFileSync(join(modules, path));
    return { name: `modules/${module}.ko`, mode: 0o100644, data };
  });
}

function replaceFile(path, content) {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}

function run(program, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: "utf8" });
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(" ")} failed: ${stderr || error?.message}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { kernel, initrd } = makeTinyGuest({ agent: process.argv.includes("--agent") });
  console.log(`${kernel}\n${initrd}`);
}
