# Functions of the command homelab-restore-server, after those of backup.sh; the module appends the call.
#
# Two renames put a restored server in place, so that an interrupted run leaves the old state or the new one. Until the last
# step is done, the file `unfinished` keeps k3s from starting, and a second run goes on. So does the file `restore-awaited`,
# before a server has got the secrets for its backups. CONFIG is the configuration of k3s; the other variables are those of
# backup.sh.
# shellcheck shell=bash disable=SC2153

usage() {
  cat <<'TEXT'
usage: homelab-restore-server                          lists the snapshots of the servers of this cluster
       homelab-restore-server [--replace] SNAPSHOT     restores this server; k3s must be stopped
       homelab-restore-server --into FOLDER SNAPSHOT   only writes the files of a snapshot to a new folder
       homelab-restore-server --json                   lists the snapshots as restic does with --json
       homelab-restore-server [--replace] --hold       stops k3s, and keeps it from starting until a snapshot is restored

SNAPSHOT is an ID from the list, or `latest` for the last snapshot of this server. A server that has a datastore is
only restored with --replace; its old files move to a folder beside it. If a run is interrupted, run it again.
TEXT
}

# fetch SNAPSHOT FOLDER: writes the files of a snapshot to a new folder, and checks them.
fetch() {
  rm -rf -- "$2.partial"
  mkdir --parents -- "$2.partial"
  repository restore "$1:$STATE/staged" --host="$NODE" --target="$2.partial" --verify
  if [ ! -s "$2.partial/kind" ] || [ ! -s "$2.partial/server/token" ]; then
    echo "the snapshot $1 is not a backup of a server" >&2
    return 1
  fi
  case $(<"$2.partial/kind") in
    sqlite) check_sqlite "$2.partial/state.db" ;;
    *)
      if [ -z "$(snapshot_of "$2.partial")" ]; then
        echo "the snapshot $1 contains no datastore" >&2
        return 1
      fi
      ;;
  esac
  mv -- "$2.partial" "$2"
}

# snapshot_of FOLDER: prints the path of the snapshot of etcd among the files of a backup.
snapshot_of() {
  find "$1" -path "$1/etcd/*" -type f -size +0
}

# has_datastore: whether this server has the data of a cluster.
has_datastore() {
  [ -e "$K3S/server/db/state.db" ] || [ -d "$K3S/server/db/etcd/member" ]
}

# check_replaced REPLACE: fails if this server has the data of a cluster, unless it may be replaced.
check_replaced() {
  if [ "$1" -eq 0 ] && has_datastore; then
    echo "$K3S/server/db contains the datastore of a cluster. To replace it, add --replace." >&2
    return 1
  fi
}

# check_stopped: fails while k3s runs, or is about to start.
check_stopped() {
  local state
  state=$(systemctl is-active k3s.service) || true
  case $state in
    inactive | failed) ;;
    *)
      echo "k3s is $state. Stop it first: systemctl stop k3s" >&2
      return 1
      ;;
  esac
}

# assemble FETCHED FOLDER: makes the folder of a server from the files of a backup and from what the backup does not have,
# such as the links to manifests.
assemble() {
  local part
  rm -rf -- "$2.partial"
  mkdir -- "$2.partial" "$2.partial/db"
  for part in "$K3S/server"/*; do
    case ${part##*/} in
      # The pattern itself, if the folder is empty or does not exist.
      '*' | agent-token | cred | db | node-token | tls | token) ;;
      *) cp --archive -- "$part" "$2.partial/" ;;
    esac
  done
  if [ "$(<"$1/kind")" = sqlite ]; then
    cp --archive -- "$1/server/." "$2.partial/"
    cp -- "$1/state.db" "$2.partial/db/state.db"
    chmod 0600 "$2.partial/db/state.db"
  else
    # k3s writes the certificates and keys that are in the snapshot, and compares them with those on the disk.
    cp --archive -- "$1/server/token" "$2.partial/"
  fi
  chmod 0700 "$2.partial"
  sync --file-system "$2.partial"
  mv -- "$2.partial" "$2"
}

# restore_secrets FETCHED: puts the secrets in place that do not exist. The tokens of k3s are always those of the datastore,
# which it could not be read without. The password is that of the node that the backup is from.
restore_secrets() {
  local file name
  mkdir --parents -- "$SECRETS"
  while IFS= read -r -d '' file; do
    name=${file#"$1/secrets/"}
    if [[ $name == k3s-* ]] || [ ! -s "$SECRETS/$name" ]; then
      install -D --mode=0600 -- "$file" "$SECRETS/$name.new"
      mv -- "$SECRETS/$name.new" "$SECRETS/$name"
    elif ! cmp --silent "$file" "$SECRETS/$name"; then
      echo "kept $SECRETS/$name, which differs from the backup"
    fi
  done < <(find "$1/secrets" -type f -print0)
  find "$SECRETS" -type d -exec chmod 0700 {} +
  if [ "$(<"$1/node/name")" = "$NODE" ]; then
    install -D --mode=0600 -- "$1/node/password" "$NODE_PASSWORD"
  fi
}

# restore_server [ARGUMENT]...: see usage.
restore_server() {
  local replace=0 hold=0 into="" snapshot="" format=--compact work=$K3S/restore awaited=$K3S/restore-awaited replaced
  while [ "$#" -gt 0 ]; do
    case $1 in
      --help | -h)
        usage
        return 0
        ;;
      --hold) hold=1 ;;
      --json) format=--json ;;
      --replace) replace=1 ;;
      --into)
        if [ "$#" -lt 3 ]; then
          usage >&2
          return 2
        fi
        into=$2
        shift
        ;;
      -*)
        usage >&2
        return 2
        ;;
      *) snapshot=$1 ;;
    esac
    shift
  done
  if [ -n "$into" ] && [ -e "$into" ]; then
    echo "$into exists" >&2
    return 1
  fi
  if [ "$hold" -eq 1 ]; then
    check_replaced "$replace"
    mkdir --parents -- "$K3S"
    echo "a snapshot must be restored first" >"$awaited"
    sync "$awaited"
    systemctl stop k3s.service
    return
  fi
  if [ -z "$snapshot" ] || [ -n "$into" ]; then
    open_repository
    if [ -n "$into" ]; then
      fetch "$snapshot" "$into"
    else
      repository snapshots "$format"
    fi
    return
  fi

  check_stopped
  if [ -e "$work/unfinished" ]; then
    echo "finishing the restore of $(<"$work/unfinished") that was interrupted"
  else
    check_replaced "$replace"
    open_repository
    rm -rf -- "$work"
    mkdir --parents -- "$work"
    fetch "$snapshot" "$work/fetched"
    if [ "$(<"$work/fetched/kind")" = etcd ] && grep --quiet '^server:' "$CONFIG"; then
      rm -rf -- "$work"
      echo "This server joins another one, but etcd is restored on the server that starts the cluster. Restore that one," \
        "or set 'first-server' of the cluster to this node." >&2
      return 1
    fi
    assemble "$work/fetched" "$work/server"
    echo "$snapshot" >"$work/unfinished"
  fi

  if [ -d "$work/server" ]; then
    if [ -e "$K3S/server" ]; then
      replaced=$K3S/replaced-$(date --utc +%Y%m%dT%H%M%SZ)
      while [ -e "$replaced" ]; do
        replaced+=-again
      done
      mv --no-target-directory -- "$K3S/server" "$replaced"
      echo "what was in $K3S/server is now in $replaced"
    fi
    mv --no-target-directory -- "$work/server" "$K3S/server"
  fi
  restore_secrets "$work/fetched"
  if [ "$(<"$work/fetched/kind")" = etcd ]; then
    k3s server --cluster-reset --cluster-reset-restore-path="$(snapshot_of "$work/fetched")"
  fi
  # What was restored last, by the ID with which a user chose it.
  cp -- "$work/unfinished" "$K3S/restored"
  rm -f -- "$awaited"
  rm -- "$work/unfinished"
  rm -rf -- "$work"
  echo "restored. Start the server: systemctl start k3s"
}
