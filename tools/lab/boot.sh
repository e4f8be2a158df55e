#!/bin/bash
# Process 1 of the lab's guest. Its root is the host's, read-only; the kernel's command line says which ZFS (zver) and
# which shared folder (vmwork).
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
lab=$(dirname "$(readlink -f "$0")")
busybox=$lab/busybox
"$busybox" mount -t proc proc /proc
for word in $(</proc/cmdline); do
  case $word in
    zver=*) zfs=$lab/zfs${word#*=} ;;
    vmwork=*) shared=${word#*=} ;;
  esac
done

# The new root, from the top: what the guest writes, the programs of this ZFS, the host, and beneath it what only the
# smallest hosts do not have.
root=/mnt/root
"$busybox" mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir -p /mnt/{written,scratch,root,zfs,spare}
"$busybox" mount -t hostfs -o "$zfs/root" zfs /mnt/zfs
"$busybox" mount -t hostfs -o "$lab/spare" spare /mnt/spare
"$busybox" mount -t overlay -o lowerdir=/mnt/zfs:/:/mnt/spare,upperdir=/mnt/written,workdir=/mnt/scratch root $root
cp "$busybox" $root/usr/local/bin/busybox

# In the order they need each other; 2.3 has only the first and the last.
for module in spl znvpair zcommon icp zavl zlua zzstd zunicode zfs; do
  if [[ -e $zfs/mods/$module.ko ]]; then "$busybox" insmod "$zfs/mods/$module.ko"; fi
done

"$busybox" mount -t proc proc $root/proc
"$busybox" mount -t sysfs sysfs $root/sys
"$busybox" mount -t devtmpfs dev $root/dev
mkdir -p $root/dev/{pts,shm}
"$busybox" mount -t devpts devpts $root/dev/pts
"$busybox" mount -t tmpfs shm $root/dev/shm
"$busybox" mount -t tmpfs run $root/run
mkdir -p "$root$shared"
"$busybox" mount -t hostfs -o "$shared" shared "$root$shared"
"$busybox" ip link set lo up
exec "$busybox" chroot $root /bin/bash "$shared/.vmrun"
