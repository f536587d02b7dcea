# Sysctls and kernel modules.
#
# In a privileged container with `proc:rw`, /proc/sys is the host's: the NixOS defaults would lower the
# host's inotify limits and set its `kernel.poweroff_cmd` to a path that does not exist on the host.
# Only settings of the container's network namespace are kept. nix/proxmox/prepare-host sets the
# sysctls that k3s needs on the host, and loads the kernel modules. A VM has a kernel of its own.
{ config, lib, ... }:
let
  isContainer = config.homelab.node.kind == "container";
  isNamespaced = name: lib.hasPrefix "net.ipv4." name || lib.hasPrefix "net.ipv6." name;
  kept = lib.filterAttrs (name: value: isNamespaced name && value != null) config.boot.kernel.sysctl;
  toText = value: if value == false then "0" else toString value;
in
{
  environment.etc = lib.mkIf isContainer {
    "sysctl.d/50-coredump.conf".enable = false;
    "sysctl.d/50-default.conf".enable = false;
    "sysctl.d/55-nixos-aslr-entropy.conf".enable = false;
    "sysctl.d/60-nixos.conf".text = lib.mkForce (
      lib.concatStrings (lib.mapAttrsToList (name: value: "${name}=${toText value}\n") kept)
    );
  };

  boot = lib.mkIf (!isContainer) {
    # The kernel loads all others when they are used: those of flannel, iptables, network policies and NFS.
    kernelModules = [
      "br_netfilter"
      "nf_conntrack"
      "overlay"
    ];

    # Those of prepare-host: the kubelet requires them. A VM restarts after a kernel oops. The inotify limits are
    # those of Proxmox hosts: the kernel's are used up by a few pods.
    kernel.sysctl = {
      "fs.inotify.max_user_instances" = lib.mkOverride 900 65536;
      "fs.inotify.max_user_watches" = lib.mkOverride 900 4194304;
      "kernel.keys.root_maxbytes" = 25000000;
      "kernel.keys.root_maxkeys" = 1000000;
      "kernel.panic" = 10;
      "kernel.panic_on_oops" = 1;
      "vm.overcommit_memory" = 1;
      "vm.panic_on_oom" = 0;
    };
  };
}
