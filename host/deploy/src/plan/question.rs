//! What a target has to be asked before there can be a plan.

use crate::design::Design;
use crate::render::Rendered;
use punix_model::Scope;
use punix_target::{Generation, Question};

/// Returns the services that are run as somebody else than whoever deploys them.
pub fn as_others(design: &Design) -> Vec<String> {
    let others = design.services.iter().filter(|service| design.scope == Scope::System && service.runs_as_other);
    others.map(|service| service.name.clone()).collect()
}

/// Asks about what was rendered.
pub fn question(design: &Design, rendered: &Rendered, store_paths: &[String]) -> Question {
    Question {
        stack: design.name.clone(),
        for_others: !as_others(design).is_empty(),
        paths: rendered.files.iter().map(|file| (file.path.clone(), file.secret)).collect(),
        store_paths: store_paths.iter().cloned().collect(),
        users: rendered.files.iter().filter_map(|file| file.owner.clone()).collect(),
        groups: rendered.files.iter().filter_map(|file| file.group.clone()).collect(),
    }
}

/// Asks about a generation that is kept.
pub fn question_for(generation: &Generation) -> Question {
    Question {
        stack: generation.stack.clone(),
        paths: generation.files.iter().map(|row| (row.path.clone(), row.is_secret())).collect(),
        store_paths: generation.store_paths.iter().cloned().collect(),
        for_others: false,
        users: generation.files.iter().filter_map(|row| row.owner.clone()).collect(),
        groups: generation.files.iter().filter_map(|row| row.group.clone()).collect(),
    }
}
