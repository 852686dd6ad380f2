//! A plan as a file: exactly what an apply does later, or refuses. Values of secrets are not in it; they are resolved
//! again, and have to be the same ones.
//!
//! There is one writing of each plan, and nothing else is read: a file that somebody edited is no plan.

#[cfg(test)]
mod tests;

use crate::base64;
use crate::limits::PLAN_BYTES_MAX;
use crate::units::UnitStep;
use punix_diag::{Code, Diagnostic};
use punix_store::Digest;
use punix_target::{After, Change, FileRow, Generation, Goal, Mark, Plan, TargetPath};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The number of this form.
const SCHEMA: u64 = 1;

/// A plan that is kept, with all that carrying it out takes.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptPlan {
    /// Which target it is for, as the command line names it.
    pub target: String,
    /// The deployments root there.
    pub deployments: String,
    pub plan: Plan,
    /// The contents of files, but for those with secrets.
    pub blobs: BTreeMap<Digest, Vec<u8>>,
    pub push: BTreeSet<String>,
    pub units: Vec<UnitStep>,
}

/// Why a plan cannot be kept, or be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanFileIssue {
    #[error(
        "it cannot be kept: the content of `{path}` is a secret itself, and no reference says where to get it again"
    )]
    Unkeepable { path: TargetPath },
    #[error("it is larger than a plan can be")]
    Large,
    #[error("it is no plan: {reason}")]
    NoPlan { reason: String },
    #[error("it has the form {schema}, and this version knows {SCHEMA}")]
    Schema { schema: u64 },
    #[error("the generation in it cannot be read: {reason}")]
    Record { reason: String },
    #[error("the content `{digest}` in it is damaged, or missing")]
    Blob { digest: String },
    #[error("it is not as it was written")]
    Edited,
}

impl From<&PlanFileIssue> for Diagnostic {
    fn from(issue: &PlanFileIssue) -> Diagnostic {
        let error = Diagnostic::error(Code::E32, format!("this plan: {issue}"));
        match issue {
            PlanFileIssue::Unkeepable { .. } => {
                error.help("deploy without keeping the plan, or refer to the secret in place of its text")
            }
            PlanFileIssue::Large
            | PlanFileIssue::NoPlan { .. }
            | PlanFileIssue::Schema { .. }
            | PlanFileIssue::Record { .. }
            | PlanFileIssue::Blob { .. }
            | PlanFileIssue::Edited => error.help("make the plan again: `punix service plan -o FILE`"),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    schema: u64,
    target: String,
    deployments: String,
    stack: String,
    parent: Option<u32>,
    goal: GoalForm,
    changes: Vec<Change>,
    keep: u32,
    push: BTreeSet<String>,
    units: Vec<UnitStep>,
    /// By digest, in base64.
    blobs: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum GoalForm {
    New { number: u32, record: serde_json::Value },
    Kept(u32),
    Gone,
}

/// Writes a plan.
pub fn write_plan(kept: &KeptPlan) -> Result<Vec<u8>, PlanFileIssue> {
    let plan = &kept.plan;
    let goal = match &plan.goal {
        Goal::New(generation) => {
            if let Some(row) = generation.files.iter().find(|row| is_unkeepable(row, &plan.changes)) {
                return Err(PlanFileIssue::Unkeepable { path: row.path.clone() });
            }
            let record = serde_json::from_slice(&generation.to_bytes())
                .map_err(|error| PlanFileIssue::Record { reason: error.to_string() })?;
            GoalForm::New { number: generation.number, record }
        }
        Goal::Kept(number) => GoalForm::Kept(*number),
        Goal::Gone => GoalForm::Gone,
    };
    let blobs = kept.blobs.iter().map(|(digest, bytes)| (digest.to_string(), base64::encode(bytes)));
    let form = Form {
        schema: SCHEMA,
        target: kept.target.clone(),
        deployments: kept.deployments.clone(),
        stack: plan.stack.clone(),
        parent: plan.parent,
        goal,
        changes: plan.changes.clone(),
        keep: plan.keep,
        push: kept.push.clone(),
        units: kept.units.clone(),
        blobs: blobs.collect(),
    };
    let mut bytes =
        serde_json::to_vec_pretty(&form).map_err(|error| PlanFileIssue::NoPlan { reason: error.to_string() })?;
    bytes.push(b'\n');
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= PLAN_BYTES_MAX) {
        Ok(bytes)
    } else {
        Err(PlanFileIssue::Large)
    }
}

/// Tells whether a file is written whose bytes nothing leads to but the program itself.
fn is_unkeepable(row: &FileRow, changes: &[Change]) -> bool {
    let is_written = |change: &Change| change.path == row.path && matches!(change.after, After::File { .. });
    row.is_secret() && row.chunks.is_none() && changes.iter().any(is_written)
}

/// Reads a plan.
pub fn read_plan(bytes: &[u8]) -> Result<KeptPlan, PlanFileIssue> {
    if u64::try_from(bytes.len()).is_ok_and(|length| length > PLAN_BYTES_MAX) {
        return Err(PlanFileIssue::Large);
    }
    // Of another form nothing else may be understood.
    #[derive(Deserialize)]
    struct Head {
        schema: u64,
    }
    let no_plan = |error: serde_json::Error| PlanFileIssue::NoPlan { reason: error.to_string() };
    let Head { schema } = serde_json::from_slice(bytes).map_err(no_plan)?;
    if schema != SCHEMA {
        return Err(PlanFileIssue::Schema { schema });
    }
    let form: Form = serde_json::from_slice(bytes).map_err(no_plan)?;
    let goal = match form.goal {
        GoalForm::New { number, record } => {
            let record = serde_json::to_vec(&record).map_err(no_plan)?;
            let generation = Generation::from_bytes(&record, &form.stack, number)
                .map_err(|issue| PlanFileIssue::Record { reason: issue.to_string() })?;
            Goal::New(Box::new(generation))
        }
        GoalForm::Kept(number) => Goal::Kept(number),
        GoalForm::Gone => Goal::Gone,
    };
    let mut blobs = BTreeMap::new();
    for (digest, text) in form.blobs {
        let bytes = base64::decode(&text);
        match (Digest::parse(&digest), bytes) {
            (Some(named), Some(bytes)) if Digest::of(&bytes) == named => {
                blobs.insert(named, bytes);
            }
            (_, _) => return Err(PlanFileIssue::Blob { digest }),
        }
    }
    let plan = Plan { stack: form.stack, parent: form.parent, goal, changes: form.changes, keep: form.keep };
    let new = matches!(plan.goal, Goal::New(_));
    let written = plan.changes.iter().filter_map(|change| match change.after {
        After::File { mark: Mark::Sha256(digest), .. } => Some(digest),
        After::File { mark: Mark::HmacSha256(_), .. } | After::Same | After::Nothing => None,
    });
    // What is kept on a target has its contents there.
    if let Some(digest) = written.into_iter().find(|digest| new && !blobs.contains_key(digest)) {
        return Err(PlanFileIssue::Blob { digest: digest.to_string() });
    }
    let kept = KeptPlan {
        target: form.target,
        deployments: form.deployments,
        plan,
        blobs,
        push: form.push,
        units: form.units,
    };
    if write_plan(&kept)? == bytes { Ok(kept) } else { Err(PlanFileIssue::Edited) }
}
