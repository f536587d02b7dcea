//! Times: those that programs print, and how long ago they were. This crate has no clock: a machine reports its own.

pub use spec::types::seconds;

/// Seconds since 1970, in UTC.
pub type Seconds = i64;

/// How long a time is ago, in words: the two largest units, or one if that says enough.
pub fn age(seconds: Seconds) -> String {
    let count = |number: i64, unit: &str| format!("{number} {unit}{}", if number == 1 { "" } else { "s" });
    let (days, hours, minutes) = (seconds / 86_400, seconds % 86_400 / 3600, seconds % 3600 / 60);
    match (days, hours, minutes) {
        (0, 0, minutes) => count(minutes.max(0), "minute"),
        (0, hours, 0) => count(hours, "hour"),
        (0, hours, minutes) => count(hours, "hour") + " " + &count(minutes, "minute"),
        (days, 0, _) => count(days, "day"),
        (days, hours, _) => count(days, "day") + " " + &count(hours, "hour"),
    }
}

/// A duration for people, in its largest unit.
pub fn duration(seconds: Seconds) -> String {
    match seconds.max(0) {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_long_ago_a_time_is() {
        for (seconds, expected) in [
            (30, "0 minutes"),
            (61, "1 minute"),
            (7200, "2 hours"),
            (3_660, "1 hour 1 minute"),
            (90_000, "1 day 1 hour"),
        ] {
            assert_eq!(age(seconds), expected);
        }
    }
    #[test]
    fn prints_durations() {
        let texts = [-5, 119, 120, 7_199, 7_200, 200_000].map(duration);
        assert_eq!(texts, ["0 s", "119 s", "2 min", "119 min", "2 h", "2 days"]);
    }
}
