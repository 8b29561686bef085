#!/bin/bash
# dom0's process 1 in the Xen lab: starts Xen's daemons and runs what appears in /control.
#
#   shares       lines of "TAG CACHE FOLDER": 9p folders to mount
#   ready        made by us when commands are taken
#   N/command    a bash script to run; we write N/stdout, N/stderr and, at the end, N/status
#   N/kill       ends it with everything that it has started
#   off          power off
export PATH=/usr/local/bin:/usr/sbin:/usr/bin HOME=/root LANG=C.UTF-8 TERM=dumb
mount -t tmpfs run /run
mkdir -p /run/lock /run/xen /run/xenstored /dev/pts /dev/shm
mount -t devpts -o mode=620 devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs tmp /tmp
mount -t xenfs xenfs /proc/xen
# Xen's hotplug scripts spin for ever without these.
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
hostname xen-lab
ip link set lo up

mount_share() { mount -t 9p -o "trans=virtio,version=9p2000.L,msize=262144,cache=$3" "$1" "$2"; }
mount_share control /control none
while read -r tag cache folder; do
  mkdir -p "$folder"
  mount_share "$tag" "$folder" "$cache"
done </control/shares

xen_programs=(/usr/lib/xen-[0-9]*/bin)
"${xen_programs[0]}/xenstored" --pid-file /run/xenstored.pid
until xenstore-read / >/dev/null 2>&1; do sleep 0.1; done
"${xen_programs[0]}/xen-init-dom0" >/dev/console 2>&1
"${xen_programs[0]}/xenconsoled" --pid-file=/run/xenconsoled.pid --log=guest \
  --log-dir=/var/log/xen/console
touch /control/ready

# Waits without a program of its own: starting one costs much here.
mkfifo /run/nap
exec {nap}<>/run/nap
nap() { read -r -t "$1" -u "$nap" || true; }

# A session of its own, so that the whole of it can be ended.
run_command() {
  setsid bash "$1/running" >"$1/stdout" 2>"$1/stderr" </dev/null &
  local process=$! status
  (
    until [ -e "$1/status" ] || [ ! -e "$1" ]; do
      [ ! -e "$1/kill" ] || kill -KILL -- "-$process"
      nap 2
    done
  ) &
  wait $process
  status=$?
  echo $status >"$1/status.new"
  mv "$1/status.new" "$1/status"
}

shopt -s nullglob
until [ -e /control/off ]; do
  for command in /control/*/command; do
    folder=${command%/command}
    mv "$command" "$folder/running"
    run_command "$folder" &
  done
  nap 0.5
done
sync
poweroff -f
