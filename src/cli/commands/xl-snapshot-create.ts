import { join, resolve } from "node:path";

import { domsnapRules, type CreateFlags, type Domain } from "../../core/model/index.js";
import { stillWarning } from "../../core/operations/create/still-warning.js";
import type { SnapshotConfig, SnapshotWish } from "../../xl-snapshot/index.js";
import { usageError } from "../command-error.js";
import { defineCommand, type CommandContext } from "../command-spec.js";
import type { BoolOption, CommandArguments, TextOption } from "../grammar/command-arguments.js";
import { snapshotJson } from "../render/json.js";
import { changeOutput } from "./change-output.js";
import { bool } from "./common-options.js";
import { readBytes } from "./read-xml-file.js";
import { XL_COMMAND, XL_DOMAIN } from "./xl-options.js";

export const xlSnapshotCreate = defineCommand({
  ...XL_COMMAND,
  name: "xl snapshot-create",
  summary: "create a snapshot of memory and disks",
  description:
    "Without a ConfigFile all writable disks are taken, and the memory of a running domain. The\n" +
    "file holds name=, description=, save= (the file for the memory) or memory= (yes, no or a\n" +
    "file), type= (internal or external), live=, disk_only= and disk=[...] in xl's syntax, or is a\n" +
    "libvirt <domainsnapshot>. A disk is 'hda=FILE,type=FORMAT', an xl disk specification, or\n" +
    "'FILE,FORMAT,hda'; without a FILE its state stays inside of the image. Names of files are\n" +
    "relative to the folder of the domain's snapshots, /var/lib/xen/snapshots/UUID.\n\n" +
    "--live keeps the guest running while its memory is written, where the toolstack can. xl cannot:\n" +
    "there the guest stands still while its memory is saved and its disks are taken, and goes on\n" +
    "right after. --disk-only rests for the disks only; they are then as after a power failure.",
  options: [
    XL_DOMAIN,
    {
      name: "configfile",
      kind: "string",
      leads: true,
      summary: "what to take, in xl's syntax or as libvirt XML",
      completes: "file",
    },
    {
      name: "name",
      short: "n",
      kind: "string",
      literal: true,
      summary: "name of the snapshot (default: epoch seconds)",
    },
    bool("live", "do not stop the guest for its memory, where that is possible"),
    { ...bool("disk-only", "take the disks, not the memory"), short: "D" },
  ],
  examples: [
    { line: "domsnap xl snapshot-create vm1", summary: "Memory and all disks." },
    {
      line: "domsnap xl snapshot-create -n before-upgrade --disk-only vm1",
      summary: "The disks only, under a name.",
    },
    {
      line: "domsnap xl snapshot-create snap.conf --dry-run vm1",
      summary: "Print, disk by disk, what the file would make of it.",
    },
  ],
  changes: true,
  async run(context) {
    const domain = await context.domain();
    const { document, flags, warnings } = await readRequest(context, domain);
    const service = await context.service();
    const result = await service.create(domain.uuid, document, flags, context.changeOptions());
    const { name } = result.snapshot;
    return changeOutput(
      { ...result, warnings: [...warnings, ...result.warnings] },
      `Domain snapshot ${name} created`,
      { snapshot: snapshotJson(result.snapshot) },
    );
  },
});

type WishOption = TextOption<"name"> | BoolOption<"live" | "disk-only">;

/** What is asked of the service: the same as by `snapshot-create`. */
interface Request {
  readonly document: string;
  readonly flags: CreateFlags;
  readonly warnings: readonly string[];
}

async function readRequest(
  context: CommandContext<WishOption | TextOption<"configfile">>,
  domain: Domain,
): Promise<Request> {
  const path = context.args.text("configfile");
  if (path === undefined) return requestOf(context, domain, { wish: { disks: [] }, warnings: [] });
  const bytes = await readBytes(path);
  if (isXml(bytes)) return xmlRequest(context.args, bytes);
  const { parseSnapshotConfig } = await import("../../xl-snapshot/index.js");
  return requestOf(context, domain, parseSnapshotConfig(Buffer.from(bytes).toString(), path));
}

/** In xl's syntax nothing begins like this; the zero byte and the marks are those of UTF-16. */
function isXml(bytes: Uint8Array): boolean {
  return /^(?:\xef\xbb\xbf|\xfe\xff|\xff\xfe)?[\0\s]*</.test(
    Buffer.from(bytes.subarray(0, 1024)).toString("latin1"),
  );
}

async function xmlRequest(args: CommandArguments<WishOption>, bytes: Uint8Array): Promise<Request> {
  const { decodeXmlBytes } = await import("../../xml/decode-bytes.js");
  const text = decodeXmlBytes(bytes, "(domain_snapshot)");
  const flags = args.flags({ live: "live", "disk-only": "diskOnly" });
  const name = args.text("name");
  if (name === undefined) return { document: text, flags, warnings: [] };
  const { formatSnapshot, parseSnapshot } = await import("../../xml/index.js");
  const parsed = parseSnapshot(text);
  assertSameName(name, parsed.name);
  return { document: formatSnapshot({ ...parsed, name }), flags, warnings: [] };
}

async function requestOf(
  context: CommandContext<WishOption>,
  domain: Domain,
  { wish: told, warnings }: SnapshotConfig,
): Promise<Request> {
  const service = await context.service();
  const xl = await import("../../xl-snapshot/index.js");
  const wish = withOptions(told, context.args);
  const captured = xl.wantsMemory(wish, domain);
  // Saving live needs a file; where that is not possible anyway, nothing else has to change for it.
  const isVain = wish.live === true && captured && !service.savesMemoryLive;
  const possible = isVain ? { ...wish, live: false } : wish;
  const needsFile = xl.needsMemoryFile(possible, domain);
  const name = wish.name ?? (needsFile ? await defaultName(context, domain) : undefined);
  const folder = (await service.snapshotFolder(domain.uuid)) ?? process.cwd();
  const request = xl.requestOfWish({ ...possible, ...(name !== undefined && { name }) }, domain, {
    resolve: (file) => resolve(folder, file),
    memoryFile: () => join(folder, `${name ?? ""}.save`),
  });
  const { formatSnapshot } = await import("../../xml/index.js");
  return {
    document: formatSnapshot(request),
    flags: {
      ...(possible.live === true && { live: true }),
      ...(wish.memory === false && { diskOnly: true }),
    },
    warnings: [...warnings, ...(isVain ? [stillWarning(service.uri)] : [])],
  };
}

/** File and options together. Throws `usage` where they contradict each other. */
function withOptions(told: SnapshotWish, args: CommandArguments<WishOption>): SnapshotWish {
  const name = args.text("name");
  if (name !== undefined) assertSameName(name, told.name);
  if (args.has("live") && told.live === false)
    throw usageError('--live contradicts live="no" of the ConfigFile; leave one out');
  if (args.has("disk-only") && told.memory !== undefined && told.memory !== false)
    throw usageError("--disk-only contradicts the ConfigFile, which asks for memory");
  return {
    ...told,
    ...(name !== undefined && { name }),
    ...(args.has("live") && { live: true }),
    ...(args.has("disk-only") && { memory: false }),
  };
}

function assertSameName(option: string, told: string | undefined): void {
  if (told === undefined || told === option) return;
  throw usageError(`the ConfigFile names the snapshot '${told}', and -n names it '${option}'`);
}

/** Needed here only for the name of the file that memory goes to. */
async function defaultName({ service }: CommandContext, domain: Domain): Promise<string> {
  const { defaultSnapshotName } = await import("../../core/rules/index.js");
  const { heads } = await (await service()).list(domain.uuid);
  const taken = new Set(heads.map(({ name }) => name));
  return defaultSnapshotName(BigInt(Math.floor(Date.now() / 1000)), taken, domsnapRules);
}
