# Assertions across options. Each message names the options and the node.
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

  # `says` is the message if `holds` is false.
  rules = [
    {
      holds = node.sshKeys != [ ];
      says = "homelab.node.sshKeys is empty: nobody could log in, since password login is disabled.";
    }
    {
      holds = node.nfs -> node.privileged;
      says = "homelab.node.nfs requires homelab.node.privileged: NFS cannot be mounted in a user namespace.";
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
      says = "homelab.k3s.servers contains addresses that are missing from homelab.k3s.peers.";
    }
    {
      holds = isServer || bootstrap.manifests == { };
      says = "homelab.bootstrap.manifests is only supported on servers, but homelab.k3s.role is agent.";
    }
    {
      holds = isServer || bootstrap.secrets == { };
      says = "homelab.bootstrap.secrets is only supported on servers, but homelab.k3s.role is agent.";
    }
    {
      holds = badSecretKeys == [ ];
      says = "Secret keys may only contain letters, digits, '-', '_' and '.': ${toString badSecretKeys}.";
    }
  ];
in
{
  assertions = map (rule: {
    assertion = rule.holds;
    message = "${node.hostName}: ${rule.says}";
  }) rules;
}
