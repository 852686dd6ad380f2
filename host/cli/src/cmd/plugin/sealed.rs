//! `punix plugin test` of a sealed `punix`, which says that there it is not. Trying a plugin compiles it.

use super::Stopped;
use crate::args::plugin::make::Test;
use crate::exit::Exit;
use crate::ui::Ui;

pub(super) fn run(_: &Ui, _: &Test) -> Result<Exit, Stopped> {
    Err(Stopped::usage(
        "`plugin test` compiles the plugin, and this is a sealed `punix`, without a compiler",
        "use a `punix` that was built without `--features sealed`",
    ))
}
