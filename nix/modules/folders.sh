# Functions of homelab-folders.service; the module appends the call.
# shellcheck shell=bash

# publish_folders MOUNTED READY NAME PATH...
#
# Pods use the folders of the host through links in READY. A link exists only while its folder contains the file
# .homelab: without it, the disk of the folder is not mounted on the host, and pods would write to an empty folder of the
# host's system. Reports each change once.
publish_folders() {
  local mounted=$1 ready=$2 name path
  shift 2
  mkdir -p "$ready"
  while [ $# -gt 0 ]; do
    name=$1 path=$2
    shift 2
    if [ -e "$mounted/$name/.homelab" ]; then
      rm -f "$ready/.$name.missing"
      if [ ! -L "$ready/$name" ]; then
        ln -s "$mounted/$name" "$ready/$name"
        echo "folder $name: ready for pods"
      fi
    elif [ ! -e "$ready/.$name.missing" ]; then
      rm -f "$ready/$name"
      : >"$ready/.$name.missing"
      if mountpoint --quiet "$mounted/$name"; then
        echo "folder $name: $path/.homelab does not exist on the host, or only its owner can see it; new pods wait"
        echo "if the disk is mounted, run: touch $path/.homelab; if not, mount it, and reboot this container"
      else
        echo "folder $name: $path did not exist when this container started; new pods wait"
        echo "mount its disk on the host, and reboot this container"
      fi
    fi
  done
}
