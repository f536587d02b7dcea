# Functions of homelab-bootstrap-secrets.service; the module appends one apply_secret call per Secret.
# shellcheck shell=bash

wait_for_api() {
  for _ in {1..30}; do
    if k3s kubectl get --raw /readyz --request-timeout=5s >/dev/null 2>&1; then
      return
    fi
    sleep 2
  done
  echo "the Kubernetes API of this node is not ready; retrying later" >&2
  return 1
}

# copy_value FROM TO: copies a value. If it has a single line, removes the trailing newline that
# editors add, which would become part of a password. Copies several lines, such as keys, unchanged.
copy_value() {
  if [ "$(wc -l <"$1")" -eq 1 ] && [ "$(tail --bytes=1 "$1" | wc -l)" -eq 1 ]; then
    head --bytes=-1 "$1" >"$2"
  else
    cat "$1" >"$2"
  fi
}

# apply_secret ATTRIBUTE NAMESPACE NAME [KEY FILE]...
apply_secret() {
  local attribute=$1 namespace=$2 name=$3
  shift 3

  local staged arguments=() missing=0
  staged=$(mktemp --directory --tmpdir="$RUNTIME_DIRECTORY") || return 1
  while [ "$#" -gt 0 ]; do
    if [ -s "$2" ]; then
      copy_value "$2" "$staged/$1" || return 1
      arguments+=("--from-file=$1=$staged/$1")
    else
      echo "homelab.bootstrap.secrets.$attribute: $2 is missing or empty." \
        "Create it with the value of key '$1' of the Secret $namespace/$name, readable only by root." >&2
      missing=1
    fi
    shift 2
  done
  [ "$missing" -eq 0 ] || return 1

  k3s kubectl get namespace "$namespace" >/dev/null 2>&1 ||
    k3s kubectl create namespace "$namespace" || return 1

  k3s kubectl create secret generic "$name" --namespace="$namespace" "${arguments[@]}" \
    --dry-run=client --output=yaml |
    k3s kubectl apply --server-side --force-conflicts --field-manager=homelab-bootstrap --filename=-
}

set -o pipefail
wait_for_api
