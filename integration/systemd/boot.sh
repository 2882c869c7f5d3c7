#!/bin/sh
# Boots a systemd as the first process of a machine in a machine: namespaces of its own but for the network, a control
# group of its own, and a root in memory that has nothing of this machine but its programs and libraries, read-only.
#   boot.sh outside ROOT GROUP     makes the namespaces; ROOT is an empty directory, GROUP the name of the control group
# ROOT.files holds what is to be in the root beside that.
set -eu
umask 022
root=$2 group=$3

case $1 in
outside)
  mount --make-rprivate /
  mkdir "$root.groups"
  mount -t cgroup2 none "$root.groups"
  mkdir -p "$root.groups/$group"
  echo $$ >"$root.groups/$group/cgroup.procs"
  exec unshare --cgroup --pid --fork --uts --ipc --kill-child sh "$0" inside "$root" "$group"
  ;;
inside)
  umount "$root.groups"
  mount -t tmpfs -o mode=755 root "$root"
  cd "$root"
  mkdir -p usr/bin usr/sbin etc proc sys dev run tmp var/lib root old
  chmod 1777 tmp
  for dir in bin sbin lib lib64; do
    [ ! -e "/usr/$dir" ] || ln -s "usr/$dir" "$dir"
  done
  for dir in /usr/lib /usr/lib64; do
    [ -d "$dir" ] || continue
    mkdir -p ".$dir"
    mount --bind "$dir" ".$dir"
    mount -o remount,bind,ro ".$dir"
  done
  for program in sh cat kill env systemctl journalctl systemd-sysusers systemd-tmpfiles; do
    cp -L "/usr/bin/$program" usr/bin/
  done
  # Of the units that this machine has, those alone that every service stands on, and no generators.
  units=usr/lib/systemd/system
  mkdir units
  for unit in systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket \
    basic.target sysinit.target shutdown.target sockets.target timers.target paths.target slices.target multi-user.target \
    network-online.target network.target nss-lookup.target umount.target final.target; do
    cp -L "/$units/$unit" units/
  done
  for dir in $units usr/lib/systemd/system-generators usr/lib/systemd/system-preset usr/lib/sysusers.d usr/lib/tmpfiles.d; do
    [ ! -d "$dir" ] || mount -t tmpfs -o mode=755 none "$dir"
  done
  cp units/* $units
  rm -r units
  mkdir $units/sysinit.target.wants
  ln -s ../systemd-journald.service ../systemd-journald.socket ../systemd-journald-dev-log.socket $units/sysinit.target.wants/
  chmod -R a+rX "$root.files"
  cp -r "$root.files/." .

  mount -t proc proc proc
  mount --bind /sys sys
  mount -o remount,bind,ro sys
  mount -t cgroup2 none sys/fs/cgroup
  mount -t tmpfs -o mode=755 none dev
  for device in null zero full random urandom tty; do
    : >dev/$device
    mount --bind /dev/$device dev/$device
  done
  mkdir dev/pts dev/shm dev/mqueue dev/hugepages
  mount -t devpts -o newinstance,ptmxmode=0666 none dev/pts
  ln -s pts/ptmx dev/ptmx
  mount -t tmpfs -o mode=1777 none dev/shm
  mount -t tmpfs -o mode=755 none run
  printf 'root:x:0:0:root:/root:/bin/sh\n' >etc/passwd
  printf 'root:x:0:\n' >etc/group
  head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >etc/machine-id
  cp /etc/ld.so.cache etc/ 2>/dev/null || :
  hostname inside

  pivot_root . old
  /old/bin/umount -l /old
  systemd-sysusers
  systemd-tmpfiles --create
  exec env -i container=cnfd PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=multi-user.target \
    --log-target=journal --log-level=info --show-status=0 </dev/null >/dev/null 2>&1
  ;;
esac
