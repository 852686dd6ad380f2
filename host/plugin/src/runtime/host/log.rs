//! Lines for people. They are kept until the call ends, since only then it is known which secrets to take out.

use super::sum;
use crate::runtime::bindings::cap::punix::cap::log::{Host, Level as Said};
use crate::runtime::log::Level;
use crate::runtime::state::State;

impl Host for State {
    fn emit(&mut self, level: Said, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        let passed = fields.iter().map(|(name, value)| sum(&[name, value])).fold(message.len(), usize::saturating_add);
        self.passes(passed)?;
        let level = match level {
            Said::Debug => Level::Debug,
            Said::Info => Level::Info,
            Said::Warn => Level::Warn,
            Said::Error => Level::Error,
        };
        self.said.add(level, &message, &fields);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::testing::Desk;
    use punix_model::Secret;

    #[test]
    fn lines_are_kept_and_cleaned_at_the_end() {
        let mut state = Desk::new().state();
        state.emit(Said::Warn, "it is hunter22".to_owned(), vec![("n".to_owned(), "1".to_owned())]).unwrap();
        let secret = Secret::new(b"hunter22".to_vec());
        state.hold(secret, "late".to_owned(), crate::runtime::resource::Origin::Plugin).unwrap();
        let redactor = state.redactor();
        let lines = state.said.finish(&redactor);
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].level, lines[0].text.as_str()), (Level::Warn, "it is [secret] n=1"));
    }

    #[test]
    fn a_line_that_is_far_too_long_ends_the_call() {
        let mut state = Desk::new().state();
        let long = "x".repeat(1 << 20);
        state.emit(Said::Info, long.clone(), Vec::new()).unwrap();
        assert!(state.emit(Said::Info, long.clone(), vec![("a".to_owned(), String::new())]).is_err());
        assert_eq!(state.meter.first_reached(), Some("call_kib"));
    }
}
