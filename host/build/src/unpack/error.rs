//! Why an archive is not unpacked. Names in archives may hold anything, so they are shown escaped.

use super::Format;
use crate::limits::{
    ARCHIVE_KEPT_BYTES_MAX, ARCHIVE_LINK_BYTES_MAX, ARCHIVE_NAME_BYTES_MAX, LINK_TURNS_MAX, SPARSE_PIECES_MAX,
    TAR_EXTENDED_BYTES_MAX, WINDOW_BYTES_MAX, ZIP_LIST_BYTES_MAX,
};
use punix_diag::{Code, Diagnostic, visible};
use punix_disk::Kind;
use std::io::{self, ErrorKind};

/// Why an archive is not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    #[error("the archive cannot be read: {0}")]
    Read(#[source] io::Error),
    #[error(transparent)]
    Write(io::Error),
    #[error("the file is not {}, as its name says", .wanted.described())]
    Other {
        wanted: Format,
        /// What its first bytes look like.
        found: Option<Format>,
    },
    #[error("the archive is damaged: {why}")]
    Damaged { why: String },
    #[error("the archive is not accepted: `{}` {fault}", shown(.name))]
    Entry { name: Vec<u8>, fault: Fault },
    #[error("the archive holds nothing")]
    Empty,
    #[error("the archive has more than {max} entries")]
    TooMany { max: u64 },
    #[error("the archive unpacks to more than {max} bytes")]
    TooLarge { max: u64 },
    #[error("the archive wants more than {} MiB of memory to be unpacked", WINDOW_BYTES_MAX >> 20)]
    Window,
    #[error("the archive has directories whose names are more than {} MiB", ARCHIVE_KEPT_BYTES_MAX >> 20)]
    Names,
    #[error("the archive has a list of entries of more than {} MiB", ZIP_LIST_BYTES_MAX >> 20)]
    List,
    #[error("unpacking was stopped")]
    Stopped,
}

/// What is wrong with one entry. Each reads on after the entry's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("is an absolute name")]
    Absolute,
    #[error("has a part `..`")]
    Upwards,
    #[error("has a NUL in its name")]
    Nul,
    #[error("is no name")]
    NoName,
    #[error("has a part of more than {ARCHIVE_NAME_BYTES_MAX} bytes")]
    NameTooLong,
    #[error("is a path of more than {max} bytes")]
    PathTooLong { max: usize },
    #[error("is more than {max} directories deep")]
    TooDeep { max: usize },
    #[error("is {}, but an earlier entry made {} of it", kind(*.wanted), kind(*.found))]
    Clash { wanted: Kind, found: Kind },
    #[error("lies beneath something that is no directory")]
    NoDirectory,
    #[error("is a link to nothing")]
    LinkEmpty,
    #[error("is a link to more than {ARCHIVE_LINK_BYTES_MAX} bytes")]
    LinkTooLong,
    #[error("is a link that goes up again more than {LINK_TURNS_MAX} times")]
    LinkTurns,
    #[error("is a link to `{}`, which is absolute", shown(.target))]
    LinkAbsolute { target: Vec<u8> },
    #[error("is a link to `{}`, which is outside of the archive", shown(.target))]
    LinkOutside { target: Vec<u8> },
    #[error("is another name of `{}`, which is no file that was unpacked before", shown(.target))]
    HardLink { target: Vec<u8> },
    #[error("is {0}")]
    Kind(&'static str),
    #[error("is of an unknown kind, `{}`", shown(&[*.0]))]
    UnknownKind(u8),
    #[error("has headers of more than {TAR_EXTENDED_BYTES_MAX} bytes")]
    Headers,
    #[error("has headers that cannot be read: {0}")]
    Unreadable(&'static str),
    #[error("is a file in more than {SPARSE_PIECES_MAX} pieces")]
    Pieces,
    #[error("is a file in pieces that do not fit together")]
    Sparse,
    #[error("is encrypted")]
    Encrypted,
    #[error("is packed by method {0}, which is not supported")]
    Method(u16),
    #[error("is damaged: {0}")]
    Damaged(String),
}

impl Fault {
    /// Makes an error of a fault, with the name of the entry that has it.
    pub(super) fn of(self, name: &[u8]) -> UnpackError {
        UnpackError::Entry { name: name.to_owned(), fault: self }
    }
}

impl UnpackError {
    pub(super) fn damaged(why: impl Into<String>) -> UnpackError {
        UnpackError::Damaged { why: why.into() }
    }

    /// Tells what a decoder could not do.
    pub(super) fn decoding(error: io::Error) -> UnpackError {
        match error.kind() {
            // What the operating system said is about the file, not about what is in it.
            _ if error.raw_os_error().is_some() => UnpackError::Read(error),
            ErrorKind::OutOfMemory => UnpackError::Window,
            ErrorKind::UnexpectedEof => UnpackError::damaged("it ends too early"),
            _ => UnpackError::damaged(error.to_string()),
        }
    }

    /// Tells for which entry an archive turned out to be damaged.
    pub(super) fn in_entry(self, name: &[u8]) -> UnpackError {
        match self {
            UnpackError::Damaged { why } => Fault::Damaged(why).of(name),
            other => other,
        }
    }
}

impl From<UnpackError> for Diagnostic {
    fn from(error: UnpackError) -> Diagnostic {
        let diagnostic = Diagnostic::error(Code::E9, error.to_string());
        match error {
            UnpackError::Other { found: Some(found), .. } => {
                diagnostic.help(format!("it looks like {}: correct its name", found.described()))
            }
            UnpackError::Write(error) if error.kind() == ErrorKind::StorageFull => {
                diagnostic.help("make room on the disk, and try again")
            }
            UnpackError::Read(_)
            | UnpackError::Write(_)
            | UnpackError::Other { .. }
            | UnpackError::Damaged { .. }
            | UnpackError::Entry { .. }
            | UnpackError::Empty
            | UnpackError::TooMany { .. }
            | UnpackError::TooLarge { .. }
            | UnpackError::Window
            | UnpackError::Names
            | UnpackError::List
            | UnpackError::Stopped => diagnostic,
        }
    }
}

fn shown(name: &[u8]) -> String {
    let mut text = String::new();
    visible(&String::from_utf8_lossy(name), &mut text);
    text
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "a file",
        Kind::Directory => "a directory",
        Kind::Link => "a link",
        Kind::Other => "something else",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unpack::Compression;
    use expect_test::{Expect, expect};
    use punix_diag::{Detail, Look, SourceMap, render};

    fn check(error: UnpackError, expected: Expect) {
        let look = Look { color: false, detail: Detail::Lines };
        expected.assert_eq(&render(&[error.into()], &SourceMap::default(), look));
    }

    #[test]
    fn a_name_that_would_move_the_cursor() {
        check(
            Fault::Upwards.of(b"../\x1b[2J\n\xff\xe2\x80\xae"),
            expect![[r#"
                error: [E9] the archive is not accepted: `../\u{1b}[2J\n�\u{202e}` has a part `..`
            "#]],
        );
    }

    #[test]
    fn a_file_with_the_wrong_name() {
        let found = Some(Format::Tar(Compression::Xz));
        check(
            UnpackError::Other { wanted: Format::Zip, found },
            expect![[r#"
                error: [E9] the file is not a zip archive, as its name says
                help: it looks like a tar archive packed with xz: correct its name
            "#]],
        );
    }

    #[test]
    fn a_clash() {
        check(
            Fault::Clash { wanted: Kind::Directory, found: Kind::File }.of(b"a"),
            expect![[r#"
                error: [E9] the archive is not accepted: `a` is a directory, but an earlier entry made a file of it
            "#]],
        );
    }
}
