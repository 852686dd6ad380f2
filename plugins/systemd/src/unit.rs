//! Unit files made of sections and lines. Nothing here quotes; what is handed in is written as [`crate::quote`] made
//! it.

use crate::fault::unfit;
use crate::quote;
use punix_sdk::Error;
use punix_sdk::backend::Body;

/// A unit file as it comes into being.
#[derive(Debug, Default)]
pub(crate) struct UnitFile {
    body: Body,
    /// The first directive whose line systemd does not read.
    refused: Option<Error>,
}

impl UnitFile {
    /// Begins a section.
    pub(crate) fn section(&mut self, name: &str) {
        if self.body != Body::default() {
            self.body.text("\n");
        }
        self.body.text("[").text(name).line("]");
    }

    /// Writes a directive, whose value is already quoted as it has to be.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        if let Err(why) = quote::unit_line(key, value) {
            let what = format!("the line of `{key}`");
            self.refused.get_or_insert_with(|| unfit("unit", "systemd.unit", &what, why));
        }
        self.body.text(key).text("=").line(value);
    }

    /// Writes a directive with secrets in its value.
    pub(crate) fn set_body(&mut self, key: &str, value: Body) {
        self.body.text(key).text("=").chunks(&value.finish()).text("\n");
    }

    /// Returns the file, if systemd reads all of its lines.
    pub(crate) fn finish(self) -> Result<Body, Error> {
        match self.refused {
            None => Ok(self.body),
            Some(error) => Err(error),
        }
    }
}
