//! Points in time.

use super::Text;
use std::fmt;

/// A point in time, with its offset from UTC (RFC 3339).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct PointInTime(String);

impl Text for PointInTime {
    const FORMAT: &'static str = "point in time";
    const EXPECTED: &'static str = "a time with its offset from UTC such as 2026-11-25T08:00:00Z";
    const PATTERN: &'static str = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";
    const EXAMPLE: &'static str = "2026-11-25T08:00:00Z";

    fn parse(text: &str) -> Result<Self, String> {
        let has_offset = text.ends_with('Z') || text.get(19..20).is_some_and(|sign| sign == "+" || sign == "-");
        if text.len() >= 19 && !has_offset {
            return Err("it has no offset from UTC, such as Z or +01:00".to_owned());
        }
        let is_plain = matches!(text.len(), 20 | 25) && text.as_bytes()[10] == b'T' && !text[19..].contains('.');
        match seconds(text) {
            Some(_) if is_plain => Ok(Self(text.to_owned())),
            _ => Err("it is not a date and a time to the second".to_owned()),
        }
    }
}

impl fmt::Display for PointInTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Returns the seconds from 1970, in UTC, to a time as restic, Kubernetes and people write it: `2026-11-25T01:00:00Z`, with a fraction of a second or an offset,
/// such as `+01:00`, if it has one. A space may replace the `T`.
///
/// Returns `None` if it has another form. A time without `Z` and without an offset is ambiguous, and has another form.
pub fn seconds(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', ' '])?;
    let [year, month, day] = numbers(date, '-')?;
    let (clock, offset) = match time.strip_suffix('Z') {
        Some(clock) => (clock, 0),
        None => {
            let at = time.rfind(['+', '-'])?;
            let (clock, offset) = time.split_at(at);
            let [hours, minutes] = numbers(&offset[1..], ':')?;
            let sign = if offset.starts_with('-') { -1 } else { 1 };
            (clock, sign * (hours * 3600 + minutes * 60))
        }
    };
    let [hours, minutes, seconds] = numbers(clock.split('.').next()?, ':')?;
    let is_valid = (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hours < 24
        && minutes < 60
        && seconds < 61;
    is_valid.then(|| days(year, month, day) * 86_400 + hours * 3600 + minutes * 60 + seconds - offset)
}

/// Numbers between separators; exactly as many as there should be.
fn numbers<const N: usize>(text: &str, separator: char) -> Option<[i64; N]> {
    let parse = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten();
    let parts: Vec<i64> = text.split(separator).map(parse).collect::<Option<_>>()?;
    parts.try_into().ok()
}

fn days_of(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days from 1970-01-01 to a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March have their leap day at the end.
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_times_of_restic_and_kubernetes() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-25T01:00:04.123456789+01:00", 1_795_564_804),
            ("2026-11-25T00:00:04Z", 1_795_564_804),
            ("2024-02-29 23:59:59Z", 1_709_251_199),
            ("2026-03-01T00:00:00-05:30", 1_772_343_000),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in
            ["", "2026-11-25", "2026-11-25T01:00:00", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "yesterday"]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn a_point_in_time_has_an_offset() {
        for text in ["2026-11-25T08:00:00Z", "2026-11-25T08:00:00+01:00"] {
            assert!(PointInTime::parse(text).is_ok(), "{text}");
        }
        for text in [
            "2026-11-25",
            "2026-11-25T08:00:00",
            "2026-02-30T08:00:00Z",
            "2026-11-25 08:00:00Z",
            "2026-11-25T08:00:00.5Z",
        ] {
            assert!(PointInTime::parse(text).is_err(), "{text}");
        }
    }
}
