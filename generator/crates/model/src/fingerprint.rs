//! Hashes of texts that pods read only when they start.

/// Hashes texts, so that a change of one restarts what reads them. FNV-1a with 64 bits: the hash need not be secure,
/// only the same on every machine.
pub fn fingerprint<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let bytes = texts.into_iter().flat_map(|text| text.bytes().chain([0]));
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}
