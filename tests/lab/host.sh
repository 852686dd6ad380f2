#!/bin/bash
# One machine of the lab: systemd as process 1 and a real sshd, in namespaces of its own, on an overlay of this machine's
# file system, at an address of the lab's bridge. `tests/it/lab.rs` drives it; by hand, as root:
#
#   host.sh make  FOLDER NUMBER   a machine at 10.213.9.NUMBER, whose disk is below FOLDER; it lets root in who has the key
#                                 FOLDER/id, and sees FOLDER/shared
#   host.sh boot  FOLDER NUMBER   starts it on that disk, and waits until it lets somebody in; where there is a file
#                                 FOLDER/plain, sshd is process 1, and there is no systemd
#   host.sh stop  FOLDER          cuts its power
#   host.sh clear FOLDER NUMBER   makes it go away, disk and all
#   host.sh inside FOLDER WORDS…  runs a program on it
#   host.sh can                   tells whether one can be had here
#
# Packets of the bridge's network that find no bridge go nowhere: a route sees to that before there is a bridge.
set -euo pipefail

bridge=punixlab1
network=10.213.9
# The same where the kernel knows IPv6.
network6=fd13:9:
me=$(realpath "$0")

# What the machines share. Several tests come here at once.
share() {
  exec 9>/run/lock/punix-lab-bridge
  flock 9
  ip route replace blackhole "$network.0/24" metric 4000
  ip -6 route replace blackhole "$network6:/64" metric 4000 2>/dev/null || true
  if ! ip link show "$bridge" &>/dev/null; then
    ip link add "$bridge" type bridge
    ip addr add "$network.1/24" dev "$bridge"
    ip link set "$bridge" up
  fi
  ip -6 addr replace "$network6:1/64" dev "$bridge" nodad 2>/dev/null || true
  exec 9>&-
}

make() {
  local folder=$1 number=$2
  share
  mkdir -p "$folder/disk" "$folder/shared"
  [[ -e $folder/id.pub ]] || ssh-keygen -q -t ed25519 -N '' -f "$folder/id"
  mount -t tmpfs -o mode=755 lab "$folder/disk"
  mkdir "$folder/disk/upper" "$folder/disk/work" "$folder/disk/root"
  ip netns add "punixlab$number"
  ip link add "plab$number" type veth peer name eth0 netns "punixlab$number"
  ip link set "plab$number" master "$bridge" up
  ip -n "punixlab$number" link set lo up
  ip -n "punixlab$number" addr add "$network.$number/24" dev eth0
  ip -n "punixlab$number" addr add "$network6:$number/64" dev eth0 nodad 2>/dev/null || true
  ip -n "punixlab$number" link set eth0 up
  # Who had the number before had another card.
  ip neigh flush dev "$bridge" to "$network.$number"
  ip neigh flush dev "$bridge" to "$network6:$number" 2>/dev/null || true
}

boot() {
  local folder=$1 number=$2 outer inner tries
  ip netns exec "punixlab$number" unshare --fork --kill-child --pid --mount --uts --ipc --cgroup \
    bash "$me" _first "$folder" "$number" >>"$folder/console" 2>&1 </dev/null &
  outer=$!
  echo "$outer" >"$folder/outer"
  disown
  for ((tries = 0; tries < 600; tries++)); do
    inner=$(pgrep -P "$outer" | head -n 1 || true)
    if [ -n "$inner" ]; then
      echo "$inner" >"$folder/inner"
      if is_open "$folder" "$number"; then return; fi
    fi
    sleep 0.05
  done
  echo "the machine $number does not come up: $(tail -n 3 "$folder/console")" >&2
  exit 1
}

# Tells whether somebody can log in.
is_open() {
  if [ -e "$1/plain" ]; then
    ip netns exec "punixlab$2" bash -c ": </dev/tcp/$network.$2/22" 2>/dev/null
  else
    inside "$1" systemctl is-active --quiet ssh.service 2>/dev/null
  fi
}

# Becomes process 1: the disk is put together, and systemd takes over.
first() {
  local folder=$1 number=$2 root=$1/disk/root node
  local init=(/lib/systemd/systemd --system --show-status=false --log-target=console)
  if [ -e "$folder/plain" ]; then init=(/usr/sbin/sshd -D -e); fi
  mount --make-rprivate /
  mount -t overlay lab -o "lowerdir=/,upperdir=$folder/disk/upper,workdir=$folder/disk/work" "$root"
  mount -t proc proc "$root/proc"
  mount -t sysfs sysfs "$root/sys"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  mount -t tmpfs -o mode=755 dev "$root/dev"
  for node in null zero full random urandom tty; do
    : >"$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
  done
  mkdir "$root/dev/pts" "$root/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"
  mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
  mount -t tmpfs -o mode=755 run "$root/run"
  mount -t tmpfs -o mode=1777 tmp "$root/tmp"
  # Programs that the tests built are below a folder that may itself be in `/tmp`.
  mkdir -p "$root/run/sshd" "$root$folder/shared"
  mount --bind "$folder/shared" "$root$folder/shared"
  # Packages are there at the same path as here, and they are other ones. They outlive a boot.
  mkdir -p "$folder/disk/store" "$root$folder/store"
  mount --bind "$folder/disk/store" "$root$folder/store"
  hostname "lab$number"
  [ -e "$root/etc/punix-lab" ] || furnish "$folder" "$number"
  mkdir -p "$root/.outside"
  cd "$root"
  pivot_root . .outside
  umount -l /.outside
  # What units mount for themselves has to be seen where it belongs, such as their credentials.
  mount --make-rshared /
  export container=other
  exec chroot . "${init[@]}"
}

# Makes it a machine of its own, once.
furnish() {
  local folder=$1 number=$2 root=$1/disk/root
  rm -rf "$root"/etc/ssh/ssh_host_* "$root"/etc/ssh/sshd_config.d "$root"/etc/systemd/system/*.wants
  # What a login of this machine's root does is not part of it.
  rm -f "$root/root"/.bash* "$root/root/.profile"
  rm -rf "$root/root/.ssh" "$root/root/.punix" "$root/var/lib/punix" "$root/var/cache/punix"
  printf '%032x\n' "$((number + 4096))" >"$root/etc/machine-id"
  echo "lab$number" >"$root/etc/hostname"
  : >"$root/etc/fstab"
  mkdir -p "$root/etc/systemd/system/multi-user.target.wants" "$root/root/.ssh"
  ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
  ln -sf /lib/systemd/system/ssh.service "$root/etc/systemd/system/multi-user.target.wants/ssh.service"
  ssh-keygen -q -t ed25519 -N '' -f "$root/etc/ssh/ssh_host_ed25519_key"
  cp "$root/etc/ssh/ssh_host_ed25519_key.pub" "$folder/host_key.pub"
  install -m 600 "$folder/id.pub" "$root/root/.ssh/authorized_keys"
  chmod 700 "$root/root/.ssh"
  cat >"$root/etc/ssh/sshd_config" <<END
ListenAddress $network.$number
ListenAddress $network6:$number
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM yes
LogLevel VERBOSE
MaxStartups 100
Subsystem sftp internal-sftp
END
  : >"$root/etc/punix-lab"
}

inside() {
  local folder=$1
  shift
  nsenter -t "$(cat "$folder/inner")" --all -- "$@"
}

stop() {
  kill -9 "$(cat "$1/inner")" 2>/dev/null || true
  # Its namespaces hold the disk until it has ended; when somebody asks how it did is of no matter.
  while runs "$(cat "$1/outer")"; do sleep 0.01; done
}

runs() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) && [[ ${stat##*) } != [ZX]* ]]
}

clear() {
  local folder=$1 number=$2
  if [ -e "$folder/outer" ]; then stop "$folder"; fi
  ip netns del "punixlab$number" 2>/dev/null || true
  ip link del "plab$number" 2>/dev/null || true
  umount -l "$folder/disk" 2>/dev/null || true
}

can() {
  local folder
  folder=$(mktemp -d)
  ssh-keygen -q -t ed25519 -N '' -f "$folder/id"
  mkdir "$folder/shared"
  (make "$folder" 251 && boot "$folder" 251)
  local status=$?
  clear "$folder" 251
  rm -rf "$folder"
  return "$status"
}

verb=${1:-}
shift || true
case $verb in
make | boot | stop | clear | inside | can) "$verb" "$@" ;;
_first) first "$@" ;;
*)
  sed -n '2,13p' "$me"
  exit 2
  ;;
esac
