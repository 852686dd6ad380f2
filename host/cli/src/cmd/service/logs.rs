//! `punix service logs`: what the services of a stack say, and with `--follow` what they go on to say.

use super::Stopped;
use super::activate::Units;
use super::commit::Teller;
use super::hands::Hands;
use super::kept;
use super::place;
use super::site::{self, Rootless, Visit, live};
use super::words::{seen, units_of};
use crate::args::service::Logs;
use crate::args::service::reach::Units as UnitArguments;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_diag::{Code, Diagnostic};
use punix_model::{Action, Redactor, Wish};
use serde_json::json;
use std::time::Duration;

/// How often is looked whether there is more.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) fn run(ui: &Ui, args: &Logs) -> Result<Exit, Stopped> {
    let place = place::place(&args.reach, false)?;
    let visit = Visit { command: "punix service logs", wait: args.reach.wait, without: Rootless::Nothing };
    let teller = Teller { ui, events: args.telling.events };
    let (stack, service) = args.words.read()?;
    if args.follow && ui.json {
        return Err(Stopped::usage("`--follow` does not end, and `--json` is one document", "use `--events`"));
    }
    site::at(ui, &place, visit, |site| {
        let live = live(site.door.current_record(stack)?, stack)?;
        let names = units_of(&live, service)?;
        let redactor = Redactor::default();
        let hands = Hands::new(site, args.systemctl.as_deref(), &redactor);
        if !hands.can_act() {
            return Err(Stopped::usage("below another root no unit says anything", "ask the machine itself"));
        }
        let around = kept::around(ui, site, &live, &UnitArguments { unit_dir: None }, true)?;
        let Some(units) = around.units(&live) else { return Ok(Exit::Done) };
        let mut logs: Vec<Log> = names.into_iter().map(|unit| Log { unit, known: Vec::new() }).collect();
        let shows_unit = logs.len() > 1;
        let mut documents = Vec::new();
        loop {
            for log in &mut logs {
                let fresh = log.fresh(&log.read(&hands, &units)?);
                for line in fresh {
                    let event = json!({ "unit": log.unit, "line": line });
                    match (ui.json, args.telling.events) {
                        (_, true) => teller.event(&event),
                        (true, false) => documents.push(event),
                        (false, false) => {
                            let line = seen(&line);
                            let line = if shows_unit { format!("{}: {line}\n", log.unit) } else { format!("{line}\n") };
                            if ui.result(&line, Exit::Done) == Exit::Unheard {
                                return Ok(Exit::Unheard);
                            }
                        }
                    }
                }
            }
            if !args.follow {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        let document = json!({ "ok": true, "stack": stack, "lines": documents, "diagnostics": [], "dropped": 0 });
        Ok(if ui.json || args.telling.events { teller.result("", &document, Exit::Done) } else { Exit::Done })
    })
}

/// What a unit said so far.
struct Log {
    unit: String,
    /// What was shown when it was last looked at.
    known: Vec<String>,
}

impl Log {
    /// Reads the end of what it said.
    fn read(&self, hands: &Hands<'_>, units: &Units<'_>) -> Result<Vec<String>, Stopped> {
        let wish = Wish { unit: self.unit.clone(), action: Action::Logs };
        let session = units.backend.session(&units.stack, &[wish], units.facts)?;
        let said = hands.first(session)?;
        if let Some(failed) = said.iter().find(|said| said.code != 0) {
            let why = failed.stderr.trim();
            let message = format!("what `{}` says cannot be read: {}", seen(&self.unit), seen(why));
            return Err(Diagnostic::error(Code::E31, message).into());
        }
        Ok(said.iter().flat_map(|said| said.stdout.lines()).map(str::to_owned).collect())
    }

    /// Returns what is new since the last time: all behind the longest end of what was known that is a beginning of it.
    fn fresh(&mut self, now: &[String]) -> Vec<String> {
        let same = (0..self.known.len()).find_map(|from| {
            let known = self.known.get(from..)?;
            now.starts_with(known).then_some(known.len())
        });
        let fresh = now.get(same.unwrap_or(0)..).unwrap_or_default().to_vec();
        self.known = now.to_vec();
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_shown() {
        let mut log = Log { unit: String::new(), known: Vec::new() };
        let lines = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        for (now, fresh) in
            [("abc", "abc"), ("abc", ""), ("bcd", "d"), ("cdcd", "cd"), ("xyz", "xyz"), ("", ""), ("a", "a")]
        {
            assert_eq!(log.fresh(&lines(now)), lines(fresh), "{now}");
        }
    }
}
