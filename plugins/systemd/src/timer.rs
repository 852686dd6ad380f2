//! The unit file of a timer. It starts the service of its own name, which then is not started with the machine itself.

use crate::config::Directives;
use crate::unit::UnitFile;
use punix_sdk::Error;
use punix_sdk::backend::Body;

/// Writes the unit file. What it refuses is placed below the service.
pub(crate) fn unit(stack: &str, service: &str, directives: &Directives) -> Result<Body, Error> {
    let mut unit = UnitFile::default();
    unit.section("Unit");
    unit.set("Description", &format!("Punix stack {stack}: {service} timer"));
    unit.section("Timer");
    for (key, value) in directives.iter() {
        unit.set(key, value);
    }
    unit.section("Install");
    unit.set("WantedBy", "timers.target");
    unit.finish()
}
