# Functions of k3s.service; the module appends the calls.
# shellcheck shell=bash

# answers ADDRESS: whether a server of k3s runs there.
answers() {
  curl --insecure --silent --fail --max-time 3 --output /dev/null "https://$1:6443/cacerts"
}

# check_restored FOLDER: fails if a restore of this server was interrupted, or is about to begin, given the data folder of k3s:
# the server would start without its state.
check_restored() {
  if [ -e "$1/restore/unfinished" ]; then
    echo "The restore of this server was interrupted. Finish it: run 'systemctl stop k3s', then" \
      "'homelab-restore-server latest'." >&2
    return 1
  fi
  if [ -e "$1/restore-awaited" ]; then
    echo "This server waits for a snapshot: run 'homelab-restore-server latest'. To start it without one, with an empty" \
      "cluster if it has no data, remove $1/restore-awaited." >&2
    return 1
  fi
}

# check_first_server CONFIG DATA [ADDRESS]...: checks a server before k3s starts, given its configuration, its
# database folder and the addresses of the other servers. Fails if it would leave the data of the cluster behind.
check_first_server() {
  local config=$1 data=$2 address
  shift 2
  if grep --quiet '^server:' "$config"; then
    if [ -e "$data/state.db" ]; then
      echo "This server started its cluster and has its data ($data/state.db), but it is configured to join" \
        "another server, without that data. Set 'first-server' of the cluster to this server." >&2
      return 1
    fi
  elif [ ! -e "$data" ]; then
    for address in "$@"; do
      if answers "$address"; then
        echo "This server has no data and is configured to start a cluster, but $address already runs it." \
          "Set 'first-server' of the cluster to the server at $address, so that this one joins." >&2
        return 1
      fi
    done
  fi
}
