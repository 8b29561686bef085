import { expect } from "chai";
import { DomsnapError, type ErrorCode } from "../../../../src/core/errors/index.js";
import type { Domain, DomainDefinition, DomainDisk } from "../../../../src/core/model/index.js";

export const UUID = "11111111-2222-3333-4444-555555555555";

/** A plain writable qcow2 disk on `/img/TARGET.qcow2`. */
export function sampleDisk(target: string, over: Partial<DomainDisk> = {}): DomainDisk {
  return {
    target,
    bus: "virtio",
    device: "disk",
    type: "file",
    format: "qcow2",
    source: { path: `/img/${target}.qcow2` },
    readonly: false,
    shareable: false,
    transient: false,
    ...over,
  };
}

export function sampleDefinition(
  disks: readonly DomainDisk[] = [sampleDisk("vda"), sampleDisk("vdb")],
  over: Partial<DomainDefinition> = {},
): DomainDefinition {
  return {
    type: "qemu",
    name: "guest",
    uuid: UUID,
    osType: "hvm",
    memoryKib: 65536n,
    pflashFirmware: false,
    disks,
    xml: "<domain type='qemu'/>",
    ...over,
  };
}

export function sampleDomain(over: Partial<Domain> = {}): Domain {
  return {
    name: "guest",
    uuid: UUID,
    state: "shutoff",
    persistent: true,
    definition: sampleDefinition(),
    ...over,
  };
}

/** Expects `call` to fail with this code and exactly this text. */
export function expectFailure(call: () => unknown, code: ErrorCode, detail: string): void {
  try {
    call();
  } catch (thrown) {
    expect(thrown).to.be.instanceOf(DomsnapError);
    const { code: actualCode, detail: actualDetail } = thrown as DomsnapError;
    expect({ code: actualCode, detail: actualDetail }).to.deep.equal({ code, detail });
    return;
  }
  expect.fail(`expected ${code}: ${detail}`);
}
