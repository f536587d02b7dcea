# Shared by the programs of nodes that are lost and restored: a cluster whose datastore is a text file.
#
# Servers that join another one have no copy of it. They note which file they have joined, and are lost if it is another one.
#
# Lines of the datastore: `node NAME CREATED`, `password NAME PASSWORD`. A node is ready if its line exists, k3s runs on it, and
# its password is the one that the cluster knows.
#
#   ADDRESS/name, ADDRESS/role   what the node is
#   ADDRESS/cluster              the address of the server of its cluster
#   ADDRESS/k3s                  the state of k3s.service
#   repository/ID/               a snapshot: what backup.sh puts into one, and its time
# shellcheck shell=bash

# at MACHINE PATH: sets `path` to a path of a machine's file system.
at() { path=$1/root$2; }

# datastore MACHINE: sets `path` to the datastore of a server.
datastore() { path=$1/root/var/lib/rancher/k3s/server/db/state.db; }

# password MACHINE: sets `password` to that of a node, as the datastore has it.
password() {
  password=$(<"$1/root/etc/rancher/node/password")
  password=${password// /_}
}

# serving CLUSTER: sets `store` to the datastore that serves the API of a cluster, if any.
serving() {
  local machine
  store=''
  for machine in "$MACHINES"/*/; do
    machine=${machine%/}
    if [ -e "$machine/role" ] && [ ! -e "$machine/unreachable" ] && [ "$(<"$machine/role")" = server ] &&
      [ "$(<"$machine/cluster")" = "$1" ] && [ "$(<"$machine/k3s")" = active ]; then
      datastore "$machine"
      if [ -e "$path" ]; then
        store=$path
        return
      fi
    fi
  done
}

# joins MACHINE: whether it is a server that joins another one.
joins() { [ "$(<"$1/role")" = server ] && [[ $(<"$1/root/etc/rancher/k3s/config.yaml") == *$'\nserver: '* ]]; }

# is_member MACHINE STORE: whether a server that joins has the datastore that serves the API.
is_member() {
  local of=$1/root/var/lib/rancher/k3s/server/db/etcd/member/of
  [ -e "$of" ] && [ "$(<"$of")" = "$(stat --format=%i "$2")" ]
}

# start MACHINE: what k3s.service does when it starts.
start() {
  local machine=$1 data=$1/root/var/lib/rancher/k3s secrets=$1/root/var/lib/homelab/secrets name token=k3s-agent-token
  name=$(<"$machine/name")
  [ "$(<"$machine/role")" != server ] || token=k3s-token
  if [ ! -s "$secrets/$token" ] || [ -e "$data/restore/unfinished" ] || [ -e "$data/restore-awaited" ]; then
    echo activating >"$machine/k3s"
    return
  fi
  datastore "$machine"
  if joins "$machine"; then
    serving "$(<"$machine/cluster")"
    if [ -z "$store" ]; then
      echo activating >"$machine/k3s"
      return
    fi
    echo active >"$machine/k3s"
    if [ ! -e "$data/server/db/etcd/member" ]; then
      mkdir -p "$data/server/db/etcd/member"
      stat --format=%i "$store" >"$data/server/db/etcd/member/of"
    fi
    is_member "$machine" "$store" || return 0
  elif [ "$token" = k3s-token ] && [ ! -e "$path" ]; then
    # A server without data and with a token starts an empty cluster: what must never happen.
    echo "$name" >>"$MACHINES/empty-clusters"
    return
  fi
  echo active >"$machine/k3s"
  if [ ! -e "$machine/root/etc/rancher/node/password" ]; then
    mkdir -p "$machine/root/etc/rancher/node"
    echo "password of $name, $RANDOM$RANDOM" >"$machine/root/etc/rancher/node/password"
  fi
  serving "$(<"$machine/cluster")"
  [ -n "$store" ] || return 0
  if [ "$token" = k3s-agent-token ] && [ "$(<"$secrets/$token")" != "$(<"${store%/rancher/*}/homelab/secrets/$token")" ]; then
    return
  fi
  # Another password than the one that the cluster knows is rejected.
  password "$machine"
  if [[ $(<"$store") != *"password $name "* ]]; then
    echo "password $name $password" >>"$store"
  elif [[ $(<"$store") != *"password $name $password"* ]]; then
    return
  fi
  # k3s stores the password before the kubelet registers the node.
  if [[ $(<"$store") != *"node $name "* ]]; then
    echo "node $name $(date --utc --date='+1 second' +%Y-%m-%dT%H:%M:%SZ)" >>"$store"
  fi
}

# settle: what systemd does every five seconds with the nodes of the cluster of $MACHINE.
settle() {
  local machine cluster
  # shellcheck disable=SC2153
  cluster=$(<"$MACHINE/cluster")
  for machine in "$MACHINES"/*/; do
    machine=${machine%/}
    if [ -e "$machine/role" ] && [ "$(<"$machine/k3s")" != inactive ] &&
      [ "$(<"$machine/cluster")" = "$cluster" ]; then
      start "$machine"
    fi
  done
}

# is_ready NAME STORE
is_ready() {
  local machine
  for machine in "$MACHINES"/*/; do
    machine=${machine%/}
    if [ -e "$machine/name" ] && [ "$(<"$machine/name")" = "$1" ] && [ ! -e "$machine/unreachable" ] &&
      [ "$(<"$machine/k3s")" = active ]; then
      if joins "$machine" && ! is_member "$machine" "$2"; then
        return 1
      fi
      password "$machine"
      [[ $(<"$2") == *"password $1 $password"* && $(<"$2") == *"node $1 "* ]]
      return
    fi
  done
  return 1
}
