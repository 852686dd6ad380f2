//! What every plugin has to pass, whatever it does. Each check says what it looked at and what was wrong; none of them
//! knows a plugin by name.

mod backend;
mod noise;
mod resolver;
mod transport;

use crate::host::{Report, TestHost, TestHostError};
use noise::Noise;
use punix_model::{CallFault, Cause};
use punix_plugin::World;
use punix_plugin::runtime::Severity;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    /// What is wrong; nothing if all is well.
    pub wrong: Option<String>,
}

/// What the kit found, and what the plugin took for it.
#[derive(Debug, Clone)]
pub struct Findings {
    pub checks: Vec<Check>,
    pub report: Report,
}

impl Findings {
    /// Tells whether nothing is wrong.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.wrong.is_none())
    }
}

/// How many texts without sense a plugin is given, at each place that takes a text.
const NOISE_ROUNDS: u64 = 100;

/// Looks at a component in every way.
pub fn run(component: &[u8]) -> Result<Findings, TestHostError> {
    let host = TestHost::new(component.to_vec())?;
    let mut checks = vec![
        check("says of itself what its manifest says", || described(&host)),
        check("takes any text for a configuration", || configured(&host)),
    ];
    checks.extend(match host.inspected().manifest.world {
        World::Backend => backend::checks(&host),
        World::SecretResolver => resolver::checks(&host),
        World::Transport => transport::checks(&host),
    });
    Ok(Findings { checks, report: host.report() })
}

/// Runs one check. What cannot even be called is wrong too.
fn check(name: &'static str, look: impl FnOnce() -> Result<(), Wrong>) -> Check {
    Check { name, wrong: look().err().map(|wrong| wrong.to_string()) }
}

/// Why a check is not passed.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error(transparent)]
    Host(#[from] TestHostError),
    #[error("{0}")]
    Call(#[from] CallFault),
    #[error("{0}")]
    Said(String),
}

fn wrong<T>(said: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::Said(said.into()))
}

/// An answer, or a refusal in the plugin's own words, are both well; what breaks off is not.
fn answered<T>(outcome: Result<T, CallFault>) -> Result<Option<T>, Wrong> {
    match outcome {
        Ok(answer) => Ok(Some(answer)),
        Err(CallFault { cause: Cause::Refused(_), .. }) => Ok(None),
        Err(fault) => Err(fault.into()),
    }
}

fn described(host: &TestHost) -> Result<(), Wrong> {
    let info = host.meta()?.describe()?;
    let manifest = &host.inspected().manifest;
    if info.id != manifest.id.as_str() {
        return wrong(format!("it says that it is `{}`, and its manifest says `{}`", info.id, manifest.id));
    }
    if info.version != manifest.version.to_string() {
        let said = format!("it says that it has version {}, and its manifest says {}", info.version, manifest.version);
        return wrong(said);
    }
    if info.summary.trim().is_empty() {
        return wrong("it does not say what it is for: `summary` is empty");
    }
    if info.config_schema.is_empty() {
        return Ok(());
    }
    match serde_json::from_str::<serde_json::Value>(&info.config_schema) {
        Ok(schema) if schema.is_object() => Ok(()),
        Ok(_) => wrong("its schema of configurations is no JSON object"),
        Err(error) => wrong(format!("its schema of configurations is no JSON: {error}")),
    }
}

fn configured(host: &TestHost) -> Result<(), Wrong> {
    let meta = host.meta()?;
    for text in noise::configurations() {
        meta.check_config(text)?;
    }
    let mut noise = Noise::new(1);
    for _ in 0..NOISE_ROUNDS {
        meta.check_config(&noise.json(4))?;
        meta.check_config(&noise.text(64))?;
    }
    let errors = meta.check_config("{")?;
    let schema = !meta.describe()?.config_schema.is_empty();
    match errors.iter().any(|advice| advice.severity == Severity::Error) {
        false if schema => wrong("it has a schema of configurations, and finds nothing wrong with `{`"),
        _ => Ok(()),
    }
}
