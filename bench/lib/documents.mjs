/** The domain of libvirt's `test:///default`. */
export const TEST_UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f";

const DISKS = ["vda", "vdb", "vdc"];
const IMAGES = "/var/lib/libvirt/images";

/** The definition that the documents below hold, of a server with three disks. */
export const TEST_DOMAIN = domainXml({ type: "test", name: "test", uuid: TEST_UUID });

/** A snapshot of the test domain as a server has it: 9.5 KB, three external disks. */
export function realDocument(name) {
  return snapshotXml({ name, domain: TEST_DOMAIN });
}

/** The same of any domain. */
export function snapshotXml({ name, domain }) {
  const disks = DISKS.map(
    (disk) => `    <disk name='${disk}' snapshot='external' type='file'>
      <driver type='qcow2'/>
      <source file='${IMAGES}/server-${disk}.${name}'/>
    </disk>`,
  );
  return `<domainsnapshot>
  <name>${name}</name>
  <description>Before the upgrade of the database server</description>
  <state>shutoff</state>
  <creationTime>1700000000</creationTime>
  <memory snapshot='no'/>
  <disks>
${disks.join("\n")}
  </disks>
${domain.replace(/^/gm, "  ")}
</domainsnapshot>
`;
}

/** A definition with the devices that libvirt gives to a server of today. */
export function domainXml({ type, name, uuid }) {
  const lines = [
    `<domain type='${type}'>`,
    `  <name>${name}</name>`,
    `  <uuid>${uuid}</uuid>`,
    "  <metadata>",
    // libvirt has libxml2 print what others put here, hence the quotes.
    '    <app:owner xmlns:app="https://example.org/app/1.0">',
    "      <app:team>databases</app:team>",
    "    </app:owner>",
    "  </metadata>",
    "  <memory unit='KiB'>8388608</memory>",
    "  <currentMemory unit='KiB'>8388608</currentMemory>",
    "  <vcpu placement='static'>4</vcpu>",
    "  <os>",
    "    <type arch='i686'>hvm</type>",
    "    <boot dev='hd'/>",
    "  </os>",
    "  <features>",
    "    <acpi/>",
    "    <apic/>",
    "  </features>",
    "  <clock offset='utc'>",
    "    <timer name='rtc' tickpolicy='catchup'/>",
    "    <timer name='pit' tickpolicy='delay'/>",
    "    <timer name='hpet' present='no'/>",
    "  </clock>",
    "  <on_poweroff>destroy</on_poweroff>",
    "  <on_reboot>restart</on_reboot>",
    "  <on_crash>destroy</on_crash>",
    "  <devices>",
    ...DISKS.flatMap(diskLines),
    "    <disk type='file' device='cdrom'>",
    "      <target dev='hdc' bus='ide'/>",
    "      <readonly/>",
    "      <address type='drive' controller='0' bus='1' target='0' unit='0'/>",
    "    </disk>",
    "    <controller type='usb' index='0' model='ich9-ehci1'>",
    `      ${pciAddress(0x1d, 7)}`,
    "    </controller>",
    "    <controller type='pci' index='0' model='pcie-root'/>",
    ...Array.from({ length: 18 }, (_, i) => rootPortLines(i + 1)).flat(),
    "    <controller type='ide' index='0'/>",
    ...Array.from({ length: 4 }, (_, i) => interfaceLines(i)).flat(),
    "    <serial type='pty'>",
    "      <target port='0'/>",
    "    </serial>",
    "    <console type='pty'>",
    "      <target type='serial' port='0'/>",
    "    </console>",
    "    <input type='tablet' bus='usb'/>",
    "    <input type='mouse' bus='ps2'/>",
    "    <graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1'>",
    "      <listen type='address' address='127.0.0.1'/>",
    "    </graphics>",
    "    <video>",
    "      <model type='vga' vram='16384' heads='1' primary='yes'/>",
    `      ${pciAddress(1, 0)}`,
    "    </video>",
    "    <memballoon model='virtio'>",
    `      ${pciAddress(0, 0, 6)}`,
    "    </memballoon>",
    "  </devices>",
    "</domain>",
  ];
  return lines.join("\n");
}

function diskLines(target, index) {
  return [
    "    <disk type='file' device='disk'>",
    "      <driver name='qemu' type='qcow2' cache='none' discard='unmap'/>",
    `      <source file='${IMAGES}/server-${target}.qcow2'/>`,
    `      <target dev='${target}' bus='virtio'/>`,
    `      <serial>disk-${String(index)}-0123456789</serial>`,
    `      ${pciAddress(0, 0, index + 3)}`,
    "    </disk>",
  ];
}

function rootPortLines(index) {
  return [
    `    <controller type='pci' index='${String(index)}' model='pcie-root-port'>`,
    "      <model name='pcie-root-port'/>",
    `      <target chassis='${String(index)}' port='0x${(15 + index).toString(16)}'/>`,
    `      ${pciAddress(2 + (index >> 3), index & 7)}`,
    "    </controller>",
  ];
}

function interfaceLines(index) {
  return [
    "    <interface type='network'>",
    `      <mac address='52:54:00:12:34:5${String(index)}'/>`,
    `      <source network='storage-${String(index)}'/>`,
    "      <model type='virtio'/>",
    `      ${pciAddress(0, 0, index + 8)}`,
    "    </interface>",
  ];
}

function pciAddress(slot, pciFunction, bus = 0) {
  const hex = (number, digits) => `0x${number.toString(16).padStart(digits, "0")}`;
  return (
    `<address type='pci' domain='0x0000' bus='${hex(bus, 2)}' ` +
    `slot='${hex(slot, 2)}' function='0x${pciFunction.toString(16)}'/>`
  );
}
