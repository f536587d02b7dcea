# Stops the pods in order when the node shuts down or reboots.
#
# k3s leaves its pods running when it stops (KillMode=process), so that they survive a restart of k3s. At
# shutdown, systemd would then end all processes at the same time, databases together with their clients.
#
# The kubelet's own graceful shutdown waits for a signal of systemd-logind, which `pct shutdown` and a
# shutdown of the host do not trigger: LXC sends SIGRTMIN+3 to PID 1, which halts without asking logind. It would
# work in a VM, but this order is by namespace, and the same for both kinds of node.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (config.homelab) k3s node;
in
{
  systemd.services.homelab-stop-pods = {
    description = "Stop the pods in order at shutdown";
    wantedBy = [ "multi-user.target" ];
    # Units stop in the reverse order: after k3s, whose kubelet would start the containers again, and before
    # the network, which volumes need.
    before = [ "k3s.service" ];
    after = [
      "network.target"
      "network-online.target"
      "remote-fs.target"
    ];
    wants = [ "network-online.target" ];
    restartIfChanged = false;
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = lib.getExe' pkgs.coreutils "true";
      TimeoutStopSec = node.shutdownSeconds + 30;
    };
    preStop = ''
      ${lib.readFile ./stop-pods.sh}
      # Anything else that stops this unit, such as a new configuration, leaves the pods alone.
      if [ "$(systemctl is-system-running)" = stopping ]; then
        stop_pods /run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io ${toString node.shutdownSeconds} ${lib.escapeShellArgs k3s.stopLast}
        kill_shims
      fi
    '';
  };
}
