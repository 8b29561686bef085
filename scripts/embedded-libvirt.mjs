// libvirt's QEMU driver inside of virsh, without a daemon.

/** Nobody: as root, libvirt wants a user of its own for QEMU. */
export const NOBODY = 65534;

/** For `ROOT/etc/qemu.conf`, of a driver that is rooted in a folder. */
export const QEMU_CONF = `security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
`;
