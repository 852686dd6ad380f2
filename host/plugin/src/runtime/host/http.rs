//! Requests that the host makes.

use super::Answer;
use crate::ability::http::{Answered, Asked, Value, Written, send};
use crate::ability::secrets::Made;
use crate::request::Method;
use crate::runtime::bindings::cap::punix::cap::http::{self, Host, Request, Response};
use crate::runtime::resource::{Blob, Origin};
use crate::runtime::state::State;
use crate::world::Kind;
use punix_model::PluginError;

impl Host for State {
    fn send(&mut self, request: Request) -> Answer<Response> {
        let plain = request.headers.iter().map(|(name, value)| match value {
            http::Value::Plain(text) => name.len() + text.len(),
            http::Value::Sealed((before, _)) => name.len() + before.len(),
        });
        let pointers = request.fill.iter().map(|(pointer, _)| pointer.len());
        self.passes(plain.chain(pointers).fold(request.url.len(), usize::saturating_add))?;
        match self.ask(&request)? {
            Ok(Answered { status, headers, body, public, host }) => {
                self.used(Kind::Http);
                let origin = Origin::Host(host);
                let blob = Blob { bytes: body, read: 0, sealed: true, made: Made::Whole, origin, public };
                let body = self.push_blob(blob)?;
                Ok(Ok(Response { status, headers, body }))
            }
            Err(error) => self.tell(Some(Kind::Http), error),
        }
    }
}

impl State {
    /// Reads the handles of a request, and has it made.
    fn ask(&self, request: &Request) -> wasmtime::Result<Result<Answered, PluginError>> {
        let mut headers = Vec::with_capacity(request.headers.len());
        for (name, value) in &request.headers {
            let value = match value {
                http::Value::Plain(text) => Value::Plain(text),
                http::Value::Sealed((before, secret)) => Value::Sealed(before, self.table.get(secret)?.value.as_ref()),
            };
            headers.push((name.as_str(), value));
        }
        let body = match &request.body {
            Some(body) => {
                let blob = self.table.get(body)?;
                Some(Written { bytes: &blob.bytes, sealed: blob.sealed })
            }
            None => None,
        };
        let mut fill = Vec::with_capacity(request.fill.len());
        for (pointer, secret) in &request.fill {
            fill.push((pointer.as_str(), self.table.get(secret)?.value.as_ref()));
        }
        let asked = Asked {
            method: method(request.method),
            url: &request.url,
            headers,
            body,
            fill,
            timeout_ms: request.timeout_ms,
        };
        let web = self.outside.web.as_ref();
        Ok(send(&self.effective.http, &self.subject.config, web, &asked, self.deadline, &self.limits))
    }
}

fn method(method: http::Method) -> Method {
    match method {
        http::Method::Get => Method::Get,
        http::Method::Head => Method::Head,
        http::Method::Post => Method::Post,
        http::Method::Put => Method::Put,
        http::Method::Delete => Method::Delete,
        http::Method::VaultList => Method::VaultList,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::Form;
    use crate::outside::WebAnswer;
    use crate::pattern::{HostPattern, PathPattern};
    use crate::policy::HttpAccess;
    use crate::runtime::bindings::cap::punix::base::types::ErrorClass;
    use crate::runtime::bindings::cap::punix::cap::blobs::{HostBlob, HostSink};
    use crate::runtime::bindings::cap::punix::cap::{env, secrets};
    use crate::runtime::testing::{Desk, refusal};
    use crate::word::Pointer;
    use std::collections::BTreeSet;
    use wasmtime::component::Resource;
    use zeroize::Zeroizing;

    fn desk() -> Desk {
        let access = HttpAccess {
            host: HostPattern::parse("vault.example.com:8200").unwrap(),
            configured: None,
            methods: BTreeSet::from([Method::Get, Method::Post]),
            paths: BTreeSet::from([PathPattern::parse("/v1/*").unwrap()]),
            public: BTreeSet::from([Pointer::parse("/lease_duration").unwrap()]),
            plain_http: false,
            private: false,
            ca: None,
        };
        let body = br#"{"data":{"key":"hunter2"},"lease_duration":60}"#.to_vec();
        let answer = WebAnswer { status: 200, headers: Vec::new(), body: Zeroizing::new(body) };
        Desk::new().http(access).answer(answer).env("TOKEN", Form::Secret).variable("TOKEN", b"token-1")
    }

    fn get(path: &str) -> Request {
        Request {
            method: http::Method::Get,
            url: format!("https://vault.example.com:8200{path}"),
            headers: Vec::new(),
            body: None,
            fill: Vec::new(),
            timeout_ms: 0,
        }
    }

    #[test]
    fn an_answer_is_sealed_but_for_what_is_public() {
        let desk = desk();
        let mut state = desk.state();
        let token = env::Host::get_secret(&mut state, "TOKEN".to_owned()).unwrap().unwrap().unwrap();
        let headers = vec![("x-vault-token".to_owned(), http::Value::Sealed((String::new(), token)))];
        let response = state.send(Request { headers, ..get("/v1/kv") }).unwrap().unwrap();
        assert_eq!(
            *desk.world.asked.lock().unwrap(),
            ["get https://vault.example.com:8200/v1/kv x-vault-token=token-1 "]
        );
        let body = || Resource::new_own(response.body.rep());
        assert_eq!(refusal(state.read(body(), 10)).class, ErrorClass::Denied);
        let lease = secrets::Host::public_json(&mut state, body(), "/lease_duration".to_owned());
        assert_eq!(lease.unwrap().unwrap().as_deref(), Some("60"));
        let key = secrets::Host::public_json(&mut state, body(), "/data/key".to_owned());
        assert_eq!(refusal(key).class, ErrorClass::Denied);
        let key = secrets::Host::extract_json(&mut state, body(), "/data/key".to_owned()).unwrap().unwrap();
        let held = state.table.get(&key).unwrap();
        assert_eq!(held.value.expose(), b"hunter2");
        assert_eq!(held.origin, Origin::Host("vault.example.com:8200".to_owned()));
        assert_eq!((state.uses.get(&Kind::Http), state.denied.get(&Kind::Http)), (Some(&1), None));
    }

    #[test]
    fn nobody_is_asked_what_is_not_granted() {
        let desk = desk();
        let mut state = desk.state();
        for request in [
            get("/admin"),
            Request { method: http::Method::Put, ..get("/v1/kv") },
            Request { url: "https://evil.example.com/v1/kv".to_owned(), ..get("") },
            Request { url: "http://vault.example.com:8200/v1/kv".to_owned(), ..get("") },
        ] {
            assert_eq!(refusal(state.send(request)).class, ErrorClass::Denied);
        }
        assert!(desk.world.asked.lock().unwrap().is_empty());
        assert_eq!((state.uses.get(&Kind::Http), state.denied.get(&Kind::Http)), (None, Some(&4)));
    }

    /// A body that is filled is read as JSON; one with a secret in it would answer questions about the secret.
    #[test]
    fn nothing_is_filled_into_what_is_sealed() {
        let desk = desk();
        let mut state = desk.state();
        let first = state.send(get("/v1/kv")).unwrap().unwrap();
        let token = env::Host::get_secret(&mut state, "TOKEN".to_owned()).unwrap().unwrap().unwrap();
        let sink = state.new().unwrap().rep();
        state.write(Resource::new_own(sink), br#"{"guess":"#.to_vec()).unwrap().unwrap();
        state.append(Resource::new_own(sink), first.body).unwrap().unwrap();
        state.write(Resource::new_own(sink), b"}".to_vec()).unwrap().unwrap();
        let body = state.finish(Resource::new_own(sink)).unwrap().unwrap();
        let request = Request {
            method: http::Method::Post,
            body: Some(body),
            fill: vec![("/guess/data/key".to_owned(), token)],
            ..get("/v1/login")
        };
        assert_eq!(refusal(state.send(request)).code, "http.sealed-body");
    }
}
