//! `punix plugin pack`: what any compiler made becomes a plugin, when a manifest is put into it.

use super::build::{manifest, write};
use super::{Stopped, by};
use crate::args::plugin::make::Pack;
use crate::exit::Exit;
use crate::ui::{Ui, shown};
use punix_plugin::{pack, read};

pub(super) fn run(ui: &Ui, args: &Pack) -> Result<Exit, Stopped> {
    let manifest = manifest(&args.manifest)?;
    let bare = read(&args.file)?;
    let plugin = pack(bare.bytes(), &manifest).map_err(|error| by(error.into_diagnostic(&shown(&args.file))))?;
    write(ui, "packed", args.output.as_ref().unwrap_or(&args.file), plugin)
}
