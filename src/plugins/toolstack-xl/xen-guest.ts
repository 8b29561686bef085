import type { LibxlConfig } from "../../clients/xl/index.js";
import { parseXlCfg, xlList, xlNumber, xlText, type XlConfig } from "../../formats/xl-cfg/index.js";
import { parseXlDisk, xlDiskFromJson, type XlDisk } from "../../formats/xl-disk/index.js";

/** What a domain's definition is made of, whether it is from libxl or from a file. */
export interface XenGuest {
  readonly name: string;
  /** Missing in many files: xl then makes one at every start. */
  readonly uuid?: string;
  readonly type: "pv" | "pvh" | "hvm";
  readonly maxMemoryKib: bigint;
  readonly memoryKib: bigint;
  readonly vcpus: number;
  readonly bootloader?: string;
  readonly kernel?: string;
  readonly ramdisk?: string;
  readonly commandLine?: string;
  readonly onPoweroff?: string;
  readonly onReboot?: string;
  readonly onCrash?: string;
  readonly disks: readonly XlDisk[];
  /** Whether its device model runs in a domain of its own. */
  readonly stubDomain?: boolean;
  /** Whether its QEMU may open no files but those that it was started with. */
  readonly restrictedQemu?: boolean;
}

/** A guest as `xl list -l` tells it. */
export function guestOfLibxl(config: LibxlConfig): XenGuest {
  const { c_info: info, b_info: build } = config;
  return dropUndefined({
    name: info.name,
    uuid: info.uuid,
    type: guestType(info.type ?? "pv"),
    maxMemoryKib: BigInt(build.max_memkb ?? 0),
    memoryKib: BigInt(build.target_memkb ?? build.max_memkb ?? 0),
    vcpus: build.max_vcpus ?? 1,
    bootloader: build.bootloader,
    kernel: build.kernel,
    ramdisk: build.ramdisk,
    commandLine: build.cmdline,
    onPoweroff: config.on_poweroff,
    onReboot: config.on_reboot,
    onCrash: config.on_crash,
    disks: config.disks.map(xlDiskFromJson),
    stubDomain: build.device_model_stubdomain === "True" || undefined,
    restrictedQemu: build.dm_restrict === "True" || undefined,
  });
}

/**
 * A guest as its file in xl.cfg(5) tells it; undefined for a file without a name, which is none.
 * Throws `invalid-argument` for a file that xl would not take.
 */
export function guestOfXlCfg(text: string, fileName: string): XenGuest | undefined {
  const config = parseXlCfg(text, fileName);
  const name = xlText(config, "name");
  if (name === undefined) return undefined;
  const memoryMib = xlNumber(config, "memory") ?? 0n;
  return dropUndefined({
    name,
    uuid: xlText(config, "uuid"),
    type: guestType(xlText(config, "type") ?? xlText(config, "builder") ?? "pv"),
    maxMemoryKib: (xlNumber(config, "maxmem") ?? memoryMib) * 1024n,
    memoryKib: memoryMib * 1024n,
    vcpus: Number(xlNumber(config, "maxvcpus") ?? xlNumber(config, "vcpus") ?? 1n),
    bootloader: xlText(config, "bootloader"),
    kernel: xlText(config, "kernel"),
    ramdisk: xlText(config, "ramdisk"),
    commandLine: commandLineOf(config),
    onPoweroff: xlText(config, "on_poweroff"),
    onReboot: xlText(config, "on_reboot"),
    onCrash: xlText(config, "on_crash"),
    disks: disksOf(config, fileName),
    stubDomain: isSet(config, "device_model_stubdomain_override"),
    restrictedQemu: isSet(config, "dm_restrict"),
  });
}

function disksOf(config: XlConfig, fileName: string): XlDisk[] {
  return (xlList(config, "disk") ?? [])
    .filter((item): item is string => typeof item === "string")
    .map((item) => parseXlDisk(item, fileName));
}

function isSet(config: XlConfig, name: string): true | undefined {
  const value = xlNumber(config, name);
  return value !== undefined && value !== 0n ? true : undefined;
}

function commandLineOf(config: XlConfig): string | undefined {
  const whole = xlText(config, "cmdline");
  if (whole !== undefined) return whole;
  const root = xlText(config, "root");
  const words = [root === undefined ? undefined : `root=${root}`, xlText(config, "extra")];
  const line = words.filter((word) => word !== undefined).join(" ");
  return line === "" ? undefined : line;
}

function guestType(word: string): XenGuest["type"] {
  return word === "hvm" || word === "pvh" ? word : "pv";
}

function dropUndefined(guest: { [Key in keyof XenGuest]: XenGuest[Key] | undefined }): XenGuest {
  const entries = Object.entries(guest).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as unknown as XenGuest;
}
