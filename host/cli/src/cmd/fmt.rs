//! `punix fmt`

use crate::args::Fmt;
use crate::exit::Exit;
use crate::ui::Ui;

pub(crate) fn run(ui: &Ui, args: &Fmt) -> Exit {
    let _ = args;
    ui.refuse("not yet", None)
}
