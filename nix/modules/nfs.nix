# The NFS client, for volumes that the kubelet mounts.
{ config, lib, ... }:
{
  config = lib.mkIf config.homelab.node.nfs {
    boot.supportedFilesystems.nfs = lib.mkDefault true;
  };
}
