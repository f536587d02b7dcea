# Support for LXC containers on a Proxmox host.
{ config, modulesPath, ... }:
{
  imports = [ "${modulesPath}/virtualisation/proxmox-lxc.nix" ];

  proxmoxLXC = {
    manageNetwork = true;
    inherit (config.homelab.node) privileged;
  };
}
