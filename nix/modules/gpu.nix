# The GPU of the Proxmox host, shared with this node.
#
# Pods contain their own drivers and only need the device, which the container definition passes
# through. The tools here are for debugging: `vainfo --display drm --device DEVICE`, where DEVICE is the file
# in /dev/dri.
{
  config,
  lib,
  pkgs,
  ...
}:
{
  config = lib.mkIf (config.homelab.node.gpu == "intel") {
    # The container definition assigns the device to this group by GID (gid=303).
    assertions = [
      {
        assertion = config.users.groups.render.gid == 303;
        message = "${config.homelab.node.hostName}: homelab.node.gpu requires users.groups.render.gid to be 303, the GID in the container's `dev` entry: set it to 303.";
      }
    ];

    environment = {
      systemPackages = [ pkgs.libva-utils ];
      variables.LIBVA_DRIVERS_PATH = lib.mkDefault "${pkgs.intel-media-driver}/lib/dri";
    };
  };
}
