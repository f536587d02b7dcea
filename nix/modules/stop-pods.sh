# Functions of homelab-stop-pods.service; the module appends the calls.
# shellcheck shell=bash

# is_running PID ID: whether the process of a container still runs. The number may belong to another process
# by now, but only a process of the container is in its control group.
is_running() {
  grep --quiet --fixed-strings --regexp="$2" "/proc/$1/cgroup" 2>/dev/null
}

# annotation FILE NAME: prints an annotation that containerd's CRI plugin wrote to the bundle of a container.
annotation() {
  local found
  found=$(grep --only-matching --max-count=1 "\"io.kubernetes.cri.$2\": *\"[^\"]*\"" "$1") || return 0
  found=${found%\"}
  printf '%s\n' "${found##*\"}"
}

# list_containers FOLDER: prints a line for each running container: PID, ID, type and namespace.
list_containers() {
  local bundle id pid
  for bundle in "$1"/*/; do
    if [ ! -r "$bundle/init.pid" ] || [ ! -r "$bundle/config.json" ]; then
      continue
    fi
    id=$(basename "$bundle")
    pid=$(cat "$bundle/init.pid")
    is_running "$pid" "$id" || continue
    echo "$pid $id $(annotation "$bundle/config.json" container-type)" \
      "$(annotation "$bundle/config.json" sandbox-namespace)"
  done
}

# stop_containers SECONDS LABEL: stops the containers that stdin lists. Kills those that still run after the
# time.
stop_containers() {
  local deadline=$((SECONDS + $1)) label=$2 pid id line lines=() running=()
  mapfile -t lines
  [ "${#lines[@]}" -gt 0 ] || return 0
  echo "stopping ${#lines[@]} containers: $label"
  for line in "${lines[@]}"; do
    read -r pid id _ <<<"$line"
    kill -TERM "$pid" 2>/dev/null || true
  done
  while true; do
    running=()
    for line in "${lines[@]}"; do
      read -r pid id _ <<<"$line"
      ! is_running "$pid" "$id" || running+=("$line")
    done
    [ "${#running[@]}" -gt 0 ] || return 0
    [ "$SECONDS" -lt "$deadline" ] || break
    lines=("${running[@]}")
    sleep 0.2
  done
  for line in "${running[@]}"; do
    read -r pid id _ <<<"$line"
    echo "killing $id ($label), which did not stop in $1 seconds" >&2
    kill -KILL "$pid" 2>/dev/null || true
  done
}

# stop_pods FOLDER SECONDS [NAMESPACE]...: stops the containers in the bundles of a folder within a time. Those of
# the namespaces stop last, one namespace after the other. The others get a fifth of the time, and each namespace
# what is left, less five seconds for each that follows.
stop_pods() {
  local folder=$1 end=$((SECONDS + $2)) others=$(($2 / 5)) pid id type namespace
  shift 2
  list_containers "$folder" | while read -r pid id type namespace; do
    [ "$type" = sandbox ] || [[ " $* " == *" $namespace "* ]] || echo "$pid $id"
  done | stop_containers "$others" "apps and components"
  while [ "$#" -gt 0 ]; do
    list_containers "$folder" | while read -r pid id type namespace; do
      [ "$type" = sandbox ] || [ "$namespace" != "$1" ] || echo "$pid $id"
    done | stop_containers $((end - SECONDS - 5 * ($# - 1))) "$1"
    shift
  done
  list_containers "$folder" | stop_containers 2 "sandboxes"
}

# kill_shims: kills the parents of containers, which ignore SIGTERM: systemd would wait for them.
kill_shims() {
  local process
  for process in /proc/[0-9]*; do
    case "$(readlink "$process/exe")" in
      */containerd-shim-runc-v2) kill -KILL "${process#/proc/}" || true ;;
    esac
  done
}
