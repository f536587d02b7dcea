# Keeps the node from changing its Proxmox host.
#
# In a privileged container with `proc:rw`, /proc/sys is the host's: the NixOS defaults would lower the
# host's inotify limits and set its `kernel.poweroff_cmd` to a path that does not exist on the host.
# Only settings of the container's network namespace are kept. nix/proxmox/prepare-host sets the
# sysctls that k3s needs on the host.
{ config, lib, ... }:
let
  isNamespaced = name: lib.hasPrefix "net.ipv4." name || lib.hasPrefix "net.ipv6." name;
  kept = lib.filterAttrs (name: value: isNamespaced name && value != null) config.boot.kernel.sysctl;
  toText = value: if value == false then "0" else toString value;
in
{
  environment.etc = {
    "sysctl.d/50-coredump.conf".enable = false;
    "sysctl.d/50-default.conf".enable = false;
    "sysctl.d/55-nixos-aslr-entropy.conf".enable = false;
    "sysctl.d/60-nixos.conf".text = lib.mkForce (
      lib.concatStrings (lib.mapAttrsToList (name: value: "${name}=${toText value}\n") kept)
    );
  };
}
