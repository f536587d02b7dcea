# Functions of homelab-backup.service and of the command homelab-restore-server; the module appends the calls.
#
# The environment names the paths: K3S is the data folder of k3s, SECRETS the folder of the secrets on the disk, STATE that of
# this service, METRICS that of files for the node exporter, RUNTIME_DIRECTORY one in memory. NODE is the name of the node,
# NODE_PASSWORD the file with its password. RESTIC_REPOSITORY and RESTIC_PASSWORD_FILE are read by restic too. No value of a
# secret is in the environment or in an argument, which other processes can see.
# shellcheck shell=bash

# open_repository: gives restic the keys of the bucket, in a file. Reports all secrets that are missing.
open_repository() {
  local file missing=0 files=("$RESTIC_PASSWORD_FILE")
  if [[ $RESTIC_REPOSITORY == s3:* ]]; then
    files+=("$SECRETS/backup/access-key-id" "$SECRETS/backup/secret-access-key")
  fi
  for file in "${files[@]}"; do
    if [ ! -s "$file" ]; then
      echo "$file is missing or empty. 'homelab secrets' shows what it contains; make it readable only by root." >&2
      missing=1
    fi
  done
  [ "$missing" -eq 0 ] || return 1
  if [[ $RESTIC_REPOSITORY == s3:* ]]; then
    (
      umask 077
      printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' \
        "$(<"$SECRETS/backup/access-key-id")" "$(<"$SECRETS/backup/secret-access-key")" >"$RUNTIME_DIRECTORY/bucket"
    )
    export AWS_SHARED_CREDENTIALS_FILE=$RUNTIME_DIRECTORY/bucket
  fi
}

# repository ARGUMENT...: runs restic, which waits if another server of the cluster has locked the repository.
repository() {
  restic --quiet --retry-lock=15m "$@"
}

# create_repository: creates the repository if it does not exist, and unlocks it otherwise. Any other error, such as a wrong password, is one.
create_repository() {
  local status=0
  repository cat config >"$RUNTIME_DIRECTORY/config" 2>"$RUNTIME_DIRECTORY/error" || status=$?
  case $status in
    # Locks of processes that were killed.
    0) repository unlock ;;
    # The exit code of restic for a repository that does not exist.
    10)
      echo "creating the repository $RESTIC_REPOSITORY"
      repository init
      ;;
    *)
      cat "$RUNTIME_DIRECTORY/error" >&2
      return 1
      ;;
  esac
}

# check_sqlite FILE: checks that a database is intact and has the table of k3s.
check_sqlite() {
  local result
  result=$(sqlite3 -batch -readonly "$1" 'PRAGMA quick_check; SELECT count(*) > 0 FROM kine;') || return 1
  if [ "$result" != $'ok\n1' ]; then
    echo "$1 is damaged, or contains no Kubernetes objects: $result" >&2
    return 1
  fi
}

# copy_sqlite FOLDER: copies the database of a server that runs. VACUUM INTO reads it in one transaction: k3s can write
# meanwhile, and the copy has none of that. A copy of the file would lack what is only in the write-ahead log.
copy_sqlite() {
  sqlite3 -batch -cmd '.timeout 60000' "$K3S/server/db/state.db" "VACUUM INTO '$1/state.db'"
  check_sqlite "$1/state.db"
}

# copy_etcd FOLDER: copies a snapshot of etcd. k3s adds the name of the node and the time to the name of a snapshot, and keeps
# snapshots with this name until they are deleted.
copy_etcd() {
  local snapshots=$K3S/server/db/snapshots file found=()
  for file in "$snapshots"/homelab-*; do
    [ ! -f "$file" ] || delete_snapshot "$file"
  done
  k3s etcd-snapshot save --name=homelab --etcd-snapshot-dir="$snapshots"
  for file in "$snapshots"/homelab-*; do
    [ ! -s "$file" ] || found+=("$file")
  done
  if [ "${#found[@]}" -ne 1 ]; then
    echo "k3s saved ${#found[@]} snapshots named homelab-* in $snapshots instead of one" >&2
    return 1
  fi
  mkdir "$1/etcd"
  cp -- "${found[0]}" "$1/etcd/"
  delete_snapshot "${found[0]}"
}

# delete_snapshot FILE: deletes a snapshot, and its entry in the cluster.
delete_snapshot() {
  k3s etcd-snapshot delete --etcd-snapshot-dir="$(dirname "$1")" "$(basename "$1")" >/dev/null || true
  rm -f -- "$1"
}

# stage FOLDER: copies the state of the server that runs to a new folder.
stage() {
  local part
  rm -rf -- "$1"
  mkdir --parents -- "$1/server" "$1/node"
  if [ -d "$K3S/server/db/etcd/member" ]; then
    echo etcd >"$1/kind"
    copy_etcd "$1"
  elif [ -e "$K3S/server/db/state.db" ]; then
    echo sqlite >"$1/kind"
    copy_sqlite "$1"
  else
    echo "$K3S/server/db contains no datastore: k3s has not run on this server yet" >&2
    return 1
  fi
  # The token encrypts certificates and keys in the datastore, so the copy is useless without it.
  cp --archive -- "$K3S/server/token" "$1/server/"
  for part in agent-token cred node-token tls; do
    if [ -e "$K3S/server/$part" ]; then
      cp --archive -- "$K3S/server/$part" "$1/server/"
    fi
  done
  cp --archive -- "$NODE_PASSWORD" "$1/node/password"
  echo "$NODE" >"$1/node/name"
  cp --archive -- "$SECRETS" "$1/secrets"
  # Whoever restores the backup has them already.
  rm -rf -- "$1/secrets/backup"
}

# back_up DAYS: adds a snapshot to the repository, and removes those that are older than the newest by more days.
back_up() {
  local kind
  trap 'rm -rf -- "$STATE/staged"' EXIT
  stage "$STATE/staged"
  kind=$(<"$STATE/staged/kind")
  repository backup --host="$NODE" --tag="$kind" -- "$STATE/staged"
  date +%s >"$STATE/succeeded"
  rm -rf -- "$STATE/staged"
  repository forget --group-by=host --keep-within="$1d" --prune
}

# check_repository: once a week, checks the structure of the repository, and a tenth of its data.
check_repository() {
  local now checked=0
  now=$(date +%s)
  [ ! -s "$STATE/checked" ] || checked=$(<"$STATE/checked")
  if [ $((now - checked)) -ge $((7 * 24 * 60 * 60 - 60 * 60)) ]; then
    repository check --read-data-subset=10%
    echo "$now" >"$STATE/checked"
  fi
}

# report RESULT: writes the metrics of the last run, whose result is that of systemd, for the node exporter.
report() {
  local failed=1
  [ "$1" != success ] || failed=0
  {
    echo '# HELP homelab_backup_last_run_failed Whether the last run of the backup of this server failed.'
    echo '# TYPE homelab_backup_last_run_failed gauge'
    echo "homelab_backup_last_run_failed{node=\"$NODE\"} $failed"
    if [ -s "$STATE/succeeded" ]; then
      echo '# HELP homelab_backup_last_success_timestamp_seconds Time of the last complete backup of this server.'
      echo '# TYPE homelab_backup_last_success_timestamp_seconds gauge'
      echo "homelab_backup_last_success_timestamp_seconds{node=\"$NODE\"} $(<"$STATE/succeeded")"
    fi
  } >"$METRICS/backup.new"
  # The node exporter does not run as root, and reads files whose names end in .prom.
  chmod 0644 "$METRICS/backup.new"
  mv -- "$METRICS/backup.new" "$METRICS/backup.prom"
}
