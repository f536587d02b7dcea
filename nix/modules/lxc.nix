# Support for LXC containers on a Proxmox host. vm.nix is its counterpart.
{ config, modulesPath, ... }:
{
  imports = [ "${modulesPath}/virtualisation/proxmox-lxc.nix" ];

  proxmoxLXC = {
    enable = config.homelab.node.kind == "container";
    manageNetwork = true;
    inherit (config.homelab.node) privileged;
  };
}
