//! The table of codes. A code is never reused and never changes its meaning; each has a page under
//! `docs/errors/` and, once a room raises it, a golden test.

/// Names the room that raises a code, so that a reader of the table knows where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// The language: parse, check and evaluation.
    Language,
    /// The store, sources and builds.
    Store,
    /// Composing, resolving, deploying and rolling back.
    Deploy,
    /// Plugins: reading, inspecting, granting and running them.
    Plugin,
}

macro_rules! codes {
    ($($name:ident $text:literal $room:ident $title:literal;)*) => {
        /// Identifies one kind of error, stable over all versions.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($name),* }

        impl Code {
            /// Lists every code in order.
            pub const ALL: &[Code] = &[$(Code::$name),*];

            /// Returns the code as users see it, such as `E4`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text),* }
            }

            /// Returns what the code stands for in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title),* }
            }

            /// Returns the room that raises the code.
            pub fn room(self) -> Room {
                match self { $(Code::$name => Room::$room),* }
            }
        }
    };
}

codes! {
    E0 "E0" Language "the text is not PCL";
    E1 "E1" Language "a value has the wrong type";
    E2 "E2" Language "a name is not known";
    E3 "E3" Language "something required is missing";
    E4 "E4" Language "two definitions compete";
    E5 "E5" Language "an `if` or a `for` does not fit together";
    E6 "E6" Language "a member is declared twice, or not literally";
    E7 "E7" Language "a cycle";
    E8 "E8" Store "a build failed";
    E9 "E9" Store "a source cannot be had";
    E10 "E10" Store "a download is not what its hash says";
    E11 "E11" Deploy "secrets are not set";
    E12 "E12" Deploy "there is nothing sound to roll back to";
    E13 "E13" Store "an output is not what its hash says";
    E14 "E14" Store "no source for this system";
    E15 "E15" Language "two packages share a name";
    E16 "E16" Language "a version that its source does not follow";
    E17 "E17" Deploy "the target is another kind of machine";
    E18 "E18" Deploy "a path belongs to somebody else";
    E19 "E19" Deploy "the plan is old";
    E20 "E20" Language "a limit is reached";
    E21 "E21" Store "the store is damaged, or no store";
    E22 "E22" Store "collecting is refused";
    E23 "E23" Store "the store is busy, or its disk failed";
    E24 "E24" Plugin "this is not a plugin that can be used";
    E25 "E25" Plugin "a plugin asks for what it may not have";
    E26 "E26" Plugin "a plugin policy or lock cannot be read";
    E27 "E27" Plugin "a plugin is not the one that was chosen";
    E28 "E28" Plugin "a plugin gave no usable answer";
    E29 "E29" Plugin "a plugin says that it cannot";
    E30 "E30" Deploy "a path may not be written";
    E31 "E31" Deploy "the target's disk, or the way to it, failed";
    E32 "E32" Deploy "a record or a journal cannot be understood";
    E33 "E33" Deploy "a secret cannot stand where it would";
    E34 "E34" Deploy "a secret cannot be read";
}

impl Code {
    /// Finds a code by its text, in either case, with or without brackets.
    pub fn parse(text: &str) -> Option<Code> {
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        Code::ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(bare))
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
