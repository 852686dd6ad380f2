//! What is asked of a machine before anything is built for it or brought to it: whether it is of the right kind, whether
//! its clock is right, and whether something starts services there.

use super::prepare::{Program, now};
use super::site::Site;
use super::words::seen;
use super::{Stopped, activate};
use crate::args::service::reach::Activating;
use punix_deploy::Design;
use punix_diag::{Code, Diagnostic};
use punix_target::Machine;

/// The backend whose units need what has to start the machine.
const SYSTEMD: &str = "systemd";
/// How far clocks may be apart. Whoever sets his own by another one is never that far off, however slow the way.
const APART_SECONDS_MAX: u64 = 60 * 60;
const DAY_SECONDS: u64 = 24 * 60 * 60;

impl Site<'_> {
    /// Refuses a machine that packages are not built for, or whose clock is wrong.
    pub(super) fn can_run(&self, program: &Program) -> Result<(), Stopped> {
        let Some(machine) = &self.machine else { return Ok(()) };
        is_of_that_kind(machine, program)?;
        is_on_time(machine, now())
    }

    /// Refuses a machine on which nobody starts services, if some are to be started.
    pub(super) fn can_activate(&self, design: &Design, activating: &Activating) -> Result<(), Stopped> {
        let Some(machine) = &self.machine else { return Ok(()) };
        let touches = activate::is_wanted(activating) && activating.systemctl.is_none() && self.place.is_machine();
        let has_units = design.backend == SYSTEMD && !design.services.is_empty();
        if !touches || !has_units || machine.init_version.is_some() {
            return Ok(());
        }
        let message = format!("`{}` was not started by systemd, and this stack has services", seen(&machine.hostname));
        let error = Diagnostic::error(Code::E17, message).note("nothing was changed");
        Err(error
            .help("deploy without `--activate` and `--enable`: then files are written and no unit is touched")
            .into())
    }
}

fn is_of_that_kind(machine: &Machine, program: &Program) -> Result<(), Stopped> {
    let ours = &program.system;
    if program.closure().is_empty() || machine.system == *ours {
        return Ok(());
    }
    let (theirs, host) = (seen(&machine.system), seen(&machine.hostname));
    let message = format!("the packages of this stack are built for {ours}, and `{host}` is {theirs}");
    let help = format!("build there, with `--build-on-target`, or deploy from a machine that is {theirs}");
    Err(Diagnostic::error(Code::E17, message).help(help).into())
}

fn is_on_time(machine: &Machine, now: u64) -> Result<(), Stopped> {
    let apart = machine.clock.abs_diff(now);
    if apart <= APART_SECONDS_MAX {
        return Ok(());
    }
    let way = if machine.clock > now { "ahead of" } else { "behind" };
    let message = format!("the clock of `{}` is {} {way} the one here", seen(&machine.hostname), long(apart));
    let error = Diagnostic::error(Code::E31, message).note("nothing was changed");
    let help = "set the one that is wrong: certificates, timers and the audit log go by it";
    Err(Stopped::World(vec![error.help(help)]))
}

/// Says a long time in the largest unit that it has two of.
fn long(seconds: u64) -> String {
    match seconds {
        0..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / DAY_SECONDS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_may_be_an_hour_off() {
        let told = |clock| {
            let machine = Machine { clock, ..punix_target::machine() };
            match is_on_time(&machine, 1_000_000) {
                Err(Stopped::World(told)) => told[0].message.split_once("` is ").unwrap().1.to_owned(),
                Err(_) => panic!("it is told as something else"),
                Ok(()) => String::new(),
            }
        };
        assert_eq!([told(1_000_000), told(1_003_600), told(996_400)], [""; 3]);
        assert_eq!(told(1_003_601), "60 minutes ahead of the one here");
        assert_eq!(told(980_000), "5 hours behind the one here");
        assert_eq!(told(0), "11 days behind the one here");
    }
}
