# What every node has: the modules of the homelab project, and yours.
{ homelabModules, ... }:
{
  imports = [ homelabModules ];
}
