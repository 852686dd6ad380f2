//! Times in zip archives: fields of a calendar in an unknown zone, which is taken for UTC.

/// Returns the seconds since the epoch. What is no date is taken for the nearest one.
pub(super) fn seconds(date: u16, time: u16) -> i64 {
    let (date, time) = (i64::from(date), i64::from(time));
    let (year, month, day) = (1980 + (date >> 9), (date >> 5 & 15).clamp(1, 12), (date & 31).max(1));
    let (hour, minute, second) = ((time >> 11).min(23), (time >> 5 & 63).min(59), ((time & 31) * 2).min(59));
    days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
}

/// Returns the days since the epoch. Years begin in March here, so that the day that some of them lack is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    /// Days from the first of March of the year 0 to the epoch.
    const EPOCH: i64 = 719_468;
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let of_years = year * 365 + year / 4 - year / 100 + year / 400;
    let of_months = (month * 153 + 2) / 5;
    of_years + of_months + day - 1 - EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_since_the_epoch() {
        for (date, wanted) in [
            ((1970, 1, 1), 0),
            ((1980, 1, 1), 3_652),
            ((2000, 2, 29), 11_016),
            ((2000, 3, 1), 11_017),
            ((2024, 12, 31), 20_088),
            ((2100, 3, 1), 47_541),
        ] {
            assert_eq!(days(date.0, date.1, date.2), wanted, "{date:?}");
        }
        let date = (44 << 9) | (2 << 5) | 29;
        let time = (23 << 11) | (59 << 5) | 29;
        assert_eq!(seconds(date, time), 1_709_251_198);
        assert_eq!(seconds(0, 0), 315_532_800);
        assert!(seconds(u16::MAX, u16::MAX) > 0);
    }
}
