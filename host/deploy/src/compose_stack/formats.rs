//! Data as files. What a format cannot hold is refused, never changed; the keys keep their order. Secrets become chunks in
//! the encoding of the format, which brings the quotes.

pub(super) mod ini;
pub(super) mod json;
pub(super) mod toml;
pub(super) mod yaml;

use super::data::Data;
use punix_model::{Chunk, Encoding, Shape};

/// What a data file can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Yaml,
    Toml,
    Ini,
}

/// What a format does not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Where in the data.
    pub(super) way: Vec<String>,
    /// The end of a sentence that begins with the name of the value.
    pub(super) why: String,
    pub(super) help: &'static str,
}

impl Format {
    pub(super) const NAMES: &[&str] = &["json", "yaml", "toml", "ini"];

    pub(super) fn parse(name: &str) -> Option<Format> {
        match name {
            "json" => Some(Format::Json),
            "yaml" => Some(Format::Yaml),
            "toml" => Some(Format::Toml),
            "ini" => Some(Format::Ini),
            _ => None,
        }
    }

    /// Returns what a secret may look like to stand in it.
    pub(super) fn shape(self) -> Shape {
        match self {
            Format::Json | Format::Yaml | Format::Toml => Shape::Text,
            Format::Ini => Shape::SingleLine,
        }
    }

    /// Writes data.
    pub(super) fn write(self, data: &Data) -> Result<Vec<Chunk>, Vec<Refusal>> {
        match self {
            Format::Json => Ok(json::pretty(data)),
            Format::Yaml => yaml::write(data),
            Format::Toml => toml::write(data),
            Format::Ini => ini::write(data),
        }
    }
}

/// A file that is being written.
#[derive(Debug, Default)]
pub(super) struct Text {
    chunks: Vec<Chunk>,
    text: String,
}

impl Text {
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn secret(&mut self, slot: u32, encoding: &str) {
        if !self.text.is_empty() {
            self.chunks.push(Chunk::Text(std::mem::take(&mut self.text)));
        }
        self.chunks.push(Chunk::Secret(slot, Encoding(encoding.to_owned())));
    }

    pub(super) fn finish(mut self) -> Vec<Chunk> {
        if !self.text.is_empty() {
            self.chunks.push(Chunk::Text(self.text));
        }
        self.chunks
    }
}

fn is_scalar(data: &Data) -> bool {
    match data {
        Data::Bool(_) | Data::Int(_) | Data::Text(_) | Data::Secret(_) => true,
        Data::List(_) | Data::Record(_) => false,
    }
}

#[cfg(test)]
mod tests;
