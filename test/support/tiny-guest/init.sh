#!/bin/busybox sh
# The one program of the tiny guest. It counts in a shell variable (memory) and stamps every virtio
# disk with the count, one disk after the other, each write on the medium before the next begins.
# At any instant the stamps therefore fall by at most one along the disks; a snapshot in which they
# do not was not taken at one instant.
#
# On the serial console:
#   found vda=N vdb=M        the stamps at boot ("-" for a disk that never had one)
#   tick N                   step N is on all disks
#   torn vda has N not M     a disk does not hold what the memory says was written last
#   data N                   write N is in the file system
#
# Words of the kernel's command line:
#   pause=SECONDS   between two steps, default 0.05
#   fill=MIB        of memory to fill with random data before the first step
#   rewrite=MIB     of memory to write again and again, ten times a second
#   fs=vdb          a disk with ext4 that is written to through its file system, and not stamped
#   agent=1         run QEMU's guest agent (needs the initramfs that has it)

/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mkdir -p /ram
mount -t tmpfs -o size=100% ram /ram
exec </dev/ttyS0 >/dev/ttyS0 2>&1
for module in $(cat /modules/order); do insmod "/modules/$module"; done

word() {
  for argument in $(cat /proc/cmdline); do
    case $argument in "$1="*) echo "${argument#*=}"; return ;; esac
  done
  echo "$2"
}

read_stamp() {
  stamp=
  read -r -n 24 stamp <"/dev/$1"
  case $stamp in "tick "*) stamp=${stamp#tick } ;; *) stamp=- ;; esac
}

fs=$(word fs "")
disks=$(cd /dev && ls -d vd? 2>/dev/null | grep -v "^$fs\$")
found=
for disk in $disks; do
  read_stamp "$disk"
  found="$found $disk=$stamp"
done
echo "found$found"

fill=$(word fill 0)
[ "$fill" = 0 ] || dd if=/dev/urandom of=/ram/fill bs=1M count="$fill" 2>/dev/null
rewrite=$(word rewrite 0)
[ "$rewrite" = 0 ] ||
  while :; do
    dd if=/dev/urandom of=/ram/rewrite bs=1M count="$rewrite" conv=notrunc 2>/dev/null
    sleep 0.1
  done &

if [ "$fs" ]; then
  mkdir -p /data
  mount -t ext4 "/dev/$fs" /data || echo "no file system on $fs"
  (
    written=0
    while :; do
      written=$((written + 1))
      dd if=/dev/urandom of="/data/file-$((written % 8))" bs=64k count=1 2>/dev/null
      echo "data $written"
      sleep 0.05
    done
  ) &
fi
if [ "$(word agent "")" ]; then
  mkdir -p /run
  qemu-ga -m virtio-serial -p /dev/vport0p1 -t /run -f /run/qemu-ga.pid >/dev/null 2>&1 &
fi

pause=$(word pause 0.05)
count=0
while :; do
  if [ $count != 0 ]; then
    for disk in $disks; do
      read_stamp "$disk"
      [ "$stamp" = $count ] || echo "torn $disk has $stamp not $count"
    done
  fi
  count=$((count + 1))
  echo "tick $count" >/ram/stamp
  for disk in $disks; do
    dd if=/ram/stamp of="/dev/$disk" bs=512 conv=sync oflag=direct 2>/dev/null
  done
  echo "tick $count"
  sleep "$pause"
done
