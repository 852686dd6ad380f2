//! DER, as far as certificates are written in it: values of one byte of tag, a length, and what is in them.

/// What kind of value follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(pub(super) u8);

impl Tag {
    pub(super) const BOOLEAN: Tag = Tag(0x01);
    pub(super) const INTEGER: Tag = Tag(0x02);
    pub(super) const OCTETS: Tag = Tag(0x04);
    pub(super) const IDENTIFIER: Tag = Tag(0x06);
    pub(super) const SEQUENCE: Tag = Tag(0x30);
    const SHORT_TIME: Tag = Tag(0x17);
    const LONG_TIME: Tag = Tag(0x18);

    /// What a record marks with a number.
    pub(super) const fn context(number: u8) -> Tag {
        Tag(0xa0 | number)
    }
}

/// Values that follow each other. Nothing is read behind their end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'r>(&'r [u8]);

impl<'r> Reader<'r> {
    pub(super) fn new(bytes: &'r [u8]) -> Reader<'r> {
        Reader(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns what is left, as it is.
    pub(super) fn rest(&self) -> &'r [u8] {
        self.0
    }

    /// Takes the next value.
    pub(super) fn next(&mut self) -> Option<(Tag, Reader<'r>)> {
        let (&tag, behind) = self.0.split_first()?;
        // A tag of several bytes is in no certificate.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, mut behind) = behind.split_first()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            let count = usize::from(first & 0x7f);
            if !(1..=4).contains(&count) {
                return None;
            }
            let (digits, rest) = behind.split_at_checked(count)?;
            length = digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit));
            behind = rest;
        }
        let (content, rest) = behind.split_at_checked(length)?;
        self.0 = rest;
        Some((Tag(tag), Reader(content)))
    }

    /// Takes the next value, which has to be of a kind.
    pub(super) fn enter(&mut self, wanted: Tag) -> Option<Reader<'r>> {
        let (tag, content) = self.next()?;
        (tag == wanted).then_some(content)
    }

    /// Takes the next value with its tag and its length.
    pub(super) fn whole(&mut self, wanted: Tag) -> Option<&'r [u8]> {
        let before = self.0;
        self.enter(wanted)?;
        before.get(..before.len() - self.0.len())
    }

    /// Takes the next value if it is of a kind.
    pub(super) fn skip_if(&mut self, wanted: Tag) {
        let mut ahead = *self;
        if ahead.enter(wanted).is_some() {
            *self = ahead;
        }
    }

    /// Takes a time, in seconds since 1970.
    pub(super) fn time(&mut self) -> Option<i64> {
        let (tag, content) = self.next()?;
        let text = str::from_utf8(content.0).ok()?;
        let (year, rest) = match tag {
            Tag::SHORT_TIME => {
                let (year, rest) = text.split_at_checked(2)?;
                let year = number(year)?;
                (if year < 50 { 2_000 + year } else { 1_900 + year }, rest)
            }
            Tag::LONG_TIME => {
                let (year, rest) = text.split_at_checked(4)?;
                (number(year)?, rest)
            }
            _ => return None,
        };
        let rest = rest.strip_suffix('Z').filter(|rest| rest.len() == 10)?;
        let part = |index: usize| number(rest.get(2 * index..2 * index + 2)?);
        let (month, day, hour, minute, second) = (part(0)?, part(1)?, part(2)?, part(3)?, part(4)?);
        let is_time = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
        is_time.then(|| (days(year, month, day) * 24 + hour) * 3_600 + minute * 60 + second)
    }
}

fn number(digits: &str) -> Option<i64> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Returns the days since 1970. Years begin with March here, so that the day that some have more is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (cycle, year) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    cycle * 146_097 + year * 365 + year / 4 - year / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        for (year, month, day, count) in
            [(1970, 1, 1, 0), (1970, 3, 1, 59), (2000, 2, 29, 11_016), (2024, 3, 1, 19_783), (1969, 12, 31, -1)]
        {
            assert_eq!(days(year, month, day), count, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn nothing_is_read_behind_the_end() {
        let next = |bytes: &[u8]| Reader::new(bytes).next().map(|(tag, content)| (tag.0, content.rest().to_vec()));
        assert_eq!(next(&[0x30, 1, 7]), Some((0x30, vec![7])));
        assert_eq!(next(&[0x30, 0x81, 1, 7]), Some((0x30, vec![7])));
        for bad in [&[][..], &[0x30], &[0x30, 2, 7], &[0x30, 0x80], &[0x30, 0x85, 0, 0, 0, 0, 1, 7], &[0x1f, 1, 0]] {
            assert_eq!(next(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn times_have_a_form() {
        let time = |tag: u8, text: &str| {
            let mut bytes = vec![tag, u8::try_from(text.len()).unwrap()];
            bytes.extend_from_slice(text.as_bytes());
            Reader::new(&bytes).time()
        };
        assert_eq!(time(0x17, "700101000001Z"), Some(1));
        assert_eq!(time(0x17, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(time(0x18, "20500101000000Z"), Some(2_524_608_000));
        for bad in ["", "7001010000Z", "700101000001", "701301000001Z", "70010100000éZ", "7001010000+0Z"] {
            assert_eq!(time(0x17, bad), None, "{bad}");
        }
    }
}
