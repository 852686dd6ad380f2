//! The rooms of a deploy. Each takes what the room before it made; deciding files do no IO.
//!
//! First the packages of a program are composed and realised in the store, then a stack is: read, rendered, bounded, spliced,
//! recorded, planned. What is done on a target is planned here and carried out elsewhere.

mod artifacts;
mod base64;
mod boundary;
mod certificate;
mod compose;
mod compose_stack;
mod design;
mod diff;
mod draft;
mod entries;
mod failure;
mod fleet;
#[cfg(test)]
#[path = "../../../tests/fuzzing.rs"]
mod fuzzing;
mod health;
mod limits;
mod places;
mod plan;
mod plan_file;
mod render;
mod sources;
mod splice;
#[cfg(test)]
mod testing;
mod tls;
mod units;
mod value;

pub use artifacts::{
    Artifact, Artifacts, Consumed, Filling, Links, Produced, Production, artifact_token, artifact_values, asked_of,
    made_anew, present,
};
pub use boundary::check_boundary;
pub use compose::{Choice, Composed, Local, Spans, compose_packages};
pub use compose_stack::{StackChoice, compose_stack, packages_of};
pub use design::{ArtifactName, Design, DesignFile, FileBody, Service, Tls, Variable};
pub use diff::{Body, Fate, FileDiff, Hunk, Line, LineKind, SecretDiff, Texts, generation_diff, plan_diff};
pub use draft::{ByReference, Circumstances, ProgramBytes, draft, draft_by_reference, source_hash, timestamp};
pub use entries::{Unknown, add_entry};
pub use failure::explain;
pub use fleet::{
    Fleet, FleetHost, HostLinks, Model, Order, Rules, Run, Status, Upstream, fleet_collision, fleet_directory,
    fleet_order, read_fleet, read_hosts,
};
pub use health::{Gate, GateProbe, Next, Timing, Watch};
pub use places::Places;
pub use plan::{
    Anew, Counts, Decided, Deploy, Drift, Go, Ground, KEEP, PlanError, Planned, Policy, Refusal, Repair, Standing,
    Turn, Warning, Wish, as_others, back_from, kept, plan, question, question_for, same_secrets,
};
pub use plan_file::{KeptPlan, PlanFileIssue, read_plan, write_plan};
pub use render::{Rendered, RenderedFile, Renderer, render, same_forms, stack_of};
pub use sources::{SourceFile, SourceHeld, Sources, read_sources};
pub use splice::{Content, Contents, references, splice, splice_record};
pub use tls::{
    CertificateSource, Fits, Pair, add_pairs, certificate_of, certificates_of, domain_of, keep_pairs, key_reference,
    read_pairs,
};
pub use units::{Activation, Deed, Reason, UnitStep, stack_for_units, stack_to_bring_up, unit_steps, wishes};
