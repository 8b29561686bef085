#!/bin/busybox sh
# dom0's first program: loads the drivers and goes on from the disk.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in $(cat /modules/order); do insmod "/modules/$module"; done
tries=0
until [ -b /dev/vda ] || [ $tries = 100 ]; do
  tries=$((tries + 1))
  sleep 0.1
done
mount -t ext4 -o noatime /dev/vda /root || poweroff -f
for folder in dev proc sys; do mount --move /$folder /root/$folder; done
exec switch_root /root /usr/sbin/xen-lab-init
