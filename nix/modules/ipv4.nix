# Arithmetic with IPv4 networks.
{ lib }:
let
  toNumber =
    address: lib.foldl (number: octet: number * 256 + lib.toInt octet) 0 (lib.splitString "." address);
  sizeOf = prefixLength: lib.foldl (size: _: size * 2) 1 (lib.range 1 (32 - prefixLength));
in
{
  # Whether two addresses are in the same network.
  sameNetwork =
    prefixLength: a: b:
    toNumber a / sizeOf prefixLength == toNumber b / sizeOf prefixLength;

  # Whether an address is the first or last of its network: the network and the broadcast address. A /31
  # network has neither (RFC 3021).
  isReserved =
    prefixLength: address:
    let
      size = sizeOf prefixLength;
      position = lib.mod (toNumber address) size;
    in
    prefixLength < 31 && (position == 0 || position == size - 1);
}
