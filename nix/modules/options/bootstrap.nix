# What a cluster needs before Flux can take over.
{ lib, ... }:
let
  inherit (lib) mkOption types;
  homelabTypes = import ./types.nix { inherit lib; };

  secret = types.submodule {
    options = {
      namespace = mkOption {
        type = homelabTypes.dnsLabel;
        description = "Namespace of the Secret. It is created if it does not exist.";
        example = "external-secrets";
      };

      name = mkOption {
        type = homelabTypes.dnsName;
        description = "Name of the Secret.";
        example = "infisical-credentials";
      };

      keys = mkOption {
        type = types.attrsOf types.externalPath;
        description = "For each key of the Secret the file on the node that holds its value.";
        example = {
          clientId = "/var/lib/homelab/secrets/infisical-client-id";
          clientSecret = "/var/lib/homelab/secrets/infisical-client-secret";
        };
      };
    };
  };
in
{
  options.homelab.bootstrap = {
    manifests = mkOption {
      type = types.attrsOf types.path;
      default = { };
      description = ''
        Manifests that k3s applies at start and whenever they change. They are copied to the
        world-readable Nix store. A manifest that is taken away here is no longer applied, but what
        it created stays in the cluster.
      '';
      example = lib.literalExpression "{ flux-operator = ./flux-operator.yaml; }";
    };

    secrets = mkOption {
      type = types.attrsOf secret;
      default = { };
      description = ''
        Secrets that are made from files on the node's disk, such as the first credential of the
        secret store. Their values are neither in Git nor in the Nix store.
      '';
      example = {
        infisical = {
          namespace = "external-secrets";
          name = "infisical-credentials";
          keys.clientSecret = "/var/lib/homelab/secrets/infisical-client-secret";
        };
      };
    };
  };
}
