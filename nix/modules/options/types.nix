# Option types that nixpkgs lacks.
{ lib }:
let
  described =
    description: pattern:
    lib.types.strMatching pattern
    // {
      inherit description;
      descriptionClass = "noun";
    };

  ipv4 = "${octet}(\\.${octet}){3}";
  octet = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
  label = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
in
{
  dnsLabel = described "DNS label (lower case letters, digits and dashes)" label;
  dnsName = described "DNS name" "${label}(\\.${label})*";
  ipv4 = described "IPv4 address" ipv4;
  ipv4Network = described "IPv4 network in CIDR notation" "${ipv4}/([0-9]|[12][0-9]|3[0-2])";
  macAddress = described "MAC address of one machine" "[0-9A-F][02468ACE](:[0-9A-F]{2}){5}";
  minorVersion = described "version of the form MAJOR.MINOR" "[1-9][0-9]*\\.[0-9]+";
  sshPublicKey = described "SSH public key on one line" "[^[:space:]]+ [^\n\r]+";
  timeZone = described "time zone name" "[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*";
}
