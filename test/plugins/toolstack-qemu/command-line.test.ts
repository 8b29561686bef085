import { expect } from "chai";

import { formatCommandLine } from "../../../src/plugins/toolstack-qemu/command-line.js";
import { runFolder } from "../../../src/plugins/toolstack-qemu/run-folder.js";
import { parseDomain } from "../../../src/xml/index.js";
import { thrownBy } from "../../clients/qmp/support/thrown-by.js";

interface Parts {
  readonly type?: string;
  readonly os?: string;
  readonly top?: string;
  readonly devices?: string;
}

function domain({ type = "qemu", os, top = "", devices = "" }: Parts): string {
  return `<domain type='${type}'>
  <name>guest</name>
  <uuid>8a7b6c5d-0000-4000-8000-00000000d0c5</uuid>
  <memory unit='MiB'>96</memory>
  ${top}
  <os>${os ?? "<type>hvm</type>"}</os>
  <devices>${devices}</devices>
</domain>`;
}

function commandLine(parts: Parts, incoming?: string) {
  return formatCommandLine(parseDomain(domain(parts)), runFolder("/dir", "guest"), incoming);
}

/** What follows each occurrence of an option. */
function valuesOf(parts: Parts, option: string): string[] {
  const { args } = commandLine(parts);
  return args.flatMap((arg, index) => (args[index - 1] === option ? [arg] : []));
}

function plainDisk(target: string, bus?: string): string {
  const onBus = bus === undefined ? "" : ` bus='${bus}'`;
  return `<disk type='file'><source file='/i/${target}'/><target dev='${target}'${onBus}/></disk>`;
}

describe("the command line of a guest", () => {
  it("has what every guest gets", () => {
    const { program, args } = commandLine({});
    expect(program).to.equal("qemu-system-x86_64");
    const text = args.join(" ");
    expect(text).to.match(/^-name guest=guest -uuid 8a7b6c5d-/);
    expect(args).to.include.members(["-S", "-daemonize", "-nodefaults", "-no-user-config"]);
    expect(text).to.contain("-pidfile /dir/run/guest/pid");
    expect(text).to.contain("-machine pc -accel tcg -m size=98304k -smp 1");
    expect(text).to.contain("socket,id=monitor,path=/dir/run/guest/monitor,server=on,wait=off");
    expect(args).to.not.include.members(["-incoming"]);
  });

  it("follows type, os, vcpu and cpu", () => {
    const os =
      "<type arch='aarch64' machine='virt-7.2'>hvm</type><kernel>/k</kernel>" +
      "<initrd>/i</initrd><cmdline>a, b</cmdline>";
    const parts = { type: "kvm", os, top: "<vcpu>4</vcpu><cpu mode='host-passthrough'/>" };
    expect(commandLine(parts).program).to.equal("qemu-system-aarch64");
    expect(commandLine(parts, "fd:3").args.join(" "))
      .to.contain("-machine virt-7.2 -accel kvm -cpu host -m size=98304k -smp 4")
      .and.contain("-kernel /k -initrd /i -append a, b")
      .and.match(/-incoming fd:3$/);
    expect(valuesOf({ top: "<cpu><model>qemu64</model></cpu>" }, "-cpu")).to.deep.equal(["qemu64"]);
  });

  it("gives the guest agent its channel", () => {
    const devices = `<channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/></channel>`;
    expect(valuesOf({ devices }, "-device")).to.deep.equal([
      "virtio-serial-pci",
      "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
    ]);
    expect(valuesOf({ devices }, "-chardev").at(-1)).to.contain("path=/dir/run/guest/agent");
  });

  describe("disks", () => {
    const nodesOf = (devices: string): unknown[] =>
      valuesOf({ devices }, "-blockdev").map((text): unknown => JSON.parse(text));
    const devicesOf = (devices: string, machine?: string) =>
      valuesOf(
        { devices, ...(machine !== undefined && { os: `<type machine='${machine}'>hvm</type>` }) },
        "-device",
      ).map((text) => text.replace(/,id=disk-.*/, ""));

    it("are two named nodes with their drivers told", () => {
      const common = { discard: "ignore", cache: { direct: false, "no-flush": false } };
      expect(nodesOf(plainDisk("vda"))).to.deep.equal([
        {
          driver: "file",
          "node-name": "vda-file",
          filename: "/i/vda",
          "read-only": false,
          ...common,
        },
        { driver: "raw", "node-name": "vda-raw", file: "vda-file", "read-only": false, ...common },
      ]);
      expect(valuesOf({ devices: plainDisk("vda") }, "-device")).to.deep.equal([
        "virtio-blk-pci,id=disk-vda,drive=vda-raw,write-cache=on",
      ]);
    });

    it("follow the driver's settings", () => {
      const driver = "<driver name='qemu' type='vpc' cache='directsync' discard='unmap'/>";
      const devices = `<disk type='block'>${driver}<source dev='/dev/x'/><target dev='vda'/>
        <readonly/><shareable/></disk>`;
      const common = {
        "read-only": true,
        discard: "unmap",
        cache: { direct: true, "no-flush": false },
      };
      expect(nodesOf(devices)).to.deep.equal([
        { driver: "host_device", "node-name": "vda-file", filename: "/dev/x", ...common },
        { driver: "vpc", "node-name": "vda-vpc", file: "vda-file", ...common },
      ]);
      expect(valuesOf({ devices }, "-device")).to.deep.equal([
        "virtio-blk-pci,id=disk-vda,drive=vda-vpc,write-cache=off,share-rw=on",
      ]);
    });

    const places: readonly [string, string | undefined, string | undefined, readonly string[]][] = [
      ["vda", undefined, undefined, ["virtio-blk-pci"]],
      ["hda", undefined, undefined, ["ide-hd,bus=ide.0,unit=0"]],
      ["hdd", "ide", undefined, ["ide-hd,bus=ide.1,unit=1"]],
      ["sdb", undefined, undefined, ["virtio-scsi-pci,id=scsi", "scsi-hd,bus=scsi.0,scsi-id=1"]],
      ["sdaa", "scsi", "q35", ["virtio-scsi-pci,id=scsi", "scsi-hd,bus=scsi.0,scsi-id=26"]],
      ["sda", "sata", undefined, ["ich9-ahci,id=sata", "ide-hd,bus=sata.0"]],
      ["sdc", "sata", "pc-q35-7.2", ["ide-hd,bus=ide.2"]],
    ];
    for (const [target, bus, machine, devices] of places)
      it(`are found by the guest as ${target} on ${bus ?? "the bus of its name"}`, () => {
        expect(devicesOf(plainDisk(target, bus), machine)).to.deep.equal(devices);
      });

    it("share a controller", () => {
      expect(devicesOf(plainDisk("sda", "scsi") + plainDisk("sdb", "scsi"))).to.have.length(3);
    });

    it("may be empty drives", () => {
      const devices = "<disk device='cdrom'><target dev='hdc'/></disk>";
      expect(nodesOf(devices)).to.deep.equal([]);
      expect(valuesOf({ devices }, "-device")).to.deep.equal([
        "ide-cd,bus=ide.1,unit=0,id=disk-hdc",
      ]);
    });
  });

  const refused: Readonly<Record<string, Parts>> = {
    "domain type 'xen'": { type: "xen" },
    "os type 'linux'": { os: "<type>linux</type>" },
    "a firmware": { os: "<type>hvm</type><loader type='pflash'>/f</loader>" },
    "device 'interface'": { devices: "<interface type='user'/>" },
    "vcpu '0'": { top: "<vcpu>0</vcpu>" },
    "machine 'pc,accel=kvm'": { os: "<type machine='pc,accel=kvm'>hvm</type>" },
    "architecture '../x'": { os: "<type arch='../x'>hvm</type>" },
    "cpu model '-x'": { top: "<cpu><model>-x</model></cpu>" },
    "kernel 'k'": { os: "<type>hvm</type><kernel>k</kernel>" },
    "bus 'xen'": { devices: plainDisk("vda", "xen") },
    "its target": { devices: plainDisk("xvda") },
    "its target ": { devices: plainDisk("vda,x=y") },
    "machine 'q35' has no IDE": {
      devices: plainDisk("hda"),
      os: "<type machine='q35'>hvm</type>",
    },
    "a CD drive cannot": { devices: plainDisk("vda").replace("type=", "device='cdrom' type=") },
    "device 'floppy'": { devices: plainDisk("vda").replace("type=", "device='floppy' type=") },
    "cache mode 'odd'": { devices: plainDisk("vda").replace("<source", "<driver cache='odd'/>$&") },
    "format 'iso'": { devices: plainDisk("vda").replace("<source", "<driver type='iso'/>$&") },
    "transient disks": { devices: plainDisk("vda").replace("<source", "<transient/>$&") },
    "disks of type 'network'": {
      devices: `<disk type='network'><source protocol='nbd' name='x'/><target dev='vda'/></disk>`,
    },
    "'vda' is no absolute path": { devices: plainDisk("vda").replaceAll("/i/", "") },
  };
  for (const [reason, parts] of Object.entries(refused))
    it(`is refused for ${reason.trim()}: ${JSON.stringify(parts)}`, () => {
      const error = thrownBy(() => commandLine(parts));
      expect(error.code).to.equal("config-unsupported");
      expect(error.detail).to.contain(reason.trim());
    });
});
