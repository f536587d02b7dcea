# Shared by the programs of nodes that are restored: objects of a cluster that a restore changes, in the folder $OBJECTS.
#
#   kustomizations/NAME   lines: `true` if it is suspended; for what a restore has suspended it; the Kustomization it waits for
#   deployments/NAME      the replicas of the Deployment NAME in the namespace NAME
#   claims/NAME/CLAIM     a PersistentVolumeClaim of the namespace NAME, with what it contains
#   backup/NAME/CLAIM     what the backup of Velero has of it
#   restores/NAME         the phase of a restore of Velero
#   database              the archive that the PostgreSQL cluster writes to
#   database-of-git       the archive that its manifest in Git has
#   destroyed             what was deleted with its data
# shellcheck shell=bash

# reconcile: what Flux, CloudNativePG and Velero do.
reconcile() {
  local file name suspended
  for file in "$OBJECTS"/kustomizations/*; do
    name=${file##*/}
    read -r suspended <"$file" || true
    [ "$suspended" != true ] || continue
    if [ "$name" = postgres ]; then
      [ -e "$OBJECTS/database" ] || cp "$OBJECTS/database-of-git" "$OBJECTS/database"
    elif [ -e "$OBJECTS/deployments/$name" ] || [ -d "$OBJECTS/claims/$name" ]; then
      echo 1 >"$OBJECTS/deployments/$name"
    fi
  done
  for file in "$OBJECTS"/restores/*; do
    if [ ! -e "$file" ] || [ "$(<"$file")" != New ]; then continue; fi
    for name in "$OBJECTS"/backup/*/*; do
      # Velero restores only what does not exist.
      name=${name#"$OBJECTS/backup/"}
      [ -e "$OBJECTS/claims/$name" ] || cp "$OBJECTS/backup/$name" "$OBJECTS/claims/$name"
    done
    echo Completed >"$file"
  done
}

# list ITEM...: prints a list of objects.
list() {
  local IFS=,
  printf '{"kind": "List", "items": [%s]}\n' "$*"
}

# kustomizations: prints them, and the source of Flux.
kustomizations() {
  local file suspended reason after items=()
  for file in "$OBJECTS"/kustomizations/*; do
    suspended=$(sed -n 1p "$file")
    reason=$(sed -n 2p "$file")
    after=$(sed -n 3p "$file")
    [ -z "$reason" ] || reason="\"homelab/restores\": \"$reason\""
    [ -z "$after" ] || after="{\"name\": \"$after\"}"
    items+=("{\"kind\": \"Kustomization\", \"metadata\": {\"name\": \"${file##*/}\", \"annotations\": {$reason}},
      \"spec\": {\"suspend\": $suspended, \"dependsOn\": [$after]}}")
  done
  items+=('{"kind": "GitRepository", "metadata": {"name": "flux-system"},
    "status": {"artifact": {"revision": "main@sha1:0123456789abcdef0123456789abcdef01234567"}}}')
  list "${items[@]}"
}

# patch NAME PATCH: suspends or resumes a Kustomization.
patch() {
  local file=$OBJECTS/kustomizations/$1 after reason=''
  after=$(sed -n 3p "$file")
  case $2 in
    *'"homelab/restores":"'*)
      reason=${2#*'"homelab/restores":"'}
      reason=${reason%%'"'*}
      ;;
  esac
  if [[ $2 == *'"suspend":true'* ]]; then
    printf '%s\n' true "$reason" "$after" >"$file"
  else
    printf '%s\n' false '' "$after" >"$file"
  fi
}

# destroy FILE WHAT: deletes an object with its data, and notes it.
destroy() {
  [ -e "$1" ] || return 0
  rm "$1"
  echo "$2" >>"$OBJECTS/destroyed"
}

# of_objects ARGUMENT...: what kubectl does with them, or fails if the arguments are about something else.
of_objects() {
  local file name items=()
  reconcile
  case "$*" in
    'kubectl --namespace=flux-system get '*) kustomizations ;;
    'kubectl --namespace=flux-system patch kustomizations.kustomize.toolkit.fluxcd.io '*)
      patch "$5" "${8#--patch=}"
      reconcile
      ;;
    'kubectl get deployments --all-namespaces '*)
      for file in "$OBJECTS"/deployments/*; do
        [ -e "$file" ] || continue
        items+=("{\"kind\": \"Deployment\", \"metadata\": {\"namespace\": \"${file##*/}\"}, \"spec\": {\"replicas\": $(<"$file")}}")
      done
      list "${items[@]}"
      ;;
    'kubectl --namespace='*' scale deployments --all --replicas=0') echo 0 >"$OBJECTS/deployments/${2#--namespace=}" ;;
    'kubectl --namespace='*' delete deployment '*) rm -f "$OBJECTS/deployments/$5" ;;
    'kubectl --namespace='*' delete pods --all') ;;
    'kubectl --namespace=velero get --output=json '*)
      for file in "$OBJECTS"/restores/*; do
        [ -e "$file" ] || continue
        items+=("{\"kind\": \"Restore\", \"metadata\": {\"name\": \"${file##*/}\"}, \"status\": {\"phase\": \"$(<"$file")\"}}")
      done
      answer velero
      list "${items[@]}"
      ;;
    'kubectl --namespace=velero delete restores.velero.io '*) rm -f "$OBJECTS/restores/$5" ;;
    'kubectl --namespace=velero get restores.velero.io '*) cat "$OBJECTS/restores/$5" ;;
    'kubectl create --filename=-')
      name=$(sed -n 's/.*"name":"\([^"]*\)".*/\1/p')
      if [ -e "$OBJECTS/restores/$name" ]; then
        echo "Error from server (AlreadyExists): restores.velero.io \"$name\" already exists" >&2
        exit 1
      fi
      echo New >"$OBJECTS/restores/$name"
      ;;
    'kubectl --namespace='*' get --output=json persistentvolumeclaims')
      name=${2#--namespace=}
      for file in "$OBJECTS/claims/$name"/*; do
        [ ! -e "$file" ] || items+=("{\"kind\": \"PersistentVolumeClaim\", \"metadata\": {\"name\": \"${file##*/}\"}}")
      done
      list "${items[@]}"
      ;;
    'kubectl --namespace='*' delete persistentvolumeclaim '*)
      name=${2#--namespace=}
      destroy "$OBJECTS/claims/$name/$5" "the claim $5 of $name"
      ;;
    'kubectl --namespace=databases get --output=json '*)
      if [ -e "$OBJECTS/database" ]; then
        items+=("{\"kind\": \"Cluster\", \"metadata\": {\"name\": \"postgres\"},
          \"spec\": {\"plugins\": [{\"parameters\": {\"serverName\": \"$(<"$OBJECTS/database")\"}}]},
          \"status\": {\"conditions\": [{\"type\": \"Ready\", \"status\": \"True\"}]}}")
      fi
      list "${items[@]}"
      ;;
    'kubectl --namespace databases delete clusters.postgresql.cnpg.io postgres --ignore-not-found')
      [ ! -e "$OBJECTS/database" ] || destroy "$OBJECTS/database" "the database of $(<"$OBJECTS/database")"
      ;;
    'kubectl --namespace databases wait --for=condition=Ready cluster/postgres '*) [ -e "$OBJECTS/database" ] || exit 1 ;;
    *) return 1 ;;
  esac
}
