# Rules across options. Each message names the options and the node.
{ config, lib, ... }:
let
  inherit (config.homelab) bootstrap k3s node;

  isServer = k3s.role == "server";
  badSecretKeys = lib.concatLists (
    lib.mapAttrsToList (
      secretName: secret:
      map (key: "homelab.bootstrap.secrets.${secretName}.keys.${key}") (
        lib.filter (key: builtins.match "[-._a-zA-Z0-9]+" key == null) (lib.attrNames secret.keys)
      )
    ) bootstrap.secrets
  );

  # What must hold, and what to say if it does not.
  rules = [
    {
      holds = node.sshKeys != [ ];
      says = "homelab.node.sshKeys is empty: nobody could log in, since there are no passwords.";
    }
    {
      holds = node.nfs -> node.privileged;
      says = "homelab.node.nfs needs homelab.node.privileged: a user namespace cannot mount NFS.";
    }
    {
      holds = node.gateway != node.address;
      says = "homelab.node.gateway and homelab.node.address are both ${node.address}.";
    }
    {
      holds = isServer == lib.elem node.address k3s.servers;
      says = "homelab.k3s.role is ${k3s.role}, but homelab.k3s.servers ${
        if isServer then "lacks" else "contains"
      } homelab.node.address ${node.address}.";
    }
    {
      holds = !lib.elem node.address k3s.peers;
      says = "homelab.k3s.peers contains the node's own homelab.node.address ${node.address}.";
    }
    {
      holds = lib.subtractLists (k3s.peers ++ [ node.address ]) k3s.servers == [ ];
      says = "homelab.k3s.servers has addresses that homelab.k3s.peers lacks.";
    }
    {
      holds = isServer || bootstrap.manifests == { };
      says = "homelab.bootstrap.manifests works on servers only, but homelab.k3s.role is agent.";
    }
    {
      holds = isServer || bootstrap.secrets == { };
      says = "homelab.bootstrap.secrets works on servers only, but homelab.k3s.role is agent.";
    }
    {
      holds = badSecretKeys == [ ];
      says = "only letters, digits, '-', '_' and '.' may be in: ${toString badSecretKeys}.";
    }
  ];
in
{
  assertions = map (rule: {
    assertion = rule.holds;
    message = "${node.hostName}: ${rule.says}";
  }) rules;
}
