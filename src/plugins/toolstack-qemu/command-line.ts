import { basename, isAbsolute } from "node:path";

import { DomsnapError } from "../../core/errors/index.js";
import type { DomainDefinition } from "../../core/model/index.js";
import {
  attributeAt,
  elementsAt,
  elementsOf,
  readXml,
  stringAt,
  type XmlElement,
} from "../../xml/index.js";
import { formatDiskArguments } from "./disk-arguments.js";
import type { RunFolder } from "./run-folder.js";

export interface GuestCommandLine {
  readonly program: string;
  readonly args: readonly string[];
}

/** What QEMU brings along, or what this toolstack gives to every guest in its own way. */
const TAKEN_CARE_OF: ReadonlySet<string> = new Set([
  ...["disk", "emulator", "controller", "console", "serial", "channel"],
  // Nobody looks at the screen of such a guest.
  ...["graphics", "video", "input", "audio", "memballoon"],
]);

const AGENT_CHANNEL = "org.qemu.guest_agent.0";

/**
 * The command line of a guest, pure: a daemon with two monitors, its guest stopped (`-S`) until
 * somebody lets it run. The part of `<domain>` that it knows: type (qemu, kvm), name, uuid, memory,
 * vcpu, os (type with arch and machine, kernel, initrd, cmdline), cpu, disks of files and block
 * devices, the channel of the guest agent. With `incoming` the guest waits for its memory. To be run
 * in the run folder: QEMU takes percent signs in the path of its log for a pattern.
 *
 * Throws `config-unsupported` for what it would have to leave out: a guest that silently lacks a
 * device is worse than none.
 */
export function formatCommandLine(
  definition: DomainDefinition,
  run: RunFolder,
  incoming?: string,
): GuestCommandLine {
  const root = readXml(definition.xml);
  const machine = word(attributeAt(root, ["os", "type"], "machine") ?? "pc", "machine");
  const arch = word(attributeAt(root, ["os", "type"], "arch") ?? "x86_64", "architecture");
  assertBuildable(definition, root);
  const args = [
    ...["-name", `guest=${optionValue(definition.name)}`, "-uuid", definition.uuid],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-S"],
    ...["-daemonize", "-pidfile", run.pidFile, "-D", basename(run.log), "-msg", "timestamp=on"],
    ...["-machine", machine, "-accel", definition.type === "kvm" ? "kvm" : "tcg"],
    ...cpuArguments(root),
    ...["-m", `size=${definition.memoryKib}k`, "-smp", wholeNumber(root, "vcpu")],
    ...kernelArguments(root),
    ...monitorArguments("monitor", run.monitor),
    ...monitorArguments("query", run.queryMonitor),
    ...["-chardev", `file,id=console,path=${optionValue(run.console)}`],
    ...["-serial", "chardev:console"],
    ...agentArguments(root, run),
    ...formatDiskArguments(definition.disks, elementsAt(root, "devices", "disk"), machine),
    ...(incoming === undefined ? [] : ["-incoming", incoming]),
  ];
  return { program: `qemu-system-${arch}`, args };
}

function assertBuildable(definition: DomainDefinition, root: XmlElement): void {
  if (definition.type !== "qemu" && definition.type !== "kvm")
    throw unsupported(`domain type '${definition.type}'`);
  if (definition.osType !== "hvm") throw unsupported(`os type '${definition.osType}'`);
  if (definition.pflashFirmware || stringAt(root, "os", "loader") !== undefined)
    throw unsupported("a firmware other than QEMU's own");
  for (const device of elementsAt(root, "devices").flatMap(elementsOf))
    if (!TAKEN_CARE_OF.has(device.name))
      throw unsupported(`device '${device.name}'`, "Take it out of the definition.");
}

function cpuArguments(root: XmlElement): string[] {
  const mode = attributeAt(root, ["cpu"], "mode");
  if (mode === "host-passthrough") return ["-cpu", "host"];
  if (mode === "host-model" || mode === "maximum") return ["-cpu", "max"];
  const model = stringAt(root, "cpu", "model");
  return model === undefined ? [] : ["-cpu", word(model, "cpu model")];
}

function kernelArguments(root: XmlElement): string[] {
  const kernel = stringAt(root, "os", "kernel");
  if (kernel === undefined) return [];
  const initrd = stringAt(root, "os", "initrd");
  const commandLine = stringAt(root, "os", "cmdline");
  return [
    ...["-kernel", absolute(kernel, "kernel")],
    ...(initrd === undefined ? [] : ["-initrd", absolute(initrd, "initrd")]),
    ...(commandLine === undefined ? [] : ["-append", commandLine]),
  ];
}

function monitorArguments(id: string, path: string): string[] {
  const socket = `socket,id=${id},path=${optionValue(path)},server=on,wait=off`;
  return ["-chardev", socket, "-mon", `chardev=${id},mode=control`];
}

/** Whether a guest has the channel of a guest agent: an element `<domain>`. */
export function hasAgentChannel(root: XmlElement): boolean {
  return elementsAt(root, "devices", "channel").some(
    (channel) => attributeAt(channel, ["target"], "name") === AGENT_CHANNEL,
  );
}

function agentArguments(root: XmlElement, run: RunFolder): string[] {
  if (!hasAgentChannel(root)) return [];
  return [
    ...["-chardev", `socket,id=agent,path=${optionValue(run.agent)},server=on,wait=off`],
    ...["-device", "virtio-serial-pci"],
    ...["-device", `virtserialport,chardev=agent,name=${AGENT_CHANNEL}`],
  ];
}

function wholeNumber(root: XmlElement, name: string): string {
  const text = stringAt(root, name)?.trim() ?? "1";
  if (/^[1-9]\d{0,4}$/.test(text)) return text;
  throw unsupported(`${name} '${text}'`);
}

/** A value between commas; QEMU takes a doubled comma for one that belongs to the value. */
function optionValue(text: string): string {
  return text.replaceAll(",", ",,");
}

/** Text that goes into an option as it is. */
function word(text: string, what: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text)) return text;
  throw unsupported(`${what} '${text}'`);
}

function absolute(path: string, what: string): string {
  if (isAbsolute(path)) return path;
  throw unsupported(`${what} '${path}' without an absolute path`);
}

function unsupported(what: string, hint?: string): DomsnapError {
  return new DomsnapError(
    "config-unsupported",
    `${what} is not supported by this connection`,
    hint === undefined ? {} : { hint },
  );
}
