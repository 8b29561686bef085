import { expect } from "chai";

import { parseLibxlConfig, parseLongList } from "../../../src/clients/xl/index.js";
import { xlDiskFromJson } from "../../../src/formats/xl-disk/index.js";
import { expectError } from "../../../src/testing/expect-error.js";
import { readTranscript } from "./transcripts.js";

describe("parseLongList", () => {
  it("reads the guests of a recorded list, without Domain-0", () => {
    const [guest, ...others] = parseLongList(readTranscript("list-long").stdout);
    expect(others).to.deep.equal([]);
    expect(guest?.id).to.equal(2);
    expect(guest?.config.c_info).to.include({ type: "pv", name: "recorded" });
    expect(guest?.config.disks.map(xlDiskFromJson)).to.deep.equal(
      [
        { vdev: "xvda", format: "qcow2", backendType: "qdisk", image: "a" },
        { vdev: "xvdb", format: "qcow2", image: "b" },
        { vdev: "xvdc", format: "raw", image: "raw" },
        { vdev: "xvdd", format: "raw", image: "raw", writable: false, cdrom: true },
      ].map(({ image, ...disk }) => ({
        writable: true,
        cdrom: false,
        removable: "cdrom" in disk,
        target: `/var/lib/xen/images/recorded-${image}.img`,
        ...disk,
      })),
    );
  });

  it("keeps what it does not know, in its order", () => {
    const { stdout } = readTranscript("list-long-one");
    const [{ config } = { config: undefined }] = JSON.parse(stdout) as { config: unknown }[];
    expect(parseLongList(stdout)[0]?.config).to.deep.include(config);
  });

  it("takes yes and no as texts, numbers and booleans", () => {
    const config = (readwrite: unknown) => ({
      c_info: { type: "hvm", name: "guest", run_hotplug_scripts: true },
      b_info: { max_memkb: 1, "type.hvm": { acpi: "True" } },
      disks: [{ vdev: "hda", readwrite, pdev_path: "/image", format: "raw" }],
    });
    for (const [written, writable] of [
      ...[[1, true] as const, [0, false] as const, [true, true] as const, [false, false] as const],
      [undefined, false] as const,
    ]) {
      const list = parseLongList(JSON.stringify([{ domid: 3, config: config(written) }]));
      expect(list[0]?.config.disks.map(xlDiskFromJson)[0]?.writable).to.equal(writable);
    }
  });

  it("is not kept from one guest by another that it does not understand", () => {
    const good = { c_info: { name: "good" }, b_info: {} };
    const list = [
      { domid: 1, config: { c_info: "what" } },
      { domid: 2, config: good },
    ];
    expect(parseLongList(JSON.stringify(list)).map(({ id }) => id)).to.deep.equal([2]);
  });

  it("reads a list without guests", () => {
    expect(parseLongList("[\n]\n\n")).to.deep.equal([]);
  });

  it("tells where the format of old is switched on", async () => {
    const error = await expectError(() => parseLongList("\n(domain\n"), "config-unsupported");
    expect(error.hint).to.include("/etc/xen/xl.conf");
  });

  for (const output of ["", "{}", "[1]", '[{"domid": "x"}]', "["])
    it(`refuses ${JSON.stringify(output)}`, async () => {
      await expectError(() => parseLongList(output), "tool-failed");
    });

  it("reads a configuration alone, as in save files", async () => {
    expect(parseLibxlConfig('{"c_info":{"name":"a"},"b_info":{}}\0').c_info.name).to.equal("a");
    await expectError(() => parseLibxlConfig('name = "a"'), "invalid-argument");
  });
});
