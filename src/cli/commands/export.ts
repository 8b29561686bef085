import { resolve } from "node:path";

import { underHeadline } from "../command-error.js";
import { defineCommand } from "../command-spec.js";
import { safeText } from "../render/display-text.js";
import { bool, DOMAIN } from "./common-options.js";

export const exportSnapshots = defineCommand({
  name: "export",
  group: "snapshot",
  summary: "write the snapshots of a domain down for others",
  description:
    "Writes into a folder, which is made if needed. Formats: 'libvirt' is the metadata folder that\n" +
    "libvirt's QEMU driver loads when it starts; 'redefine' holds documents in their right order\n" +
    "and a script for a libvirt that runs; 'xl' are the snapshotdata-NAME.xl files of the\n" +
    "proposals for xl; 'bundle' moves a domain with its tree to another host, with checksums, and\n" +
    "with --images with all of its images. Repeat an interrupted export: it goes on.",
  options: [
    DOMAIN,
    {
      name: "folder",
      kind: "string",
      required: true,
      summary: "where the files go",
      completes: "file",
    },
    {
      name: "to",
      kind: "string",
      literal: true,
      summary: "libvirt, redefine, xl or bundle (default)",
      completes: ["libvirt", "redefine", "xl", "bundle"],
    },
    bool("images", "bundle: copy the images and saved memory, too"),
  ],
  examples: [
    {
      line: "domsnap export vm1 /backup/vm1 --images",
      summary: "Everything that another host needs, for 'domsnap import /backup/vm1 --define'.",
    },
    {
      line: "domsnap export vm1 /tmp/vm1 --to redefine",
      summary: "Then: sh /tmp/vm1/redefine.sh -c qemu:///system",
    },
  ],
  changes: true,
  async run(context) {
    const { args } = context;
    const domain = await context.identity();
    const service = await context.service();
    const folder = resolve(args.requiredText("folder"));
    const request = {
      format: args.text("to") ?? "bundle",
      folder,
      images: args.has("images"),
    };
    const result = await underHeadline(`Failed to export domain '${domain.name}'`, () =>
      service.export(domain.uuid, request, context.changeOptions()),
    );
    const count = `${String(result.snapshots)} snapshots of domain '${safeText(domain.name)}'`;
    return {
      ...(result.executed
        ? { notice: `${count} written to ${safeText(folder)}\n` }
        : {
            text: `Plan: write ${count}\n${result.files.map((file) => `  ${safeText(file)}\n`).join("")}`,
          }),
      data: { ...result, domain: { name: domain.name, uuid: domain.uuid } },
      warnings: result.warnings,
    };
  },
});
