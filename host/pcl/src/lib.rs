//! The configuration language: text to values, pure and total.
//!
//! ```text
//! sources → parse → Ast → check → Checked (Program + diagnostics) → Evaluator → values
//! ```
//!
//! No IO, no clock, no environment: the same text gives the same bytes. Lexing and parsing cannot fail; they give a
//! tree and a list. Nothing recurses over input deeper than [`limits`] allows.

mod ast;
mod canon;
mod check;
mod eval;
mod lexer;
pub mod limits;
mod parser;
mod print;
mod program;
mod symbol;
mod text;
mod types;
mod value;

pub use ast::{Ast, Block, BlockKind, Decl, DeclId, DeclKind, Node, NodeId, Priority};
pub use canon::{TooLong, json, pcl, pcl_string};
pub use check::{BackendFields, Checked, FieldSpec, Kind, Shape, World, check, check_ast};
pub use eval::{Evaluator, Provenance, Site};
pub use parser::{Source, parse};
pub use print::{Unformattable, format};
pub use program::{Member, MemberId, MemberKind, Module, ModuleId, Program, Scenario, ScenarioId};
pub use symbol::{Interner, Symbol};
pub use types::{Type, TypeId, Types};
pub use value::{Items, Value, ValueId, Values};
