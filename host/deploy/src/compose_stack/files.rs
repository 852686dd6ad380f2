//! The files that a stack brings: those of `configFiles`, and the data files that it names.

use super::data::Secrets;
use super::formats::Format;
use super::names::{is_account, mode, plain_path};
use super::reader::{Fields, Reader, Spot, quoted};
use super::services::ServiceNames;
use crate::design::{DesignFile, FileBody};
use punix_diag::{Code, Span};
use punix_model::{Chunk, Scope};

const DATA_FIELDS: &[&str] = &["path", "format", "data", "secret", "mode", "owner", "group", "restarts", "reloads"];

/// Bits by which others than the owner write, and by which they do anything.
const WRITTEN_BY_OTHERS: u32 = 0o022;
const OPEN_TO_OTHERS: u32 = 0o077;

/// What the paths and services of a stack's files are held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'s> {
    pub(super) scope: Scope,
    pub(super) names: &'s ServiceNames,
}

impl Reader<'_> {
    /// Reads the records of `configFiles`.
    pub(super) fn config_files(&mut self, spot: &Spot, around: Surroundings<'_>) -> Vec<DesignFile> {
        let elements = self.elements(spot, "records").unwrap_or_default();
        elements.iter().filter_map(|element| self.config_file(element, around)).collect()
    }

    fn config_file(&mut self, element: &Spot, around: Surroundings<'_>) -> Option<DesignFile> {
        let mut fields = self.fields(element)?;
        let path = self.required_text(&mut fields, "path", "where it is written");
        let body = self.body(&mut fields);
        let path = path.and_then(|(path, spot)| self.path(&path, &spot, around.scope));
        let file = self.attributes(&mut fields, false, around);
        let (path, at) = path?;
        Some(DesignFile { path, at, body: body?, made_by: "raw", ..file })
    }

    fn body(&mut self, fields: &mut Fields) -> Option<FileBody> {
        let (content, source, exclude) = (fields.take("content"), fields.take("source"), fields.take("exclude"));
        let shown = fields.shown.clone();
        match (content, source) {
            (Some(_), Some(source)) => {
                let message = format!("`{shown}` has both `content` and `source`");
                self.error(Code::E6, source.at, message, "the bytes of a file come from one place: remove one of them");
                None
            }
            (None, None) => {
                let message = format!("`{shown}` needs `content` or `source`");
                let help = "add `content = \"…\"`, or `source = \"…\"` with a file or directory beside the program";
                self.error(Code::E3, super::data::beginning(fields.at), message, help);
                None
            }
            (Some(content), None) => {
                if let Some(exclude) = exclude {
                    let message = format!("`{}` leaves out files of a `source`, and here is `content`", exclude.shown);
                    self.error(Code::E2, exclude.at, message, "remove it");
                }
                let text = self.text(&content)?;
                Some(FileBody::Chunks(if text.is_empty() { Vec::new() } else { vec![Chunk::Text(text)] }))
            }
            (None, Some(source)) => {
                let path = self.text(&source)?;
                let exclude = exclude.map(|spot| self.texts(&spot)).unwrap_or_default();
                for (pattern, spot) in &exclude {
                    if pattern.is_empty() {
                        let message = format!("`{}` is empty, and a pattern has to match something", spot.shown);
                        self.refuse(Code::E1, spot, message, "remove it, or write a pattern such as `*.bak`");
                    }
                }
                if path.is_empty() || path.contains('\0') {
                    let message = format!("`{}` is {}, which is no path", source.shown, quoted(&path));
                    self.refuse(Code::E1, &source, message, "name a file or a directory beside the program");
                    return None;
                }
                let exclude = exclude.into_iter().map(|(pattern, _)| pattern).collect();
                Some(FileBody::Source { path, path_at: source.at, exclude })
            }
        }
    }

    /// Makes a path plain, or reports that none can be made of it. A `/` at its end says nothing.
    fn path(&mut self, written: &str, spot: &Spot, scope: Scope) -> Option<(String, Span)> {
        let home = match scope {
            Scope::System => None,
            Scope::User => self.choice.home,
        };
        match plain_path(written, home) {
            Ok(plain) => Some((plain, spot.at)),
            Err(why) => {
                let message =
                    format!("`{}` is {}, which is not a plain absolute path: {why}", spot.shown, quoted(written));
                let help = match (scope, home) {
                    (Scope::System, _) => "write it from the root on: `/etc/…`",
                    (Scope::User, Some(_)) => "write it from the root on, or from the home on: `.config/…`",
                    (Scope::User, None) => "write it from the root on: the home of the user is not known here",
                };
                self.refuse(Code::E30, spot, message, help);
                None
            }
        }
    }

    /// Reads what records and modules of files have in common.
    fn attributes(&mut self, fields: &mut Fields, holds_secret: bool, around: Surroundings<'_>) -> DesignFile {
        let secret = self.optional_flag(fields, "secret") || holds_secret;
        let mode = self.optional_text(fields, "mode").and_then(|(text, spot)| self.mode(&text, &spot, secret));
        let owner = self.account(fields, "owner");
        let group = self.account(fields, "group");
        let restarts = fields.take("restarts").map(|spot| self.service_names(&spot, around.names));
        let reloads = fields.take("reloads").map(|spot| self.service_names(&spot, around.names));
        // Who says what is reloaded has said what happens.
        let restarts = restarts.or_else(|| reloads.as_ref().map(|_| Vec::new()));
        let (path, at, body) = (String::new(), fields.at, FileBody::Chunks(Vec::new()));
        DesignFile { path, at, body, secret, mode, owner, group, restarts, reloads, made_by: "" }
    }

    fn mode(&mut self, text: &str, spot: &Spot, secret: bool) -> Option<u32> {
        let Some(bits) = mode(text) else {
            let message = format!("`{}` is {}, which is no mode of a file", spot.shown, quoted(text));
            self.refuse(Code::E1, spot, message, "write it with octal digits, such as \"0640\"");
            return None;
        };
        if bits & WRITTEN_BY_OTHERS != 0 {
            let message = format!("`{}` is {}, by which others than the owner can write", spot.shown, quoted(text));
            self.refuse(Code::E30, spot, message, "take the write bits of group and others away, such as \"0644\"");
        } else if secret && bits & OPEN_TO_OTHERS != 0 {
            let message = format!("`{}` is {}, by which others can read a secret", spot.shown, quoted(text));
            self.refuse(Code::E30, spot, message, "a file with a secret is for its owner alone, such as \"0600\"");
        }
        Some(bits)
    }

    fn account(&mut self, fields: &mut Fields, name: &str) -> Option<String> {
        let (account, spot) = self.optional_text(fields, name)?;
        if is_account(&account) {
            return Some(account);
        }
        let what = if name == "owner" { "user" } else { "group" };
        let message = format!("`{}` is {}, which cannot be the name of a {what}", spot.shown, quoted(&account));
        self.refuse(Code::E1, &spot, message, format!("name a {what} that the target knows; its number will do too"));
        None
    }

    /// Reads names of services. Those that are disabled are left out.
    pub(super) fn service_names(&mut self, spot: &Spot, names: &ServiceNames) -> Vec<String> {
        let mut services = Vec::new();
        for (name, spot) in self.texts(spot) {
            if names.enabled.contains(&name) {
                if !services.contains(&name) {
                    services.push(name);
                }
            } else if !names.disabled.contains(&name) {
                let message = format!("`{}` is {}, which is not a service of this stack", spot.shown, quoted(&name));
                let help = self.no_service_help(&name, names);
                self.refuse(Code::E2, &spot, message, help);
            }
        }
        services
    }

    /// Reads the data files that a stack names.
    pub(super) fn data_files(&mut self, spot: &Spot, around: Surroundings<'_>) -> Vec<DesignFile> {
        let mut files = Vec::new();
        for (name, spot) in self.texts(spot) {
            let Some(module) = self.module(&spot, &name) else { continue };
            self.slips(module, DATA_FIELDS, "data file");
            let fields = self.members(module, DATA_FIELDS.iter().copied());
            files.extend(self.data_file(fields, around));
        }
        files
    }

    fn data_file(&mut self, mut fields: Fields, around: Surroundings<'_>) -> Option<DesignFile> {
        let path = self.required_text(&mut fields, "path", "where it is written");
        let path = path.and_then(|(path, spot)| self.path(&path, &spot, around.scope));
        let format = self.required_text(&mut fields, "format", "json, yaml, toml or ini");
        let format = format.and_then(|(name, spot)| {
            let format = Format::parse(&name);
            if format.is_none() {
                let help = self.meant(&name, "the formats are", Format::NAMES);
                let message = format!("`{}` is {}, which is no format of a data file", spot.shown, quoted(&name));
                self.refuse(Code::E2, &spot, message, help);
            }
            format
        });
        let data_spot = self.required(&mut fields, "data", "a record with what stands in it");
        let shape = format.unwrap_or(Format::Ini).shape();
        let data = data_spot.as_ref().and_then(|spot| self.data(spot, Secrets::Of(shape)));
        let holds_secret = data.as_ref().is_some_and(super::data::Data::holds_secret);
        let file = self.attributes(&mut fields, holds_secret, around);
        let chunks = match format?.write(&data?) {
            Ok(chunks) => chunks,
            Err(refusals) => {
                for refusal in refusals {
                    self.refuse_part(data_spot.as_ref()?, &refusal.way, &refusal.why, refusal.help);
                }
                return None;
            }
        };
        let (path, at) = path?;
        Some(DesignFile { path, at, body: FileBody::Chunks(chunks), made_by: "std.datafile", ..file })
    }
}
