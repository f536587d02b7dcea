# Guests of a scripted host, for `pct`, `pvesh` and `qm`. In $MACHINE, the folder of the host:
#
#   name                          its name in Proxmox VE; `pve` if the file does not exist
#   root/etc/pve/lxc/VMID.conf    containers, in the format of Proxmox VE with a section [pve:pending]
#   root/etc/pve/qemu-server/     virtual machines, in the same format
#   addresses                     addresses of virtual machines: VMID ADDRESS
#   root/var/lib/lxc/VMID/rootfs  the disk of a container; ADDRESS/root of its machine is a link to it
#   running/VMID                  exists while the guest runs
#   storages                      one per line: NAME TYPE CONTENT ACTIVE TOTAL-GiB FREE-GiB
#   guests                        other guests of its cluster: VMID TYPE NAME NODE STATUS MEMORY-MiB
#   tasks                         what runs, as JSON
#   hangs                         exists if guests do not shut down
#   destroyed                     the VMIDs of guests that were destroyed
#   full                          the name of a storage where `pct create` and `qm create` find no space
#   dies                          the next `pct create` or `qm create` is killed: it leaves its lock and a disk
#
# Formats and messages are those of pve-container 6.1 (PVE/LXC/Config.pm, PVE/API2/LXC.pm, PVE/CLI/pct.pm),
# pve-guest-common (PVE/AbstractConfig.pm, PVE/GuestHelpers.pm) and pve-storage (PVE/API2/Storage/Status.pm).
# shellcheck shell=bash disable=SC2034

export LC_ALL=C
name=pve
[ ! -e "$MACHINE/name" ] || name=$(<"$MACHINE/name")
guests=$MACHINE/root/etc/pve/nodes/$name
mkdir -p "$guests/lxc" "$guests/qemu-server" "$MACHINE/running"
[ -e "$MACHINE/root/etc/pve/lxc" ] || ln -s "nodes/$name/lxc" "$MACHINE/root/etc/pve/lxc"
[ -e "$MACHINE/root/etc/pve/qemu-server" ] || ln -s "nodes/$name/qemu-server" "$MACHINE/root/etc/pve/qemu-server"

storages() {
  cat "$MACHINE/storages" 2>/dev/null ||
    printf '%s\n' 'local dir backup,iso,vztmpl 1 96 80' 'local-lvm lvmthin images,rootdir 1 800 700'
}

# The configurations that `load` and `save` use: lxc or qemu-server.
folder=lxc

# load VMID: reads a configuration into config, pending and raw.
declare -A config pending
raw=()
load() {
  local line section=''
  config=() pending=() raw=()
  if [ ! -e "$guests/$folder/$1.conf" ]; then
    echo "Configuration file 'nodes/$name/$folder/$1.conf' does not exist" >&2
    exit 2
  fi
  while IFS= read -r line; do
    case "$line" in
      '[pve:pending]') section=pending ;;
      '['*) section=snapshot ;;
      '' | '#'*) ;;
      lxc.*) [ "$section" != '' ] || raw+=("$line") ;;
      *)
        case "$section" in
          pending) pending[${line%%:*}]=${line#*: } ;;
          '') config[${line%%:*}]=${line#*: } ;;
        esac
        ;;
    esac
  done <"$guests/$folder/$1.conf"
}

keys() {
  [ $# -eq 0 ] || printf '%s\n' "$@" | sort
}

# save VMID: writes the configuration, sorted as Proxmox VE does it.
save() {
  local key
  {
    for key in $(keys "${!config[@]}"); do
      printf '%s: %s\n' "$key" "${config[$key]}"
    done
    [ ${#raw[@]} -eq 0 ] || printf '%s\n' "${raw[@]}"
    if [ ${#pending[@]} -gt 0 ]; then
      printf '\n[pve:pending]\n'
      for key in $(keys "${!pending[@]}"); do
        printf '%s: %s\n' "$key" "${pending[$key]}"
      done
    fi
  } >"$guests/$folder/$1.conf"
}

is_running() {
  [ -e "$MACHINE/running/$1" ]
}

# The address of the first interface of the loaded container.
address() {
  local part
  for part in ${config[net0]//,/ }; do
    case "$part" in
      ip=*)
        part=${part#ip=}
        echo "${part%/*}"
        ;;
    esac
  done
}
