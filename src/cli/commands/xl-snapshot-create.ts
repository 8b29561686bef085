import type { Domain } from "../../core/model/index.js";
import { vainLiveWarning } from "../../core/operations/create/vain-live-warning.js";
import type {
  CreateRequest,
  SnapshotWish,
  WishFacts,
  WishOptions,
} from "../../xl-snapshot/index.js";
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
    "there the guest is paused while its memory is saved and its disks are taken, and resumes right\n" +
    "after. --disk-only pauses for the disks only; they are then as after a power failure.",
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

type XlCreateOption = TextOption<"name" | "configfile"> | BoolOption<"live" | "disk-only">;
type XlCreateContext = CommandContext<XlCreateOption>;

interface Request extends CreateRequest {
  readonly warnings: readonly string[];
}

async function readRequest(context: XlCreateContext, domain: Domain): Promise<Request> {
  const xl = await import("../../xl-snapshot/index.js");
  const options = optionsOf(context.args);
  const path = context.args.text("configfile");
  // No ConfigFile says as much as an empty one.
  const bytes = path === undefined ? Buffer.of() : await readBytes(path);
  if (xl.isXmlConfig(bytes)) return { ...xl.requestOfDocument(bytes, options), warnings: [] };
  const config = xl.parseSnapshotConfig(Buffer.from(bytes).toString(), path ?? "");
  const wish = xl.withOptions(config.wish, options);
  const { uri, savesMemoryLive } = await context.service();
  const isVain = xl.asksLiveInVain(wish, domain, { savesMemoryLive });
  return {
    ...xl.createRequestOf(wish, domain, await factsFor(wish, context, domain)),
    warnings: [...config.warnings, ...(isVain ? [vainLiveWarning(uri)] : [])],
  };
}

function optionsOf(args: CommandArguments<XlCreateOption>): WishOptions {
  const name = args.text("name");
  return {
    ...(name !== undefined && { name }),
    ...args.flags({ live: "live", "disk-only": "diskOnly" }),
  };
}

async function factsFor(
  wish: SnapshotWish,
  context: XlCreateContext,
  { uuid }: Domain,
): Promise<WishFacts> {
  const service = await context.service();
  const heads = wish.name === undefined ? (await service.list(uuid)).heads : [];
  return {
    folder: (await service.snapshotFolder(uuid)) ?? process.cwd(),
    savesMemoryLive: service.savesMemoryLive,
    existingNames: new Set(heads.map(({ name }) => name)),
    nowSeconds: BigInt(Math.floor(Date.now() / 1000)),
  };
}
