// Makes the images of the Xen lab from Debian packages, which are unpacked and never installed:
// Xen, the kernel, dom0's first programs, and dom0's disk. They are kept in a cache folder under a
// digest of what they are made from. Needs root, apt-get with up-to-date lists, and mke2fs.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { cpioArchive } from "../../../scripts/cpio.mjs";
import { moduleFiles } from "./kernel-modules.mjs";
import { unpackKernel } from "./unpack-kernel.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));

/** The files of this folder that the images are made from. */
const SOURCES = [
  ...["dom0-init.sh", "dom0-initramfs.sh", "guest-init.sh"],
  ...["images.mjs", "kernel-modules.mjs", "unpack-kernel.mjs"],
];

const XEN_PACKAGE = "xen-hypervisor-4.17-amd64";
const KERNEL_PACKAGE = "linux-image-amd64";
/** What dom0's disk holds, with all that these depend on. */
const DOM0_PACKAGES = [
  ...["xen-utils-4.17", "xenstore-utils", "qemu-system-xen", "qemu-utils"],
  ...[
    "bash",
    "coreutils",
    "sed",
    "grep",
    "util-linux",
    "mount",
    "procps",
    "busybox-static",
    "libstdc++6",
    "e2fsprogs",
  ],
];
/** Much to copy, and nobody reads it there. */
const LEFT_OUT = ["doc", "man", "info", "locale", "iso-codes", "lintian", "bug"];

const DOM0_MODULES = [
  ...["virtio_pci", "virtio_blk", "ext4", "crc32c_generic", "9pnet_virtio", "9p"],
  ...["xen-evtchn", "xen-privcmd", "xen-gntdev", "xen-gntalloc", "xenfs", "loop", "xen-blkback"],
];
const GUEST_MODULES = ["xen-blkfront"];

const DISK_SIZE = "6G";
const FOLDERS = [
  ...["usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "usr/local/bin", "opt/guest"],
  ...["etc/xen", "dev", "proc", "sys", "run", "tmp", "root", "control"],
  ...["var/lib/xen", "var/log/xen/console", "var/tmp"],
];
const LINKS = [
  ...["bin", "sbin", "lib", "lib64"].map((name) => [`usr/${name}`, name]),
  ["/run", "var/run"],
  ["/run/lock", "var/lock"],
  ["/proc/self/mounts", "etc/mtab"],
];
const TEXTS = {
  "etc/hostname": "xen-lab\n",
  "etc/hosts": "127.0.0.1 localhost xen-lab\n",
  "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n",
  "etc/group": "root:x:0:\nnogroup:x:65534:\n",
  "etc/xen/xl.conf": "",
};

/**
 * The paths of the images below `cache`, which are built when they are missing or were made from
 * something else. Several processes may do so at once. `log` is told what takes time.
 */
export function ensureImages(cache, log = () => undefined) {
  const folder = join(cache, digestOfSources());
  if (!existsSync(folder)) {
    const began = performance.now();
    mkdirSync(cache, { recursive: true });
    const work = mkdtempSync(join(cache, "build-"));
    try {
      buildImages(cache, work, log);
      if (!existsSync(folder)) renameSync(join(work, "images"), folder);
    } finally {
      rmSync(work, { recursive: true });
    }
    log(`images built in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }
  return {
    xen: join(folder, "xen"),
    kernel: join(folder, "vmlinux"),
    initrd: join(folder, "initrd"),
    disk: join(folder, "dom0.img"),
  };
}

function digestOfSources() {
  const hash = createHash("sha256").update(process.version);
  for (const name of SOURCES) hash.update(readFileSync(join(here, name)));
  return hash.digest("hex").slice(0, 16);
}

function buildImages(cache, work, log) {
  const images = join(work, "images");
  const root = join(work, "dom0");
  mkdirSync(images);
  log("fetching Debian packages");
  const archives = fetchPackages(join(cache, "packages"));
  log("building the images");
  const xen = unpackAside(archives, work, "xen-hypervisor-4");
  const kernel = unpackAside(archives, work, "linux-image-6");
  const compressedXen = findFile(join(xen, "boot"), /^xen-.*\.gz$/);
  const compressedKernel = findFile(join(kernel, "boot"), /^vmlinuz-/);
  writeFileSync(join(images, "xen"), gunzipSync(readFileSync(compressedXen)));
  unpackKernel(compressedKernel, join(images, "vmlinux"));

  layOutFolders(root);
  for (const archive of archives)
    if (!/^(linux-image|xen-hypervisor|initramfs)/.test(archive.name))
      unpack(
        archive.path,
        root,
        LEFT_OUT.map((name) => `--exclude=./usr/share/${name}/*`),
      );
  const busybox = join(root, "usr/bin/busybox");
  completeRoot(root, busybox);
  copyFileSync(join(images, "vmlinux"), join(root, "opt/guest/vmlinux"));
  copyFileSync(compressedKernel, join(root, "opt/guest/vmlinuz"));
  const archive = (script, modules) =>
    initramfs(busybox, join(here, script), moduleFiles(kernel, modules));
  writeFileSync(join(images, "initrd"), archive("dom0-initramfs.sh", DOM0_MODULES));
  writeFileSync(
    join(root, "opt/guest/initrd"),
    gzipSync(archive("guest-init.sh", GUEST_MODULES), { level: 1 }),
  );
  run("mke2fs", [
    ...["-q", "-t", "ext4", "-O", "^has_journal,^metadata_csum", "-m", "0"],
    ...["-E", "lazy_itable_init=1,root_owner=0:0", "-d", root, join(images, "dom0.img"), DISK_SIZE],
  ]);
}

/**
 * The archives of the packages and of all that they depend on. apt is shown an empty system, so
 * that what this one has installed makes no difference.
 */
function fetchPackages(folder) {
  mkdirSync(join(folder, "partial"), { recursive: true });
  const status = join(folder, "status");
  writeFileSync(status, "");
  const asEmptySystem = (...more) => [
    ...["-q", "-y", "--no-install-recommends", "-o", `Dir::State::status=${status}`],
    ...["-o", `Dir::Cache::archives=${folder}`, "-o", "Debug::NoLocking=1"],
    ...["-o", "APT::Sandbox::User=root", ...more],
    ...["install", ...DOM0_PACKAGES, KERNEL_PACKAGE, XEN_PACKAGE],
  ];
  try {
    run("apt-get", asEmptySystem("--download-only"));
  } catch {
    // A fresh machine has no lists, and old lists name packages that are gone.
    run("apt-get", ["-q", "update"]);
    run("apt-get", asEmptySystem("--download-only"));
  }
  // The folder may hold older archives; apt prints those that belong to today's answer.
  const simulated = run("apt-get", asEmptySystem("--simulate"));
  const wanted = new Set([...simulated.matchAll(/^Inst (\S+) \((\S+)/gm)].map(archivePrefix));
  return readdirSync(folder)
    .filter((name) => name.endsWith(".deb") && wanted.has(name.slice(0, name.lastIndexOf("_"))))
    .map((name) => ({ name, path: join(folder, name) }));
}

/** apt names archives NAME_VERSION_ARCHITECTURE.deb, with the version's colon escaped. */
function archivePrefix([, name, version]) {
  return `${name.replace(/:.*/, "")}_${version.replace(":", "%3a")}`;
}

function unpackAside(archives, work, prefix) {
  const archive = archives.find(({ name }) => name.startsWith(prefix));
  if (!archive) throw new Error(`apt-get fetched no package '${prefix}...'`);
  const folder = join(work, prefix);
  mkdirSync(folder);
  unpack(archive.path, folder);
  return folder;
}

/** dpkg's own unpacking would replace the links of the merged /usr by folders. */
function unpack(archive, folder, options = []) {
  const tar = run("dpkg-deb", ["--fsys-tarfile", archive], { encoding: "buffer" });
  run("tar", ["-C", folder, "--keep-directory-symlink", ...options, "-xf", "-"], { input: tar });
}

function layOutFolders(root) {
  for (const name of FOLDERS) mkdirSync(join(root, name), { recursive: true });
  for (const [target, name] of LINKS) symlinkSync(target, join(root, name));
}

/** What the packages leave to their installation, and what is not in a package. */
function completeRoot(root, busybox) {
  for (const [name, text] of Object.entries(TEXTS)) writeFileSync(join(root, name), text);
  for (const applet of run(busybox, ["--list"]).trim().split("\n")) {
    const exists = ["bin", "sbin"].some((name) => existsSync(join(root, "usr", name, applet)));
    if (!exists) symlinkSync("busybox", join(root, "usr/bin", applet));
  }
  installProgram(process.execPath, join(root, "usr/local/bin/node"));
  installProgram(join(here, "dom0-init.sh"), join(root, "usr/sbin/xen-lab-init"));
}

function installProgram(from, to) {
  copyFileSync(from, to);
  chmodSync(to, 0o755);
}

function initramfs(busybox, script, modules) {
  const file = (name, data, mode) => ({ name, mode: 0o100000 | mode, data });
  return cpioArchive([
    ...["bin", "dev", "proc", "sys", "ram", "root", "modules"].map((name) => ({
      name,
      mode: 0o40755,
    })),
    { name: "dev/console", mode: 0o20600, device: [5, 1] },
    file("init", readFileSync(script), 0o755),
    file("bin/busybox", readFileSync(busybox), 0o755),
    file("modules/order", Buffer.from(`${modules.map(({ name }) => name).join(" ")}\n`), 0o644),
    ...modules.map(({ name, path }) => file(`modules/${name}`, readFileSync(path), 0o644)),
  ]);
}

function findFile(folder, pattern) {
  const name = readdirSync(folder).find((candidate) => pattern.test(candidate));
  if (name === undefined) throw new Error(`'${folder}' has no file like ${pattern}`);
  return join(folder, name);
}

function run(program, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: "utf8",
    maxBuffer: 2 ** 30,
    ...options,
  });
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(" ")} failed: ${error?.message ?? String(stderr)}`);
}
