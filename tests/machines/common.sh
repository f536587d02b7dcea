# Shared by the programs of the scripted machines.
#
# $MACHINES is the folder of a test:
#
#   log                 each program that homelab started, with its arguments, one per line
#   environment         if it exists, the environment of each program that homelab started is added to it
#   fault               "NUMBER MODE": what goes wrong when homelab starts its NUMBERth program
#   ADDRESS/kind        "host", "node" and others: the programs that the machine has, a folder beside this file
#   ADDRESS/root/       its file system
#   ADDRESS/unreachable if it exists, the machine does not answer
#
# Modes of faults:
#
#   refuse  the program does not do anything, and fails; ssh cannot connect
#   fail    the command does not do anything, and fails
#   drop    the command does what it should, but its result is lost: ssh loses the connection
# shellcheck shell=bash

# Notes that homelab started a program, and decides what goes wrong: sets `fault` to a mode, or to nothing.
started() {
  local number mode line
  # In one write, since programs may run at the same time.
  printf -v line '%q ' "$@"
  printf '%s\n' "$line" >>"$MACHINES/log"
  if [ -e "$MACHINES/environment" ]; then
    env >>"$MACHINES/environment"
  fi
  fault=''
  if [ -e "$MACHINES/fault" ]; then
    read -r number mode <"$MACHINES/fault"
    if [ "$(wc -l <"$MACHINES/log")" -eq "$number" ]; then
      fault=$mode
    fi
  fi
}

# Ends a program on this machine as the fault says, before it does anything.
fail_if_told() {
  case "$fault" in
    refuse | fail)
      echo "$1: a fault of the test" >&2
      exit 1
      ;;
  esac
}

# Ends a program on this machine as the fault says, after it has done what it should.
drop_if_told() {
  if [ "$fault" = drop ]; then
    echo "$1: a fault of the test, after the work was done" >&2
    exit 1
  fi
}
