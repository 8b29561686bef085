import { readFileSync } from "node:fs";
import { arch, cpus, totalmem } from "node:os";
import type { PROCEDURES, ResultOf } from "../../rpc/index.js";

/** libvirt's name of the processor's architecture. */
export function hostArchitecture(): string {
  const node = arch();
  return ARCHITECTURES[node] ?? node;
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: "x86_64",
  ia32: "i686",
  arm64: "aarch64",
  ppc64: "ppc64le",
};

/** Characters that libvirt has room for, with a zero behind them. */
const MODEL_BYTES = 32;

/**
 * What this host, or the control domain of a Xen host, sees of processors and memory. Their
 * arrangement is told as far as the kernel tells it.
 */
export function nodeInfo(): ResultOf<typeof PROCEDURES.nodeGetInfo> {
  const processors = cpus();
  const count = Math.max(processors.length, 1);
  const { sockets, cores } = arrangement(count);
  const threads = Math.max(Math.floor(count / (sockets * cores)), 1);
  // libvirt's way to say that the numbers below do not make up the count.
  const isRegular = sockets * cores * threads === count;
  const model = Buffer.alloc(MODEL_BYTES);
  model.write(hostArchitecture(), "latin1");
  return {
    model: [...model],
    memoryKib: BigInt(Math.floor(totalmem() / 1024)),
    cpus: count,
    mhz: processors[0]?.speed ?? 0,
    nodes: 1,
    ...(isRegular ? { sockets, cores, threads } : { sockets: 1, cores: count, threads: 1 }),
  };
}

function arrangement(count: number): { readonly sockets: number; readonly cores: number } {
  const packages = new Map<string, Set<string>>();
  for (let cpu = 0; cpu < count; cpu++) {
    const folder = `/sys/devices/system/cpu/cpu${cpu}/topology`;
    const socket = readWord(`${folder}/physical_package_id`);
    const core = readWord(`${folder}/core_id`);
    if (socket === undefined || core === undefined) return { sockets: 1, cores: count };
    packages.set(socket, (packages.get(socket) ?? new Set()).add(core));
  }
  const most = Math.max(...[...packages.values()].map(({ size }) => size));
  return { sockets: packages.size, cores: most };
}

function readWord(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
