import { expect } from "chai";
import { ContainerModule } from "inversify";

import { createContainer, openSnapshotService } from "../../src/container.js";
import { RANK } from "../../src/core/model/index.js";
import { ImageInspector } from "../../src/core/ports/index.js";
import { GuestLab, qemuImg } from "./support/guest-lab.js";

/** Reads the images of one format; what stands on them is one file, wherever it is. */
function inspectorModule(above: string): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind<ImageInspector>(ImageInspector).toConstantValue({
      id: "vmdk",
      summary: "one image",
      rank: (format) => (format === "vmdk" ? RANK.native : undefined),
      inspect: ({ path, format }) =>
        Promise.resolve({ path, format, virtualSizeBytes: 1, allocatedBytes: 1, snapshots: [] }),
      findDependents: ({ format }) => Promise.resolve(format === "vmdk" ? [above] : []),
    });
  });
}

describe("check looks into images by their formats", () => {
  let lab: GuestLab;
  beforeEach(async () => {
    lab = await GuestLab.create();
  });
  afterEach(() => {
    lab.remove();
  });

  /** Gives the raw disk another driver. */
  async function redefine(driver: string): Promise<void> {
    const service = await lab.service();
    const xml = lab.domsnap("dumpxml", "guest");
    expect(xml).to.include("<driver name='qemu' type='raw'/>");
    await service.registry?.define(xml.replace("<driver name='qemu' type='raw'/>", driver));
  }

  async function findings(plugin?: ContainerModule): Promise<string[]> {
    const service = await openSnapshotService(lab.uri, createContainer(plugin ? [plugin] : []));
    const [report] = await service.check("guest");
    return (report?.findings ?? []).map(({ code, subject }) => `${code} ${subject}`);
  }

  it("and finds QEMU's overlay on a raw image that tapdisk serves", async () => {
    await redefine("<driver name='tap' type='raw'/>");
    expect(await findings()).to.deep.equal([]);
    const stranger = `${lab.folder}/stranger.qcow2`;
    qemuImg("create", "-q", "-f", "qcow2", "-F", "raw", "-b", lab.raw, stranger);
    expect(await findings()).to.deep.equal([`overlay-unknown ${stranger}`]);
  });

  it("and asks an inspector from outside of a format that it reads better", async () => {
    await redefine("<driver name='qemu' type='vmdk'/>");
    expect(await findings(), "it is no VMDK").to.deep.equal([`image-unreadable ${lab.raw}`]);
    expect(await findings(inspectorModule("/elsewhere/top"))).to.deep.equal([
      "overlay-unknown /elsewhere/top",
    ]);
  });
});
