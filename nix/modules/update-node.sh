#!/usr/bin/env bash
# Tries another system on a node, and keeps it or goes back to the one before. `homelab deploy` runs it on nodes through
# SSH; on nodes that pull their updates, it is part of the unit homelab-update-node.
#
# A system is tried with `switch-to-configuration test`: it runs, but the node still boots the one before. A timer
# returns to that one unless the system is kept in time, even if nobody can reach the node any more.

set -euo pipefail

usage() {
  cat <<'USAGE'
Try another system on this node, and keep it or go back

Usage: update-node COMMAND

Commands:
  state                 Print what the node runs and boots, one fact per line
  back-up VERSION       Back up the state of this server before k3s changes from a minor VERSION
  try SYSTEM SECONDS    Activate a system; go back after SECONDS unless it is kept. With 0, never go back
  check SYSTEM          Check the node: 0 healthy, 1 not yet, 3 it will not be
  keep SYSTEM           Keep a system that is tried: boot it from now on
  revert SYSTEM         Go back from a system that is tried to the one before
  restart               Restart the node in a moment
  booted SYSTEM         Check that the node has booted a system, and that it is healthy: as `check`

SYSTEM is a path in the Nix store of this node. Run it as root.
USAGE
}

state=/run/homelab-update
profile=/nix/var/nix/profiles/system
roots=/nix/var/nix/gcroots
data=/var/lib/rancher/k3s
backups=/var/lib/homelab/before-upgrade

# The exit code of a check that will not succeed later.
hopeless=3

fail() {
  echo "update-node: $*" >&2
  exit 1
}

# not_yet REASON: ends a check that may succeed later.
not_yet() {
  echo "$*" >&2
  exit 1
}

# never REASON: ends a check that will not succeed, with the journal of the activation.
never() {
  echo "$*" >&2
  journalctl --unit=homelab-activate --lines=15 --no-pager --output=cat >&2 2>/dev/null || true
  exit "$hopeless"
}

current() {
  readlink -f /run/current-system
}

is_server() {
  [ -e /etc/rancher/k3s/k3s.yaml ]
}

is_active() {
  systemctl is-active --quiet "$1"
}

# api ARGUMENT...: asks the API. An agent asks as its kubelet, which may read its own Node.
api() {
  if is_server; then
    k3s kubectl --request-timeout=10s "$@"
  else
    k3s kubectl --kubeconfig="$data/agent/kubelet.kubeconfig" --request-timeout=10s "$@"
  fi
}

# version SYSTEM: the version of k3s in a system, such as v1.35.6+k3s1.
version() {
  "$1/sw/bin/k3s" --version 2>/dev/null | sed -n 's/^k3s version \([^ ]*\).*/\1/p'
}

failed_units() {
  systemctl list-units --state=failed --plain --no-legend --no-pager | sed 's/ .*//' | LC_ALL=C sort
}

# links SYSTEM: what a node only uses after a restart; nothing in a container, which has no kernel.
links() {
  local name
  for name in kernel initrd kernel-modules; do
    readlink "$1/$name" || true
  done | tr '\n' ' '
}

# nodes: each node of the cluster, whether it is ready, its kubelet's version, whether it is a server, and whether it is cordoned.
nodes() {
  k3s kubectl --request-timeout=10s get nodes --output=jsonpath='{range .items[*]}{.metadata.name}{" "}{.status.conditions[?(@.type=="Ready")].status}{" "}{.status.nodeInfo.kubeletVersion}{" "}{.metadata.labels.node-role\.kubernetes\.io/control-plane}{" cordoned="}{.spec.unschedulable}{"\n"}{end}'
}

state() {
  local system
  system=$(current)
  echo "current $system"
  echo "boots $(readlink -f "$profile")"
  echo "k3s $(systemctl is-active k3s || true)"
  echo "k3s-version $(version "$system")"
  echo "k3s-unit $(sha256sum <"$system/etc/systemd/system/k3s.service" | sed 's/ .*//')"
  echo "restart-links $(links /run/booted-system)"
  if is_active homelab-rollback.timer || is_active homelab-activate.service; then
    echo "tries $(cat "$state/system")"
  fi
  if [ -e "$state/system" ]; then
    echo "tried $(cat "$state/system")"
  fi
  if [ -e "$state/unfinished" ]; then
    echo "unfinished $(cat "$state/unfinished")"
  fi
  if systemctl cat homelab-backup.service >/dev/null 2>&1; then
    echo "backup homelab-backup"
  fi
  echo "previous $(previous_generation)"
  failed_units | sed 's/^/failed /'
  if is_server; then
    nodes 2>/dev/null | sed 's/^/node /' || true
  fi
}

# previous_generation: the newest system that the node has, and has booted before the present one; or nothing.
previous_generation() {
  local link number present newest=0 found='' system
  present=$(readlink "$profile" || true)
  present=${present##*/}
  present=${present#system-}
  present=${present%-link}
  system=$(readlink -f "$profile")
  for link in "$profile"-*-link; do
    number=${link##*/system-}
    number=${number%-link}
    if [[ $number =~ ^[0-9]+$ ]] && [[ $present =~ ^[0-9]+$ ]] && [ "$number" -lt "$present" ] &&
      [ "$number" -gt "$newest" ] && [ "$(readlink -f "$link")" != "$system" ]; then
      newest=$number
      found=$(readlink -f "$link")
    fi
  done
  [ -z "$found" ] || echo "$found $(version "$found")"
}

back_up() {
  local copy
  if systemctl cat homelab-backup.service >/dev/null 2>&1; then
    echo "backing up this server with homelab-backup"
    systemctl start homelab-backup.service
  elif [ -d "$data/server/db/etcd/member" ]; then
    k3s etcd-snapshot save --name="before-upgrade-from-$1"
  elif [ -e "$data/server/db/state.db" ]; then
    # Pods keep running while k3s is stopped, and only then are the database and its log one state.
    copy=$backups/$1
    mkdir -p "$backups"
    chmod 0700 "$backups"
    rm -rf -- "$copy.new"
    systemctl stop k3s
    cp -a -- "$data/server" "$copy.new" || {
      systemctl start k3s
      fail "cannot copy $data/server to $backups"
    }
    systemctl start k3s
    rm -rf -- "$copy"
    mv -- "$copy.new" "$copy"
    echo "copied $data/server to $copy"
  else
    fail "$data/server has no datastore to back up"
  fi
}

# The text of the unit that goes back. An activation that hangs would hold the lock.
rollback() {
  local systemctl
  systemctl=$(command -v systemctl)
  echo "$systemctl stop homelab-activate.service; $1/bin/switch-to-configuration test; echo \$? >$state/rolled-back"
}

try() {
  local system=$1 seconds=$2 previous
  [ -x "$system/bin/switch-to-configuration" ] || fail "$system is not on this node, or is not a NixOS system"
  if is_active homelab-rollback.timer || is_active homelab-activate.service || is_active homelab-rollback.service; then
    [ "$(cat "$state/system")" = "$system" ] || fail "another update of this node is being tried: $(cat "$state/system")"
    echo "$system is being tried already"
    return
  fi
  previous=$(current)
  if [ "$previous" = "$system" ]; then
    echo "the node runs $system already"
    return
  fi
  new=$(mktemp -d "$state.XXXXXX")
  trap 'rm -rf -- "$new"' EXIT
  echo "$system" >"$new/system"
  echo "$previous" >"$new/previous"
  failed_units >"$new/failed"
  systemctl is-active k3s >"$new/k3s" || true
  # Garbage collection keeps both.
  ln -sfn "$previous" "$roots/homelab-previous"
  ln -sfn "$system" "$roots/homelab-tried"
  # Only one of two callers can start a unit with this name.
  if [ "$seconds" -gt 0 ]; then
    systemd-run --quiet --collect --unit=homelab-rollback --on-active="$seconds" --timer-property=AccuracySec=1s \
      --description="Go back to $previous unless the new system is kept" sh -c "$(rollback "$previous")"
  else
    touch "$new/stays"
  fi
  rm -rf -- "$state"
  mv -- "$new" "$state"
  # Without waiting for it: the activation goes on if the connection is lost.
  systemd-run --quiet --collect --unit=homelab-activate --description="Activate $system" \
    sh -c "$system/bin/switch-to-configuration test; echo \$? >$state/code"
}

# check_activated SYSTEM: checks that the activation has ended, and that the node runs the system.
check_activated() {
  local system=$1 code=0
  if is_active homelab-activate.service; then
    not_yet "the system is still being activated"
  fi
  if is_active homelab-rollback.service; then
    not_yet "the node is going back to its previous system"
  fi
  if [ "$(cat "$state/system" 2>/dev/null)" = "$system" ]; then
    [ ! -e "$state/rolled-back" ] || never "the node has gone back to its previous system"
    [ ! -s "$state/code" ] || code=$(cat "$state/code")
  fi
  case $code in
    0) ;;
    # Some unit failed. Perhaps it was restarted since: check_health looks for it.
    4) ;;
    1) never "switch-to-configuration refused: another one runs, or a check before the switch failed" ;;
    2) never "the activation script failed" ;;
    100) never "the node must be restarted to activate this system" ;;
    *) never "the activation failed with exit code $code" ;;
  esac
  [ "$(current)" = "$system" ] || never "the node runs $(current), not $system"
}

# check_ready SYSTEM: checks that the kubelet of this start has reported the node as ready.
check_ready() {
  local start ready status heartbeat kubelet
  start=$(date -d "$(systemctl show k3s --property=ExecMainStartTimestamp --value)" +%s)
  ready=$(api get node "$(hostname)" --output=jsonpath='{range .status.conditions[?(@.type=="Ready")]}{.status}{" "}{.lastHeartbeatTime}{end}{" "}{.status.nodeInfo.kubeletVersion}') ||
    not_yet "the Kubernetes API does not answer"
  read -r status heartbeat kubelet <<<"$ready"
  [ "$status" = True ] || not_yet "the Node is not Ready"
  [ "$(date -d "$heartbeat" +%s)" -ge "$start" ] || not_yet "the kubelet has not reported since its start"
  [ "$kubelet" = "$(version "$1")" ] || not_yet "the kubelet still reports version $kubelet"
}

# check_health SYSTEM: checks the units and, if the node was part of a cluster before, Kubernetes.
check_health() {
  local failed nodes name ready role
  failed=$(failed_units | LC_ALL=C comm -23 - <(cat "$state/failed" 2>/dev/null) | tr '\n' ' ')
  [ -z "$failed" ] || not_yet "units failed: $failed"
  if [ "$(cat "$state/k3s" 2>/dev/null || echo active)" != active ]; then
    echo "k3s did not run before, so it is not checked"
    return
  fi
  is_active k3s || not_yet "k3s is not active"
  if is_server; then
    api get --raw=/readyz >/dev/null || not_yet "the Kubernetes API of this server is not ready"
  fi
  check_ready "$1"
  if is_server; then
    nodes=$(nodes) || not_yet "the Kubernetes API does not answer"
    while read -r name ready _ role; do
      [ "$role" != true ] || [ "$ready" = True ] || not_yet "the server $name is not Ready"
    done <<<"$nodes"
  fi
}

check() {
  check_activated "$1"
  check_health "$1"
}

keep() {
  local system=$1
  [ "$(current)" = "$system" ] || fail "the node runs $(current), not $system"
  if is_active homelab-rollback.timer; then
    systemctl stop homelab-rollback.timer
  fi
  if is_active homelab-rollback.service || [ -e "$state/rolled-back" ]; then
    fail "the node is going back to its previous system"
  fi
  mkdir -p "$state"
  echo "$system" >"$state/unfinished"
  if [ "$(readlink -f "$profile")" != "$system" ]; then
    nix-env --profile "$profile" --set "$system"
  fi
  "$system/bin/switch-to-configuration" boot
  rm -f -- "$state/unfinished" "$roots/homelab-tried"
}

revert() {
  local previous
  if [ ! -s "$state/previous" ] || [ "$(cat "$state/system")" != "$1" ]; then
    echo "$1 was not tried on this node"
    return
  fi
  if [ -e "$state/stays" ]; then
    fail "the node does not go back over a minor version of k3s"
  fi
  previous=$(cat "$state/previous")
  if is_active homelab-rollback.service || [ -e "$state/rolled-back" ]; then
    echo "the node has gone back, or is going back"
    return
  fi
  if is_active homelab-rollback.timer; then
    systemctl stop homelab-rollback.timer
  fi
  # Without waiting for it: the network may be what goes back.
  systemd-run --quiet --collect --unit=homelab-rollback --description="Go back to $previous" sh -c "$(rollback "$previous")"
}

restart() {
  # After the connection is closed.
  systemd-run --quiet --collect --unit=homelab-restart --on-active=2 "$(command -v systemctl)" reboot
}

booted() {
  [ "$(readlink -f /run/booted-system)" = "$1" ] || not_yet "the node has not restarted yet"
  check "$1"
}

main() {
  local command=${1:---help}
  shift || true
  case "$command:$#" in
    state:0) state ;;
    back-up:1) back_up "$1" ;;
    try:2) try "$1" "$2" ;;
    check:1) check "$1" ;;
    keep:1) keep "$1" ;;
    revert:1) revert "$1" ;;
    restart:0) restart ;;
    booted:1) booted "$1" ;;
    --help:*) usage ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
}

main "$@"
