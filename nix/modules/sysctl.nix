# Keeps the node from changing its Proxmox host.
#
# In a privileged container with `proc:rw`, /proc/sys is the host's: what NixOS sets by default
# would lower the host's inotify limits and point its `kernel.poweroff_cmd` at a path that the host
# does not have. Only settings that belong to the container's network namespace are kept. What k3s
# wants of the kernel is set on the host, by nix/proxmox/prepare-host.
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
