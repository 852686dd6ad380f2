//! What new projects are made of: the SDK and the templates, as they stand in `sdk/`. Files are listed by hand, so that
//! what goes into the binary is chosen; a test compares the lists with the directories.

use crate::args::plugin::make::{Language, PluginKind};

/// A file that is part of punix.
pub(super) struct Embedded {
    pub(super) path: &'static str,
    pub(super) text: &'static str,
}

macro_rules! embedded {
    ($root:literal: $($path:literal)*) => {
        &[$(Embedded {
            path: $path,
            text: include_str!(concat!("../../../../../../sdk/", $root, $path)),
        }),*]
    };
}

const SDK_RUST: &[Embedded] = embedded! { "":
    "Cargo.lock"
    "Cargo.toml"
    "src/abi.rs"
    "src/backend.rs"
    "src/backend/body.rs"
    "src/backend/markers.rs"
    "src/backend/shapes.rs"
    "src/cap.rs"
    "src/cap/blobs.rs"
    "src/cap/http.rs"
    "src/cap/log.rs"
    "src/config.rs"
    "src/error.rs"
    "src/info.rs"
    "src/lib.rs"
    "src/panic.rs"
    "src/quote.rs"
    "src/resolver.rs"
    "src/transport.rs"
};

const SDK_C: &[Embedded] = embedded! { "":
    "c/README.md"
    "c/bindings/backend.c"
    "c/bindings/backend.h"
    "c/bindings/resolver.c"
    "c/bindings/resolver.h"
    "c/bindings/transport.c"
    "c/bindings/transport.h"
    "c/include/stdlib.h"
    "c/include/string.h"
    "c/runtime/punix_runtime.c"
    "c/runtime/punix_runtime.h"
    "c/runtime/punix_text.c"
};

const RUST_BACKEND: &[Embedded] = embedded! { "templates/rust/backend/":
    "Cargo.toml"
    "README.md"
    "gitignore"
    "punix-plugin.toml"
    "rustfmt.toml"
    "src/lib.rs"
    "src/render.rs"
    "src/session.rs"
    "tests/cases/service.expected"
    "tests/cases/service.toml"
};

const RUST_RESOLVER: &[Embedded] = embedded! { "templates/rust/resolver/":
    "Cargo.toml"
    "README.md"
    "config.schema.json"
    "gitignore"
    "punix-plugin.toml"
    "rustfmt.toml"
    "src/lib.rs"
    "src/reference.rs"
    "tests/cases/found.expected"
    "tests/cases/found.toml"
    "tests/cases/not-found.expected"
    "tests/cases/not-found.toml"
};

const RUST_TRANSPORT: &[Embedded] = embedded! { "templates/rust/transport/":
    "Cargo.toml"
    "README.md"
    "gitignore"
    "punix-plugin.toml"
    "rustfmt.toml"
    "src/lib.rs"
    "src/words.rs"
    "tests/cases/container.expected"
    "tests/cases/container.toml"
    "tests/cases/port.expected"
    "tests/cases/port.toml"
};

const C_BACKEND: &[Embedded] = embedded! { "templates/c/backend/":
    "Makefile"
    "README.md"
    "gitignore"
    "punix-plugin.toml"
    "src/plugin.c"
    "src/render.c"
    "src/service.c"
    "src/service.h"
    "src/session.c"
    "tests/cases/service.expected"
    "tests/cases/service.toml"
    "tests/unit.c"
};

const C_RESOLVER: &[Embedded] = embedded! { "templates/c/resolver/":
    "Makefile"
    "README.md"
    "gitignore"
    "punix-plugin.toml"
    "src/plugin.c"
    "src/reference.c"
    "src/reference.h"
    "tests/cases/variables.expected"
    "tests/cases/variables.toml"
    "tests/unit.c"
};

const C_TRANSPORT: &[Embedded] = embedded! { "templates/c/transport/":
    "Makefile"
    "README.md"
    "gitignore"
    "punix-plugin.toml"
    "src/container.c"
    "src/container.h"
    "src/plugin.c"
    "tests/cases/container.expected"
    "tests/cases/container.toml"
    "tests/cases/port.expected"
    "tests/cases/port.toml"
    "tests/unit.c"
};

/// Returns the SDK for a language.
pub(super) fn sdk(language: Language) -> &'static [Embedded] {
    match language {
        Language::Rust => SDK_RUST,
        Language::C => SDK_C,
    }
}

/// Returns a project, but for its SDK.
pub(super) fn template(kind: PluginKind, language: Language) -> &'static [Embedded] {
    match (language, kind) {
        (Language::Rust, PluginKind::Backend) => RUST_BACKEND,
        (Language::Rust, PluginKind::Resolver) => RUST_RESOLVER,
        (Language::Rust, PluginKind::Transport) => RUST_TRANSPORT,
        (Language::C, PluginKind::Backend) => C_BACKEND,
        (Language::C, PluginKind::Resolver) => C_RESOLVER,
        (Language::C, PluginKind::Transport) => C_TRANSPORT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    /// Lists every file below a directory of `sdk/`, by its path there.
    fn found(root: &str, below: &str) -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk").join(root);
        let mut open = vec![root.join(below)];
        let mut files = BTreeSet::new();
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                files.insert(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
            }
        }
        files
    }

    fn listed(files: &[Embedded]) -> BTreeSet<String> {
        files.iter().map(|file| file.path.to_owned()).collect()
    }

    #[test]
    fn nothing_of_the_sdk_is_forgotten() {
        let mut rust = found("", "src");
        rust.extend(["Cargo.lock", "Cargo.toml"].map(str::to_owned));
        assert_eq!(listed(SDK_RUST), rust);
        assert_eq!(listed(SDK_C), found("", "c"));
    }

    #[test]
    fn nothing_of_the_templates_is_forgotten() {
        for language in [Language::Rust, Language::C] {
            for kind in [PluginKind::Backend, PluginKind::Resolver, PluginKind::Transport] {
                let directory = format!(
                    "templates/{}/{}",
                    match language {
                        Language::Rust => "rust",
                        Language::C => "c",
                    },
                    match kind {
                        PluginKind::Backend => "backend",
                        PluginKind::Resolver => "resolver",
                        PluginKind::Transport => "transport",
                    }
                );
                assert_eq!(listed(template(kind, language)), found(&directory, ""), "{directory}");
            }
        }
    }
}
