{ config, ... }:
{
  services.example.settings.password = "hunter2";
  services.example.passwordFile = "/run/secrets/example";
}
