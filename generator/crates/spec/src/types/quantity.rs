//! Amounts of memory, disk and CPU.

use super::name::words;
use super::{Text, rules};
use std::fmt;

/// An amount of memory or disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

const UNITS: [(&str, u32); 4] = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)];

impl Size {
    /// The amount in MiB, rounded down.
    pub fn mebibytes(self) -> u64 {
        self.0 >> 20
    }

    /// The amount in GiB, rounded up: the unit of disks on Proxmox VE.
    pub fn gibibytes(self) -> u64 {
        self.0.div_ceil(1 << 30)
    }

    /// The amount as a Kubernetes quantity such as `5Gi`.
    pub fn quantity(self) -> Quantity {
        Quantity::known(&self.with_unit("i"))
    }

    /// The amount in bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }

    /// Creates an amount from a number of bytes.
    pub fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    fn with_unit(self, ending: &str) -> String {
        let whole = |shift: u32| self.0.is_multiple_of(1 << shift);
        let (unit, shift) = UNITS.into_iter().rev().find(|(_, shift)| self.0 > 0 && whole(*shift)).unwrap_or(UNITS[0]);
        format!("{}{}{ending}", self.0 >> shift, &unit[..1])
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.with_unit("iB"))
    }
}

/// Whether a text is a unit, in the notation of sizes (`GiB`) or of Kubernetes (`Gi`).
fn is_unit(unit: &str, text: &str) -> bool {
    text == unit || unit.strip_suffix('B') == Some(text)
}

impl Text for Size {
    const FORMAT: &'static str = "size";
    const EXPECTED: &'static str = "a size such as 512MiB, 8GiB or 2TiB";
    const PATTERN: &'static str = "^[1-9][0-9]{0,5}(KiB?|MiB?|GiB?|TiB?)$";
    const EXAMPLE: &'static str = "1GiB";

    fn parse(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let Some((_, shift)) = UNITS.into_iter().find(|(name, _)| is_unit(name, unit)) else {
            return Err(match unit {
                "" => "it has no unit".to_owned(),
                "KB" | "MB" | "GB" | "TB" | "K" | "M" | "G" | "T" | "k" | "kB" => {
                    format!("the unit must be KiB, MiB, GiB or TiB; write {number}{}iB", unit[..1].to_uppercase())
                }
                _ => "the unit must be KiB, MiB, GiB or TiB".to_owned(),
            });
        };
        if number.is_empty() || number.starts_with('0') || number.len() > 6 {
            return Err("it does not start with an integer from 1 to 999999".to_owned());
        }
        let number: u64 = number.parse().map_err(|_| "it is too large".to_owned())?;
        Ok(Self(number << shift))
    }
}

words! {
    /// A Kubernetes quantity.
    Quantity {
        format: "quantity", expected: "a Kubernetes quantity such as 100m, 1.5 or 128Mi",
        pattern: r"^[0-9]{1,12}(\.[0-9]{1,6})?(m|k|M|G|T|KiB?|MiB?|GiB?|TiB?)?$", example: "100m",
        check: |text| {
            rules::length(text, 24)?;
            let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
            let (number, unit) = text.split_at(at);
            let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
            let digits = |text: &str, max: usize| (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            if !digits(whole, 12) || !digits(fraction, 6) {
                return Err("it does not start with a number".to_owned());
            }
            let unit = without_byte(unit);
            let known = ["", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti"];
            if known.contains(&unit) {
                return Ok(());
            }
            let meant = match unit {
                "K" | "KB" | "kB" => Some("k"),
                _ => unit.strip_suffix('B').filter(|meant| known[2..].contains(meant)),
            };
            let suggestion = meant.map_or(String::new(), |meant| format!("; write {number}{meant}"));
            Err(format!("the unit must be m, k, M, G, T, Ki, Mi, Gi or Ti{suggestion}"))
        },
        numbers: true, normal: without_byte
    }
}

/// Returns a quantity or its unit in the notation of Kubernetes: `1Gi` for `1GiB`.
fn without_byte(text: &str) -> &str {
    text.strip_suffix('B').filter(|text| text.ends_with('i')).unwrap_or(text)
}

impl Quantity {
    /// The amount in thousandths, rounded down.
    pub fn thousandths(&self) -> u64 {
        let text = self.as_str();
        let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(at);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let factor: u128 = match unit {
            "m" => 1,
            "k" => 1000 * 1000,
            "M" => 1000 * 1000_u128.pow(2),
            "G" => 1000 * 1000_u128.pow(3),
            "T" => 1000 * 1000_u128.pow(4),
            "Ki" => 1000 << 10,
            "Mi" => 1000 << 20,
            "Gi" => 1000 << 30,
            "Ti" => 1000 << 40,
            _ => 1000,
        };
        let millionths: u128 = format!("{whole}{fraction:0<6}").parse().unwrap_or(0);
        u64::try_from(millionths * factor / 1_000_000).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_sizes_with_the_largest_exact_unit() {
        for (text, quantity) in [("8GiB", "8Gi"), ("1536MiB", "1536Mi"), ("1024MiB", "1Gi"), ("2TiB", "2Ti")] {
            assert_eq!(Size::parse(text).expect("a size").quantity().as_str(), quantity);
        }
    }

    #[test]
    fn converts_quantities_to_thousandths() {
        for (text, thousandths) in
            [("100m", 100), ("1", 1000), ("1.5", 1500), ("128Mi", 128 * 1024 * 1024 * 1000), ("0.5k", 500_000)]
        {
            assert_eq!(Quantity::parse(text).expect("a quantity").thousandths(), thousandths, "{text}");
        }
    }

    #[test]
    fn accepts_both_notations_of_a_unit_and_prints_one() {
        for (text, size, quantity) in [("8GiB", "8GiB", "8Gi"), ("8Gi", "8GiB", "8Gi"), ("512Mi", "512MiB", "512Mi")] {
            assert_eq!(Size::parse(text).expect("a size").to_string(), size);
            assert_eq!(Quantity::parse(text).expect("a quantity").as_str(), quantity);
        }
    }

    #[test]
    fn suggests_the_right_unit() {
        assert!(Size::parse("8GB").expect_err("GB is not a unit").contains("8GiB"));
        for (wrong, right) in [("1.5GB", "write 1.5G"), ("512MB", "write 512M"), ("8K", "write 8k")] {
            let error = Quantity::parse(wrong).expect_err("it is not a Kubernetes unit");
            assert!(error.ends_with(right), "{error}");
        }
    }
}
