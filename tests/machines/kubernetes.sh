# The API of a scripted cluster, as far as homelab asks kubectl about it. $API is its folder:
#
#   KIND/NAME.json            an object of the cluster; KIND is a plural with its group, such as deployments.apps
#   KIND/NAMESPACE_NAME.json  an object of a namespace
#
# If $API.1 exists, it takes the place of $API once all objects have been listed, then $API.2 follows, and so on: the
# cluster changes from look to look. Without $API, the API does not answer.
#
# Messages and exit codes are those of kubectl 1.35.
# shellcheck shell=bash

# The objects in files, as the items of a list.
items() {
  local separator='' file
  for file in "$@"; do
    [ -e "$file" ] || continue
    printf '%s' "$separator"
    cat "$file"
    separator=,
  done
}

# Replaces the folder of the API by the next one.
advance() {
  local next
  next=$(find "${API%/*}" -maxdepth 1 -name "${API##*/}.*" | sort --version-sort | head --lines=1)
  if [ -n "$next" ]; then
    rm -rf "$API"
    mv "$next" "$API"
  fi
}

# kubectl ARGUMENT...
kubectl() {
  local verb='' kinds='' name='' namespace='' output='' kind file files=()
  while [ "$#" -gt 0 ]; do
    case "$1" in
      --output | -o) output=$2 && shift ;;
      --output=*) output=${1#*=} ;;
      --namespace | -n) namespace=$2 && shift ;;
      --namespace=*) namespace=${1#*=} ;;
      --raw=*) kinds=raw ;;
      --raw) kinds=raw && shift ;;
      --kubeconfig | --context | --request-timeout | --field-selector) shift ;;
      -*) ;;
      *) if [ -z "$verb" ]; then verb=$1; elif [ -z "$kinds" ]; then kinds=$1; else name=$1; fi ;;
    esac
    shift
  done
  if [ ! -d "$API" ]; then
    echo "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?" >&2
    return 1
  fi
  case "$verb $kinds" in
    'get raw') echo ok ;;
    'get customresourcedefinitions')
      # All kinds with a group that has a dot.
      find "$API" -mindepth 1 -maxdepth 1 -name '*.*.*' -printf 'customresourcedefinition.apiextensions.k8s.io/%f\n' | sort
      ;;
    'get '* | 'delete '*)
      [ "$kinds" != node ] || kinds=nodes
      for kind in ${kinds//,/ }; do
        if [[ $kind == *.*.* && ! -d $API/$kind ]]; then
          echo "error: the server doesn't have a resource type \"${kind%%.*}\"" >&2
          return 1
        fi
        [ -n "$name" ] || files+=("$API/$kind"/*.json)
      done
      if [ -n "$name" ]; then
        file=$API/$kinds/${namespace:+${namespace}_}$name.json
        if [ ! -e "$file" ]; then
          echo "Error from server (NotFound): $kinds \"$name\" not found" >&2
          return 1
        fi
        case "$verb" in
          get) cat "$file" ;;
          delete) rm "$file" && echo "$kinds \"$name\" deleted" ;;
        esac
        return
      fi
      if [ "$output" != json ]; then
        echo "kubectl: not part of the tests: output $output" >&2
        return 1
      fi
      printf '{"apiVersion":"v1","kind":"List","metadata":{"resourceVersion":""},"items":['
      items "${files[@]}"
      printf ']}\n'
      # Events are read with the same look as the other objects.
      [ "$kinds" = events ] || advance
      ;;
    *)
      echo "kubectl: not part of the tests: $verb $kinds" >&2
      return 1
      ;;
  esac
}
