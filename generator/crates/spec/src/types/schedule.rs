//! Cron schedules.

use super::Text;
use std::fmt;

/// A cron schedule in the syntax of Kubernetes. Macros are replaced by their five fields.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Schedule(String);

impl Schedule {
    /// The five fields.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The schedule in the calendar syntax of systemd, in a time zone. Of a day and a weekday that are both restricted, cron
    /// needs one and systemd both, so these become two expressions.
    pub fn calendar(&self, zone: &str) -> Vec<String> {
        let mut texts = self.0.split(' ');
        let mut next = |field: &Field| {
            let text = texts.next().unwrap_or("*");
            (!is_any(text)).then(|| field.numbers(text))
        };
        let [minutes, hours, days, months, weekdays] = FIELDS.each_ref().map(&mut next);
        let list = |numbers: &Option<Vec<u32>>| match numbers {
            Some(numbers) => numbers.iter().map(|number| format!("{number:02}")).collect::<Vec<_>>().join(","),
            None => "*".to_owned(),
        };
        let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        let names = |numbers: &Vec<u32>| {
            let names: Vec<_> = names.into_iter().zip(0..).filter(|(_, at)| numbers.contains(at)).collect();
            names.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(",") + " "
        };
        let expression = |weekdays: Option<&Vec<u32>>, days: &Option<Vec<u32>>| {
            let weekdays = weekdays.map(names).unwrap_or_default();
            format!("{weekdays}*-{}-{} {}:{}:00 {zone}", list(&months), list(days), list(&hours), list(&minutes))
        };
        match (&weekdays, &days) {
            (Some(_), Some(_)) => vec![expression(weekdays.as_ref(), &None), expression(None, &days)],
            _ => vec![expression(weekdays.as_ref(), &days)],
        }
    }

    /// The longest time between two runs, in minutes.
    pub fn longest_gap(&self) -> u32 {
        let mut texts = self.0.split(' ');
        let [minutes, hours, days, months, weekdays] = FIELDS.each_ref().map(|field| {
            let text = texts.next().unwrap_or("*");
            (field.numbers(text), is_any(text))
        });
        let times: Vec<u32> =
            hours.0.iter().flat_map(|hour| minutes.0.iter().map(move |minute| hour * 60 + minute)).collect();
        let night = MINUTES_OF_DAY + times.first().unwrap_or(&0) - times.last().unwrap_or(&0);
        let within = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        let runs = calendar().zip(0..).filter(|(date, _)| {
            let (day, weekday) = (days.0.contains(&date.day), weekdays.0.contains(&date.weekday));
            // If both are restricted, either is enough.
            let is_day = if days.1 || weekdays.1 { day && weekday } else { day || weekday };
            is_day && months.0.contains(&date.month)
        });
        let runs: Vec<u32> = runs.map(|(_, at)| at).collect();
        let days = runs.windows(2).map(|pair| pair[1] - pair[0] - 1).max().unwrap_or(0);
        within.max(days * MINUTES_OF_DAY + night)
    }
}

const MINUTES_OF_DAY: u32 = 24 * 60;

/// A day of the calendar.
struct Date {
    month: u32,
    day: u32,
    /// Sunday is 0.
    weekday: u32,
}

/// The days of ten years, in which each date comes at least twice.
fn calendar() -> impl Iterator<Item = Date> {
    let months = (2023..2033).flat_map(|year: u32| {
        let february = if year.is_multiple_of(4) { 29 } else { 28 };
        (1..).zip([31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    });
    let days = months.flat_map(|(month, days)| (1..=days).map(move |day| (month, day)));
    // The first one is a Sunday.
    days.zip((0..7).cycle()).map(|((month, day), weekday)| Date { month, day, weekday })
}

impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Macros for common schedules, and their fields. They are replaced by the fields, since operators whose
/// schedules have a field for seconds accept no macro after it.
const MACROS: [(&str, &str); 5] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
];

/// A field of a cron schedule.
struct Field {
    name: &'static str,
    min: u8,
    max: u8,
    /// Names for its numbers, starting at `min`; case does not matter.
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", min: 0, max: 59, names: &[] },
    Field { name: "hour", min: 0, max: 23, names: &[] },
    Field { name: "day", min: 1, max: 31, names: &[] },
    Field {
        name: "month",
        min: 1,
        max: 12,
        names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    },
    Field { name: "weekday", min: 0, max: 6, names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] },
];

impl Field {
    fn check(&self, text: &str) -> Result<(), String> {
        text.split(',').try_for_each(|part| self.check_part(part))
    }

    /// Checks `*`, a number or a range, with or without a step.
    fn check_part(&self, text: &str) -> Result<(), String> {
        let (span, step) = text.split_once('/').map_or((text, None), |(span, step)| (span, Some(step)));
        if let Some(step) = step
            && !((1..=3).contains(&step.len()) && is_digits(step) && !step.starts_with('0'))
        {
            return Err(format!("the step {step:?} of the {} is not a number from 1 to 999", self.name));
        }
        if span == "*" {
            return Ok(());
        }
        let (first, last) = span.split_once('-').unwrap_or((span, span));
        let (first, last) = (self.number(first)?, self.number(last)?);
        if first <= last { Ok(()) } else { Err(format!("the range {span} of the {} is reversed", self.name)) }
    }

    /// The numbers that a valid text selects, sorted.
    fn numbers(&self, text: &str) -> Vec<u32> {
        let mut numbers: Vec<u32> = text.split(',').flat_map(|part| self.part(part)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    fn part(&self, text: &str) -> impl Iterator<Item = u32> + use<> {
        let (span, step) = text.split_once('/').map_or((text, None), |(span, step)| (span, Some(step)));
        let number = |text| self.number(text).unwrap_or(self.min);
        let (first, last) = match span.split_once('-') {
            _ if span == "*" => (self.min, self.max),
            Some((first, last)) => (number(first), number(last)),
            // With a step, a number is the start of a range.
            None => (number(span), if step.is_some() { self.max } else { number(span) }),
        };
        let step = step.and_then(|step| step.parse().ok()).unwrap_or(1);
        (u32::from(first)..=u32::from(last)).step_by(step)
    }

    fn number(&self, text: &str) -> Result<u8, String> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let named = named.and_then(|at| u8::try_from(at).ok()).map(|at| at + self.min);
        let number = || text.parse().ok().filter(|_| text.len() <= 2 && is_digits(text));
        named.or_else(number).filter(|number| (self.min..=self.max).contains(number)).ok_or_else(|| {
            let names = match self.names {
                [first, .., last] => format!(" or a name from {first} to {last}"),
                _ => String::new(),
            };
            let sunday = if self.names.len() == 7 && text == "7" { "; Sunday is 0" } else { "" };
            format!("the {} {text:?} is not a number from {} to {}{names}{sunday}", self.name, self.min, self.max)
        })
    }
}

/// Checks that the months of a schedule have its days: 30 February never comes. If the day and the weekday are both
/// restricted, cron runs on either, and every month has every weekday.
fn check_day(day: &str, month: &str, weekday: &str) -> Result<(), String> {
    let [_, _, days, months, _] = &FIELDS;
    let first = days.numbers(day).into_iter().min().unwrap_or(1);
    let longest = months.numbers(month).into_iter().map(longest).max().unwrap_or(31);
    if is_any(weekday) && first > longest {
        return Err(format!("it never runs: no selected month has a day {first}"));
    }
    Ok(())
}

/// Whether a day or weekday does not restrict the days: steps do, even if one such as `*/2` has a `*`.
fn is_any(text: &str) -> bool {
    text.split(',').any(|part| matches!(part, "*" | "*/1"))
}

/// The number of days of a month, in the years in which it is longest.
fn longest(month: u32) -> u32 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The pattern of a field, given the pattern of its numbers.
macro_rules! field {
    ($number:literal) => {
        concat!(part!($number), "(,", part!($number), ")*")
    };
}

macro_rules! part {
    ($number:literal) => {
        concat!(r"(\*|(", $number, ")(-(", $number, "))?)(/[1-9][0-9]{0,2})?")
    };
}

impl Text for Schedule {
    const FORMAT: &'static str = "schedule";
    const EXPECTED: &'static str = "a cron schedule such as \"30 3 * * *\" (minute, hour, day, month, weekday), \"@hourly\", \"@daily\", \"@weekly\", \"@monthly\" or \"@yearly\"";
    const PATTERN: &'static str = concat!(
        "^(@(hourly|daily|weekly|monthly|yearly)|",
        field!("[0-5]?[0-9]"),
        " ",
        field!("[01]?[0-9]|2[0-3]"),
        " ",
        field!("0?[1-9]|[12][0-9]|3[01]"),
        " ",
        field!(
            "0?[1-9]|1[0-2]|[Jj][Aa][Nn]|[Ff][Ee][Bb]|[Mm][Aa][Rr]|[Aa][Pp][Rr]|[Mm][Aa][Yy]|[Jj][Uu][Nn]|[Jj][Uu][Ll]|[Aa][Uu][Gg]|[Ss][Ee][Pp]|[Oo][Cc][Tt]|[Nn][Oo][Vv]|[Dd][Ee][Cc]"
        ),
        " ",
        field!("0?[0-6]|[Ss][Uu][Nn]|[Mm][Oo][Nn]|[Tt][Uu][Ee]|[Ww][Ee][Dd]|[Tt][Hh][Uu]|[Ff][Rr][Ii]|[Ss][Aa][Tt]"),
        ")$"
    );
    const EXAMPLE: &'static str = "30 3 * * *";

    fn parse(text: &str) -> Result<Self, String> {
        if let Some((_, fields)) = MACROS.iter().find(|(name, _)| *name == text) {
            return Ok(Self((*fields).to_owned()));
        }
        if text.starts_with('@') {
            return Err("unknown macro".to_owned());
        }
        let fields: Vec<_> = text.split(' ').collect();
        if fields.len() != FIELDS.len() {
            return Err(format!("expected 5 fields separated by single spaces, found {}", fields.len()));
        }
        FIELDS.iter().zip(&fields).try_for_each(|(field, text)| field.check(text))?;
        if let [_, _, day, month, weekday] = fields[..] {
            check_day(day, month, weekday)?;
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_the_api_server_accepts() {
        for text in
            ["* * * * *", "0-59/15 */6 1,15 * *", "5/10 0 31 dec Sat", "0 0 * JAN-MAR MON-FRI", "00 03 01 01 00"]
        {
            assert_eq!(Schedule::parse(text).map(|schedule| schedule.to_string()), Ok(text.to_owned()));
        }
        for (text, reason) in [
            ("60 * * * *", "the minute \"60\" is not a number from 0 to 59"),
            ("* 24 * * *", "the hour \"24\" is not a number from 0 to 23"),
            ("* * 0 * *", "the day \"0\" is not a number from 1 to 31"),
            ("* * * 13 *", "the month \"13\" is not a number from 1 to 12 or a name from JAN to DEC"),
            ("* * * * 7", "the weekday \"7\" is not a number from 0 to 6 or a name from SUN to SAT; Sunday is 0"),
            ("*/0 * * * *", "the step \"0\" of the minute is not a number from 1 to 999"),
            ("*/ * * * *", "the step \"\" of the minute is not a number from 1 to 999"),
            ("5-1 * * * *", "the range 5-1 of the minute is reversed"),
            ("* * * * SAT-MON", "the range SAT-MON of the weekday is reversed"),
            ("MON * * * *", "the minute \"MON\" is not a number from 0 to 59"),
            (",1 * * * *", "the minute \"\" is not a number from 0 to 59"),
            ("* * * *", "expected 5 fields separated by single spaces, found 4"),
            ("@reboot", "unknown macro"),
        ] {
            assert_eq!(Schedule::parse(text).expect_err(text), reason, "{text}");
        }
    }

    #[test]
    fn finds_the_longest_time_between_runs() {
        const HOUR: u32 = 60;
        const DAY: u32 = 24 * HOUR;
        for (text, gap) in [
            ("* * * * *", 1),
            ("@hourly", HOUR),
            ("5/20 * * * *", 20),
            ("0 */6 * * *", 6 * HOUR),
            ("0 8,20 * * *", 12 * HOUR),
            ("0 8-10 * * *", 22 * HOUR),
            ("30 3 * * *", DAY),
            ("0 3 * * MON-FRI", 3 * DAY),
            ("@weekly", 7 * DAY),
            ("0 3 1 * *", 31 * DAY),
            // Either of them is enough.
            ("0 3 1 * sun", 7 * DAY),
            ("0 3 1 * */2", 2 * DAY),
            ("0 3 1 * 0,*", 31 * DAY),
            ("0 3 29 2 *", 4 * 365 * DAY + DAY),
        ] {
            assert_eq!(Schedule::parse(text).expect(text).longest_gap(), gap, "{text}");
        }
    }

    #[test]
    fn becomes_a_calendar_of_systemd() {
        for (text, expected) in [
            ("0 1 * * *", &["*-*-* 01:00:00 UTC"][..]),
            ("@hourly", &["*-*-* *:00:00 UTC"]),
            ("*/20 8-10 * JAN *", &["*-01-* 08,09,10:00,20,40:00 UTC"]),
            ("30 3 * * MON-WED", &["Mon,Tue,Wed *-*-* 03:30:00 UTC"]),
            ("0 3 1,15 * *", &["*-*-01,15 03:00:00 UTC"]),
            // Either of them is enough.
            ("0 3 1 * sun", &["Sun *-*-* 03:00:00 UTC", "*-*-01 03:00:00 UTC"]),
            ("0 3 1 * 0,*", &["*-*-01 03:00:00 UTC"]),
        ] {
            assert_eq!(Schedule::parse(text).expect(text).calendar("UTC"), expected, "{text}");
        }
    }

    #[test]
    fn rejects_days_that_never_come() {
        for (text, day) in [
            ("0 3 30 2 *", 30),
            ("0 3 31 FEB,apr,6 *", 31),
            ("0 3 31 4-6/2 */1", 31),
            ("0 3 30-31 2 0,*", 30),
            ("0 3 30/1 2 *", 30),
        ] {
            let error = Schedule::parse(text).expect_err(text);
            assert_eq!(error, format!("it never runs: no selected month has a day {day}"), "{text}");
        }
        for text in
            ["0 3 29 2 *", "0 3 31 4-5 *", "0 3 30 2 1", "0 3 31 */2 *", "0 3 31,1 2 *", "0 3 30 2 */2", "0 3 28/5 2 *"]
        {
            assert!(Schedule::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn replaces_macros_by_fields() {
        for (name, fields) in MACROS {
            assert_eq!(Schedule::parse(name).expect("a macro").as_str(), fields);
            assert!(Schedule::parse(fields).is_ok(), "{fields}");
        }
    }
}
