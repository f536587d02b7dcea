# The node is an LXC container on a Proxmox host.
{ config, modulesPath, ... }:
{
  imports = [ "${modulesPath}/virtualisation/proxmox-lxc.nix" ];

  proxmoxLXC = {
    manageNetwork = true;
    inherit (config.homelab.node) privileged;
  };
}
