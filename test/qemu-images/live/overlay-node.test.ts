import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  attachOverlay,
  queryBlockGraph,
  runTransaction,
  takeInternalSnapshot,
  withQmp,
} from "../../../src/clients/qmp/index.js";
import { findLiveDisks } from "../../../src/qemu-images/live/find-live-disks.js";
import { describeOverlayNode, freeNodeName } from "../../../src/qemu-images/live/overlay-node.js";
import { startIdleQemu } from "../../clients/qmp/support/idle-qemu.js";

describe("overlay nodes", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "domsnap-live-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it("have names that are free and not too long", () => {
    const node = { driver: "qcow2", readOnly: false, cache: { direct: false, noFlush: false } };
    const nodes = [{ ...node, name: "domsnap-vda-1" }];
    expect(freeNodeName("vda", { nodes })).to.equal("domsnap-vda-2");
    expect(freeNodeName("vdb", { nodes })).to.equal("domsnap-vdb-1");
    expect(freeNodeName("x".repeat(40), { nodes }))
      .to.have.length(31)
      .and.match(/-1$/);
  });

  const image = (name: string, format: string, ...base: readonly string[]): string => {
    const path = join(folder, name);
    execFileSync("qemu-img", ["create", "-q", "-f", format, ...base, path, "16M"]);
    return path;
  };
  const blockdev = (path: string) => {
    const file = { driver: "file", filename: path };
    const cache = { direct: true };
    return [
      "-blockdev",
      JSON.stringify({ driver: "qcow2", "node-name": "vdb-qcow2", cache, file }),
    ];
  };

  it("go above the layers that were found, for guests of -drive and of -blockdev, again and again", async () => {
    const raw = image("a.raw", "raw");
    const qcow2 = image("b.qcow2", "qcow2");
    const qemu = await startIdleQemu(
      ...["-machine", "pc", "-drive", `file=${raw},format=raw,if=ide`],
      ...[...blockdev(qcow2), "-device", "virtio-blk-pci,drive=vdb-qcow2,id=disk-vdb"],
    );
    try {
      await withQmp(qemu.socket, {}, async (client) => {
        let images = [
          { target: "hda", image: { path: raw, format: "raw" as const } },
          { target: "vdb", image: { path: qcow2, format: "qcow2" as const } },
        ] as readonly { target: string; image: { path: string; format: "raw" | "qcow2" } }[];
        for (const round of ["s1", "s2", "s3"]) {
          const graph = await queryBlockGraph(client);
          const disks = findLiveDisks(graph, images, (path) => path);
          const overlays = disks.map((disk, index) => {
            const { path = "", format = "raw" } = images[index]?.image ?? {};
            const overlay = image(`${disk.target}.${round}`, "qcow2", "-b", path, "-F", format);
            const name = freeNodeName(disk.target, graph);
            return {
              disk,
              node: describeOverlayNode(disk, { path: overlay, format: "qcow2" }, name),
            };
          });
          for (const { node } of overlays) await client.execute("blockdev-add", { ...node });
          await runTransaction(
            client,
            overlays.map(({ disk, node }) => attachOverlay(disk.node.name, node["node-name"])),
          );
          images = overlays.map(({ disk, node }) => ({
            target: disk.target,
            image: { path: node.file.filename, format: "qcow2" as const },
          }));
        }
        const disks = findLiveDisks(await queryBlockGraph(client), images, (path) => path);
        expect(disks.map(({ node }) => node)).to.deep.equal([
          node("domsnap-hda-3", join(folder, "hda.s3"), false),
          node("domsnap-vdb-3", join(folder, "vdb.s3"), true),
        ]);
        await runTransaction(
          client,
          disks.map((disk) => takeInternalSnapshot(disk.node.name, "internal")),
        );
      });
    } finally {
      await qemu.stop();
    }
    expect(
      execFileSync("qemu-img", ["snapshot", "-l", join(folder, "hda.s3")]).toString(),
    ).to.contain("internal");
  });

  const node = (name: string, path: string, direct: boolean) => {
    const cache = { direct, noFlush: false };
    return { name, path, driver: "qcow2", readOnly: false, cache };
  };
});
