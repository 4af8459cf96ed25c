//! Microseconds since 1970 → dates and times of day. Pure; the browser adds its own time zone.

const DAY_S: i64 = 86_400;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How exact a moment is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// `14:02:57`, with the day before it when it is not today.
    Second,
    /// `today 14:02`, `yesterday 18:40`, `18 Nov 09:12`.
    Minute,
}

/// A moment in a time zone: seconds since 1970 as its clocks show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Local(i64);

impl Local {
    /// `zone_minutes` is what the zone is ahead of UTC.
    fn new(us: i64, zone_minutes: i32) -> Self {
        Self(us.div_euclid(1_000_000) + i64::from(zone_minutes) * 60)
    }

    fn day(self) -> i64 {
        self.0.div_euclid(DAY_S)
    }

    fn time(self) -> (i64, i64, i64) {
        let second = self.0.rem_euclid(DAY_S);
        (second / 3600, second / 60 % 60, second % 60)
    }

    /// Year, month 1 to 12, day 1 to 31 (days → civil date, as in Howard Hinnant's paper).
    fn date(self) -> (i64, usize, i64) {
        let shifted = self.day() + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year, usize::try_from(month).unwrap_or(1), day)
    }
}

/// For `<time datetime>`: `2026-11-21T14:02:57Z`.
pub fn iso(us: i64) -> String {
    let moment = Local::new(us, 0);
    let ((year, month, day), (hour, minute, second)) = (moment.date(), moment.time());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A moment as seen at `now_us` in a zone.
pub fn moment(us: i64, now_us: i64, zone_minutes: i32, precision: Precision) -> String {
    let (moment, now) = (Local::new(us, zone_minutes), Local::new(now_us, zone_minutes));
    let (hour, minute, second) = moment.time();
    let (year, month, day) = moment.date();
    let month = MONTHS[month - 1];
    let date = match now.day() - moment.day() {
        0 if precision == Precision::Second => String::new(),
        0 => "today ".to_owned(),
        1 => "yesterday ".to_owned(),
        _ if year == now.date().0 => format!("{day} {month} "),
        _ => format!("{day} {month} {year} "),
    };
    match precision {
        Precision::Second => format!("{date}{hour:02}:{minute:02}:{second:02}"),
        Precision::Minute => format!("{date}{hour:02}:{minute:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21 14:02:57 UTC
    const NOON: i64 = 1_795_269_777_000_000;
    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (us, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00Z"),
            (NOON, "2026-11-21T14:02:57Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(iso(us), text);
        }
    }

    #[test]
    fn a_moment_is_said_from_now_and_here() {
        for (us, zone, precision, text) in [
            (NOON, 0, Precision::Second, "14:02:57"),
            (NOON, 60, Precision::Minute, "today 15:02"),
            (NOON - 15 * HOUR, 0, Precision::Minute, "yesterday 23:02"),
            (NOON - 15 * HOUR, 120, Precision::Minute, "today 01:02"),
            (NOON - 72 * HOUR, 0, Precision::Second, "18 Nov 14:02:57"),
            (NOON - 366 * 24 * HOUR, 0, Precision::Minute, "20 Nov 2025 14:02"),
        ] {
            assert_eq!(moment(us, NOON, zone, precision), text);
        }
    }
}
