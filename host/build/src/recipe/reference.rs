//! The reference page of the recipes, made from what they say of themselves.

use super::{Recipe, all};
use std::fmt::Write;

const ABOUT: &str = include_str!("reference.md");

/// Returns the whole page.
pub fn reference() -> String {
    let mut page = ABOUT.to_owned();
    for recipe in all() {
        let _ = write!(page, "\n## {}\n\n{}\n", recipe.name, recipe.summary);
        if !recipe.needs.is_empty() {
            let _ = writeln!(page, "{}", recipe.needs);
        }
        let _ = write!(page, "\n{}\n```pcl\n{}\n```\n", table(recipe), recipe.example);
    }
    page
}

/// Returns the arguments of a recipe as a table.
pub fn table(recipe: &Recipe) -> String {
    let mut table = "| argument | type | default | |\n|---|---|---|---|\n".to_owned();
    for argument in &recipe.arguments {
        let preset = match &argument.preset {
            Some(preset) => format!("`{}`", preset.text),
            None => "required".to_owned(),
        };
        let also = argument.also.map(|also| format!(", `{also}`")).unwrap_or_default();
        let _ =
            writeln!(table, "| `{}`{also} | `{}` | {preset} | {} |", argument.name, argument.kind, argument.meaning);
    }
    table
}
