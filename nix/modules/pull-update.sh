# Functions of homelab-pull-update.service, which lets a node update itself; the module appends the calls.
#
# The environment has: NODE, the name of the node; ROLE, server or agent; REPOSITORY and BRANCH; IDENTITY and KNOWN_HOSTS, files with the
# deploy key and the host keys, or nothing; SIGNERS, the file with the keys that sign commits, or nothing; STATE, the
# folder of this service; METRICS, that of files for the node exporter; RUNTIME_DIRECTORY, one in memory; RESTARTS,
# whether the node restarts for a new kernel; SECONDS_TO_KEEP, the time that the node has to become healthy.
# shellcheck shell=bash

# in_repository ARGUMENT...: runs Git in the clone, with the deploy key.
in_repository() {
  if [ -n "$IDENTITY" ]; then
    export GIT_SSH_COMMAND="ssh -i $IDENTITY -o IdentitiesOnly=yes -o UserKnownHostsFile=$KNOWN_HOSTS -o StrictHostKeyChecking=yes -o ConnectTimeout=30"
  fi
  git -C "$STATE/repository" -c advice.detachedHead=false "$@"
}

# fetch: checks out the newest commit of the branch.
fetch() {
  local file missing=0
  for file in $IDENTITY $KNOWN_HOSTS $SIGNERS; do
    if [ ! -s "$file" ]; then
      echo "$file is missing or empty. 'homelab secrets' shows what it contains; make it readable only by root." >&2
      missing=1
    fi
  done
  [ "$missing" -eq 0 ] || return 1
  if [ ! -d "$STATE/repository/.git" ]; then
    rm -rf -- "$STATE/repository"
    git init --quiet "$STATE/repository"
  fi
  in_repository fetch --quiet --no-tags "$REPOSITORY" "refs/heads/$BRANCH"
  commit=$(in_repository rev-parse --verify 'FETCH_HEAD^{commit}')
  verify "$commit"
  in_repository checkout --quiet --force --detach "$commit"
  in_repository clean --quiet --force -dx
}

# verify COMMIT: checks that a commit is signed, if the lab asks for that.
verify() {
  [ -n "$SIGNERS" ] || return 0
  export GNUPGHOME=$RUNTIME_DIRECTORY/gnupg
  mkdir -p "$GNUPGHOME"
  chmod 0700 "$GNUPGHOME"
  gpg --batch --quiet --import "$SIGNERS"
  if ! in_repository verify-commit "$1"; then
    echo "the commit $1 of $BRANCH is not signed with one of the keys in $SIGNERS" >&2
    return 1
  fi
}

# build: prints the path of the node's system in the commit that is checked out.
build() {
  nix --extra-experimental-features 'nix-command flakes' build --no-link --print-out-paths \
    "git+file://$STATE/repository#nixosConfigurations.$NODE.config.system.build.toplevel"
}

# minor VERSION: the minor version of a version such as v1.35.6+k3s1.
minor() {
  local version=${1#v}
  version=${version#*.}
  echo "${version%%.*}"
}

k3s_of() {
  "$1/sw/bin/k3s" --version | sed -n 's/^k3s version \([^ ]*\).*/\1/p'
}

# api ARGUMENT...: asks the API. An agent asks as its kubelet.
api() {
  if [ "$ROLE" = server ]; then
    k3s kubectl --request-timeout=10s "$@"
  else
    k3s kubectl --kubeconfig=/var/lib/rancher/k3s/agent/kubelet.kubeconfig --request-timeout=10s "$@"
  fi
}

# must_wait SYSTEM: prints why a system cannot be activated now, or nothing.
must_wait() {
  local old new name ready
  old=$(minor "$(k3s_of /run/current-system)")
  new=$(minor "$(k3s_of "$1")")
  if [ "$ROLE" = server ]; then
    if [ "$old" != "$new" ]; then
      echo "k3s changes from 1.$old to 1.$new, and the datastore of a server has no way back: run 'homelab deploy $NODE'"
      return
    fi
    # Without the API of this server, nobody knows; then the update may be what repairs it.
    api get nodes --selector=node-role.kubernetes.io/control-plane --output=jsonpath='{range .items[*]}{.metadata.name}{" "}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' 2>/dev/null |
      while read -r name ready; do
        if [ "$name" != "$NODE" ] && [ "$ready" != True ]; then
          echo "the server $name is not ready, and the cluster may stop without both"
        fi
      done || true
  elif [ "$old" != "$new" ]; then
    old=$(api get --raw=/version | sed -n 's/.*"gitVersion": *"\([^"]*\)".*/\1/p') || true
    if [ -z "$old" ] || [ "$(minor "$old")" -lt "$new" ]; then
      echo "k3s 1.$new is newer than that of the server (${old:-unknown}): update the servers first"
    fi
  fi
}

# apply SYSTEM: tries a system, and keeps it if the node is healthy with it, or goes back.
apply() {
  local status=1 deadline=$((SECONDS + SECONDS_TO_KEEP * 9 / 10))
  update-node try "$1" "$SECONDS_TO_KEEP"
  while true; do
    status=0
    update-node check "$1" || status=$?
    if [ "$status" -ne 1 ] || [ "$SECONDS" -ge "$deadline" ]; then
      break
    fi
    sleep 5
  done
  # Somebody must be able to log in, and the next update must be able to come.
  if [ "$status" -eq 0 ] && { ! answers_ssh || ! in_repository ls-remote --quiet "$REPOSITORY" "refs/heads/$BRANCH" >/dev/null; }; then
    echo "with the new system, the node does not accept SSH or does not reach $REPOSITORY" >&2
    status=1
  fi
  if [ "$status" -ne 0 ]; then
    update-node revert "$1"
    return 1
  fi
  update-node keep "$1"
}

answers_ssh() {
  (exec 3<>/dev/tcp/127.0.0.1/22) 2>/dev/null
}

# restart_if_needed: restarts the node if it has a kernel, and another one than that of its system.
restart_if_needed() {
  local name
  [ "$RESTARTS" = 1 ] || return 0
  for name in kernel initrd kernel-modules; do
    if [ -e "/run/current-system/$name" ] &&
      [ "$(readlink -e "/run/booted-system/$name")" != "$(readlink -e "/run/current-system/$name")" ]; then
      echo "restarting the node, since its kernel changes"
      update-node restart
      return
    fi
  done
}

# report FAILED WAITING: writes the metrics of this run for the node exporter.
report() {
  {
    echo '# HELP homelab_update_last_run_failed Whether the last update of this node failed.'
    echo '# TYPE homelab_update_last_run_failed gauge'
    echo "homelab_update_last_run_failed{node=\"$NODE\"} $1"
    echo '# HELP homelab_update_waits Whether the last update of this node waits for something else.'
    echo '# TYPE homelab_update_waits gauge'
    echo "homelab_update_waits{node=\"$NODE\"} $2"
    if [ -s "$STATE/succeeded" ]; then
      echo '# HELP homelab_update_last_success_timestamp_seconds When this node last had the system of the newest commit.'
      echo '# TYPE homelab_update_last_success_timestamp_seconds gauge'
      echo "homelab_update_last_success_timestamp_seconds{node=\"$NODE\"} $(<"$STATE/succeeded")"
    fi
  } >"$METRICS/update.new"
  # The node exporter does not run as root, and reads files whose names end in .prom.
  chmod 0644 "$METRICS/update.new"
  mv -- "$METRICS/update.new" "$METRICS/update.prom"
}

# finish FAILED WAITING: ends a run.
finish() {
  rm -rf -- "$RUNTIME_DIRECTORY"
  report "$1" "$2"
}

# pull: updates the node to the newest commit of the branch.
pull() {
  local system reason
  trap 'finish 1 0' EXIT
  fetch
  system=$(build)
  if [ "$(readlink -f /run/current-system)" = "$system" ] && [ "$(readlink -f /nix/var/nix/profiles/system)" = "$system" ]; then
    echo "the node has the system of $commit"
  else
    reason=$(must_wait "$system")
    if [ -n "$reason" ]; then
      echo "waiting: $reason"
      trap 'finish 0 1' EXIT
      return 0
    fi
    echo "updating to $system, of $commit"
    apply "$system"
  fi
  date +%s >"$STATE/succeeded"
  trap 'finish 0 0' EXIT
  restart_if_needed
}
