import { expect } from "chai";
import { readFileSync } from "node:fs";

import {
  parseBlockDevices,
  parseBlockNodes,
  type BlockGraph,
} from "../../../src/clients/qmp/index.js";
import { findLiveDisks, type WantedDisk } from "../../../src/qemu-images/live/find-live-disks.js";
import { thrownBy } from "../../clients/qmp/support/thrown-by.js";

/** Answers of QEMU 7.2, recorded; xen.json is after the notes of a real Xen host. */
function graphOf(name: string): BlockGraph {
  const path = new URL(`./fixtures/${name}.json`, import.meta.url);
  const answers = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  return {
    devices: parseBlockDevices(answers["queryBlock"]),
    nodes: parseBlockNodes(answers["queryNamedBlockNodes"]),
  };
}

function wanted(target: string, path: string, format: WantedDisk["image"]["format"]): WantedDisk {
  return { target, image: { path, format } };
}

const same = (path: string) => path;

describe("findLiveDisks", () => {
  it("finds the layers that QEMU named itself, above a backing image", () => {
    const found = findLiveDisks(
      graphOf("drive"),
      [wanted("vda", "/images/a.s1", "qcow2"), wanted("hdb", "/images/b.raw", "raw")],
      same,
    );
    expect(
      found.map(({ target, node, device }) => [target, node.name, device.device]),
    ).to.deep.equal([
      ["vda", "#block187", "virtio0"],
      ["hdb", "#block547", "ide0-hd1"],
    ]);
  });

  it("finds layers with names", () => {
    const [disk] = findLiveDisks(
      graphOf("blockdev"),
      [wanted("vda", "/images/c.qcow2", "qcow2")],
      same,
    );
    expect(disk?.node).to.deep.include({ name: "vda-qcow2", driver: "qcow2", readOnly: false });
    expect(disk?.device.qdev).to.equal("/machine/peripheral/disk-vda/virtio-backend");
  });

  it("looks below a filter", () => {
    const graph = graphOf("filter");
    expect(graph.devices[0]?.top).to.include({ driver: "throttle", path: "/images/c.qcow2" });
    const [disk] = findLiveDisks(graph, [wanted("vda", "/images/c.qcow2", "qcow2")], same);
    expect(disk?.node.name).to.equal("vda-qcow2");
  });

  it("finds the disks of a Xen guest, whose vhd QEMU calls vpc", () => {
    const disks = [
      wanted("xvda", "/images/guest.qcow2", "qcow2"),
      wanted("xvdb", "/images/data.vhd", "vhd"),
    ];
    const found = findLiveDisks(graphOf("xen"), disks, same);
    expect(found.map(({ node }) => node.name)).to.deep.equal(["xvda-qcow2", "xvdb-vpc"]);
  });

  it("knows an image by another path", () => {
    const identityOf = (path: string) => path.replace("/link/", "/images/");
    const [disk] = findLiveDisks(
      graphOf("blockdev"),
      [wanted("vda", "/link/c.qcow2", "qcow2")],
      identityOf,
    );
    expect(disk?.node.name).to.equal("vda-qcow2");
  });

  it("takes a guest device that is on the file itself", () => {
    const { devices, nodes } = graphOf("blockdev");
    const file = nodes.find(({ name }) => name === "vda-file");
    if (!file) throw new Error("no such node");
    const graph = { devices: [{ ...devices[0], top: file }], nodes: [file] };
    const [disk] = findLiveDisks(graph, [wanted("vda", "/images/c.qcow2", "raw")], same);
    expect(disk?.node.name).to.equal("vda-file");
  });

  const refusal = (graph: BlockGraph, disk: WantedDisk) =>
    thrownBy(() => findLiveDisks(graph, [disk], same));

  it("refuses a disk that two guest devices have", () => {
    const error = refusal(graphOf("twice"), wanted("hda", "/images/a.qcow2", "qcow2"));
    expect(error.code).to.equal("image-conflict");
    expect(error.detail).to.contain("open 2 times (ide0-hd0, hda-qcow2)");
  });

  it("refuses a disk that is open a second time for somebody else", () => {
    const { devices, nodes } = graphOf("twice");
    const graph = { devices: devices.slice(0, 1), nodes };
    const error = refusal(graph, wanted("hda", "/images/a.qcow2", "qcow2"));
    expect(error.detail).to.contain("open 2 times (#block166, hda-qcow2)");
  });

  it("refuses an image that only backs another, or is not there", () => {
    for (const path of ["/images/a.qcow2", "/images/none.qcow2"]) {
      const error = refusal(graphOf("drive"), wanted("vda", path, "qcow2"));
      expect(error.code).to.equal("operation-failed");
      expect(error.detail).to.contain(`'${path}' open for the guest`);
    }
  });

  it("refuses an image that is open as another format", () => {
    const error = refusal(graphOf("drive"), wanted("hdb", "/images/b.raw", "qcow2"));
    expect(error.code).to.equal("image-conflict");
    expect(error.detail).to.contain("open as raw, not as qcow2");
  });

  it("refuses an image that is open for reading only", () => {
    const { devices, nodes } = graphOf("blockdev");
    const graph = { devices, nodes: nodes.map((node) => ({ ...node, readOnly: true })) };
    const error = refusal(graph, wanted("vda", "/images/c.qcow2", "qcow2"));
    expect(error.detail).to.contain("for reading only");
  });
});
