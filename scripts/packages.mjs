/**
 * Debian packages that the tests need, each with a program or file that proves that it is there.
 * The tests run the real tools, so a missing one is a failure and never a skip.
 */
export const TEST_PACKAGES = [
  { name: "qemu-utils", proof: "/usr/bin/qemu-img" },
  { name: "qemu-system-x86", proof: "/usr/bin/qemu-system-x86_64" },
  { name: "libvhdi-utils", proof: "/usr/bin/vhdiinfo" },
  { name: "libvirt-clients", proof: "/usr/bin/virsh" },
  { name: "libvirt-daemon", proof: "/usr/sbin/libvirtd" },
  {
    name: "libvirt-daemon-driver-qemu",
    proof: "/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so",
  },
  { name: "python3-libvirt", proof: "/usr/lib/python3/dist-packages/libvirt.py" },
  { name: "libxml2-utils", proof: "/usr/bin/xmllint" },
  { name: "xfsprogs", proof: "/usr/sbin/mkfs.xfs" },
  { name: "e2fsprogs", proof: "/usr/sbin/mke2fs" },
  { name: "xz-utils", proof: "/usr/bin/xz" },
  { name: "util-linux", proof: "/usr/bin/setpriv" },
  { name: "acl", proof: "/usr/bin/setfacl" },
  { name: "attr", proof: "/usr/bin/setfattr" },
  { name: "man-db", proof: "/usr/bin/man" },
];
