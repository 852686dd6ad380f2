//! A host and a server for tests: it answers what it was told to, and notes what it was asked.

use crate::ability::{Abilities, Answer, Method, Question};
use crate::config::Config;
use punix_sdk::serde_json::{self, Value};
use punix_sdk::{Error, ErrorClass};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

/// What is answered to one question: each of these once, then the other for ever.
#[derive(Default)]
struct Script {
    once: VecDeque<Line>,
    always: Option<Line>,
}

#[derive(Clone)]
struct Line {
    status: u16,
    body: String,
    retry_after: Option<u32>,
}

#[derive(Default)]
pub(crate) struct Fake {
    scripts: RefCell<BTreeMap<String, Script>>,
    broken: RefCell<VecDeque<Error>>,
    variables: BTreeMap<String, String>,
    files: BTreeMap<(String, String), String>,
    asked: RefCell<Vec<String>>,
    slept: RefCell<Vec<u32>>,
}

/// Makes a configuration of an address and more.
pub(crate) fn config(more: &str) -> Config {
    Config::parse(&format!(r#"{{"address":"https://vault.internal:8200"{more}}}"#)).unwrap()
}

impl Fake {
    pub(crate) fn new() -> Fake {
        Fake::default()
    }

    /// Answers a question such as `GET kv/db` always so.
    pub(crate) fn answer(self, question: &str, status: u16, body: &str) -> Fake {
        self.script(question, |script| script.always = Some(Line { status, body: body.to_owned(), retry_after: None }))
    }

    /// Answers a question once so.
    pub(crate) fn then(self, question: &str, status: u16, body: &str) -> Fake {
        let line = Line { status, body: body.to_owned(), retry_after: None };
        self.script(question, |script| script.once.push_back(line))
    }

    /// Answers a question once so, and says when to come back.
    pub(crate) fn then_after(self, question: &str, status: u16, seconds: u32) -> Fake {
        let line = Line { status, body: String::new(), retry_after: Some(seconds) };
        self.script(question, |script| script.once.push_back(line))
    }

    /// Lets the next question fail on its way.
    pub(crate) fn broken(self, error: Error) -> Fake {
        self.broken.borrow_mut().push_back(error);
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Fake {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn file(mut self, root: &str, path: &str, value: &str) -> Fake {
        self.files.insert((root.to_owned(), path.to_owned()), value.to_owned());
        self
    }

    /// Returns what was asked, with the secrets that the host put in between `<` and `>`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }

    pub(crate) fn slept(&self) -> Vec<u32> {
        self.slept.borrow().clone()
    }

    fn script(self, question: &str, change: impl FnOnce(&mut Script)) -> Fake {
        change(self.scripts.borrow_mut().entry(question.to_owned()).or_default());
        self
    }
}

impl Abilities for Fake {
    type Secret = String;
    type Body = String;

    fn send(&self, question: &Question<'_, String>) -> Result<Answer<String>, Error> {
        let (_, path) = question.url.split_once("/v1/").unwrap();
        let method = match question.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Head | Method::Put | Method::Delete | Method::VaultList => "another method",
        };
        let short = format!("{method} {path}");
        let mut line = short.clone();
        if let Some(token) = question.token {
            line.push_str(&format!(" [token {token}]"));
        }
        for (name, value) in &question.headers {
            line.push_str(&format!(" [{name}: {value}]"));
        }
        if let Some(body) = &question.body {
            let mut body: Value = serde_json::from_str(body).unwrap();
            for (pointer, secret) in &question.fill {
                *body.pointer_mut(pointer).unwrap() = Value::from(format!("<{secret}>"));
            }
            line.push_str(&format!(" {body}"));
        }
        self.asked.borrow_mut().push(line);
        if let Some(error) = self.broken.borrow_mut().pop_front() {
            return Err(error);
        }
        let mut scripts = self.scripts.borrow_mut();
        let script = scripts.entry(short).or_default();
        let absent = Line { status: 404, body: "{}".to_owned(), retry_after: None };
        let line = script.once.pop_front().or_else(|| script.always.clone()).unwrap_or(absent);
        Ok(Answer {
            status: line.status,
            retry_after: line.retry_after.map(|seconds| seconds.to_string()),
            body: line.body,
        })
    }

    fn secret_at(&self, body: &String, pointer: &str) -> Result<String, Error> {
        let body: Value = serde_json::from_str(body).unwrap();
        match body.pointer(pointer) {
            None | Some(Value::Null) => Err(Error::not_found("host.pointer", "nothing is there")),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Array(_) | Value::Object(_)) => Err(Error::invalid("host.pointer", "it is not a text")),
            Some(other) => Ok(other.to_string()),
        }
    }

    fn public_at(&self, body: &String, pointer: &str) -> Result<Option<String>, Error> {
        // What the manifest does not ask for, the host denies.
        if !include_str!("../punix-plugin.toml").contains(&format!("\"{pointer}\"")) {
            return Err(Error::new(ErrorClass::Denied, "host.denied", "not granted"));
        }
        let body: Value = serde_json::from_str(body).unwrap();
        Ok(body.pointer(pointer).filter(|value| !value.is_null()).map(ToString::to_string))
    }

    fn variable(&self, name: &str) -> Result<Option<String>, Error> {
        assert!(
            include_str!("../punix-plugin.toml").contains(&format!("name = \"{name}\"")),
            "{name} is not asked for"
        );
        Ok(self.variables.get(name).cloned())
    }

    fn file(&self, root: &str, path: &str) -> Result<Option<String>, Error> {
        assert!(
            include_str!("../punix-plugin.toml").contains(&format!("root = \"{root}\"")),
            "{root} is not asked for"
        );
        Ok(self.files.get(&(root.to_owned(), path.to_owned())).cloned())
    }

    fn now_ms(&self) -> u64 {
        self.slept.borrow().iter().map(|milliseconds| u64::from(*milliseconds)).sum()
    }

    fn sleep_ms(&self, milliseconds: u32) {
        self.slept.borrow_mut().push(milliseconds);
    }
}
