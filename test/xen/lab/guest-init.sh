#!/bin/busybox sh
# The one program of the lab's guests: a shell on the console. What a test has to find again after
# a revert is in memory below /ram: the counter there goes up every second.
/bin/busybox --install -s /bin
export PATH=/bin HOME=/
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs ram /ram
for module in $(cat /modules/order); do insmod "/modules/$module"; done
(
  count=0
  while :; do
    count=$((count + 1))
    echo $count >/ram/counter
    sleep 1
  done
) &
stty -echo -onlcr
echo GUEST-READY
while :; do setsid cttyhack sh -i 2>&1; done
