import type { DomainSnapshot } from "../core/model/index.js";

/** The uuid of the domain that the samples are about. */
export const SAMPLE_UUID = "d1ab0f3c-7a52-4c1e-9a3b-0d6f5e8c2b71";
/** The uuid of a domain that no sample is about. */
export const OTHER_UUID = "2f6a9c1d-0b3e-4f5a-8c7d-9e8f7a6b5c4d";

/** A small, complete snapshot, as `parseSnapshot` gives it back. */
export function sampleSnapshot(changes: Partial<DomainSnapshot> = {}): DomainSnapshot {
  return {
    name: "sample",
    description: `two lines,\nand <"&'> ünïcödé`,
    state: "shutoff",
    creationTime: 1_400_000_000n,
    memory: { mode: "no" },
    disks: [
      { name: "vda", mode: "internal", type: "file" },
      {
        name: "vdb",
        mode: "external",
        type: "file",
        format: "qcow2",
        source: { path: "/images/b & c.sample" },
      },
    ],
    domain: {
      type: "qemu",
      name: "guest",
      uuid: SAMPLE_UUID,
      osType: "hvm",
      memoryKib: 65536n,
      pflashFirmware: false,
      disks: [],
      xml: [
        "<domain type='qemu'>",
        "  <name>guest</name>",
        `  <uuid>${SAMPLE_UUID}</uuid>`,
        "  <memory unit='KiB'>65536</memory>",
        "  <os>",
        "    <type>hvm</type>",
        "  </os>",
        "</domain>",
      ].join("\n"),
    },
    ...changes,
  };
}
