# Imported by every node: the modules of the homelab project, and yours.
{ homelabModules, ... }:
{
  imports = [ homelabModules ];
}
