import { readFileSync } from "node:fs";

const FOLDER = "/sys/hypervisor/version";

/** The version of Xen, as libvirt counts versions; 0 where the kernel does not tell it. */
export function xenVersion(): bigint {
  try {
    const [major, minor] = ["major", "minor"].map((name) => readNumber(`${FOLDER}/${name}`));
    const release = readFileSync(`${FOLDER}/extra`, "utf8");
    const patch = Number(/^\.(\d+)/.exec(release)?.[1] ?? 0);
    return BigInt((major ?? 0) * 1_000_000 + (minor ?? 0) * 1000 + patch);
  } catch {
    return 0n;
  }
}

function readNumber(path: string): number {
  return Number.parseInt(readFileSync(path, "utf8"), 10) || 0;
}
