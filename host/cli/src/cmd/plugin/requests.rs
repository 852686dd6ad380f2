//! What a plugin asks for, one request at a time, and what is decided about each. The decision itself is the one function
//! that decides when a plugin is loaded; here it is asked about one request, so that its answer can be shown.

use punix_plugin::{
    Bound, Bounds, Cause, Ceiling, Effective, Grant, Key, Manifest, Requests, SecretsRequest, Table, Why, effective,
};

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) key: Key,
    /// In the plugin's words.
    pub(super) why: Why,
    /// Itself, and no other.
    pub(super) alone: Requests,
}

/// What is decided about a request.
#[derive(Debug)]
pub(super) enum Decision {
    /// All that it gives. What is computed for each deploy comes to that.
    Granted(Box<Effective>),
    /// It is granted to a plugin that is part of punix, and computed for each deploy.
    Computed,
    /// It deliberately does not get it.
    Refused,
    /// Nobody decided.
    Undecided { grant: String, revoke: String },
    /// The site does not allow it.
    Forbidden { source: String, revoke: String },
}

/// What is said of one plugin, wherever it is said.
#[derive(Debug)]
pub(super) struct Terms<'a> {
    pub(super) table: Option<Table>,
    /// What its operator took away from a plugin that is part of this binary.
    pub(super) narrower: Option<Bounds>,
    pub(super) ceilings: &'a [Ceiling],
}

/// Lists the requests in one order.
pub(super) fn requests(manifest: &Manifest) -> Vec<Request> {
    let all = &manifest.requests;
    let mut alone: Vec<Requests> = Vec::new();
    alone.extend(all.http.iter().map(|one| Requests { http: vec![one.clone()], ..Requests::default() }));
    alone.extend(all.env.iter().map(|one| Requests { env: vec![one.clone()], ..Requests::default() }));
    alone.extend(all.files.iter().map(|one| Requests { files: vec![one.clone()], ..Requests::default() }));
    alone.extend(all.process.iter().map(|one| Requests { process: vec![one.clone()], ..Requests::default() }));
    alone.extend(all.spawn.iter().map(|one| Requests { spawn: vec![one.clone()], ..Requests::default() }));
    alone.extend(all.ssh.iter().map(|one| Requests { ssh: Some(one.clone()), ..Requests::default() }));
    alone.extend(all.here.iter().map(|one| Requests { here: Some(one.clone()), ..Requests::default() }));
    alone.extend(all.clock.iter().map(|one| Requests { clock: Some(one.clone()), ..Requests::default() }));
    if let Some(secrets) = &all.secrets {
        let only = |seal, reveal| SecretsRequest { seal, reveal, why: secrets.why.clone() };
        let both = [secrets.seal.then(|| only(true, false)), secrets.reveal.then(|| only(false, true))];
        alone.extend(both.into_iter().flatten().map(|one| Requests { secrets: Some(one), ..Requests::default() }));
    }
    let whole = |alone: Requests| {
        let (key, why) = alone.each().first().map(|(key, why)| (key.clone(), (*why).clone()))?;
        Some(Request { key, why, alone })
    };
    alone.into_iter().filter_map(whole).collect()
}

/// Decides about one request.
pub(super) fn decide(manifest: &Manifest, request: &Request, terms: &Terms<'_>) -> Decision {
    let manifest = Manifest { requests: request.alone.clone(), ..manifest.clone() };
    let of_table = terms.narrower.as_ref().map(|bounds| Bound { source: super::project::POLICY, bounds });
    let of_site = terms.ceilings.iter().flat_map(|ceiling| ceiling.bounds_of(&manifest.id));
    let bounds: Vec<Bound<'_>> = of_table.into_iter().chain(of_site).collect();
    match effective(&manifest, terms.table.as_ref(), &bounds) {
        Ok(effective) if effective.refused.is_empty() => Decision::Granted(Box::new(effective)),
        Ok(_) => Decision::Refused,
        Err(denials) => match denials.into_iter().next().map(|denial| denial.cause) {
            Some(Cause::Undecided { grant, revoke }) => Decision::Undecided { grant, revoke },
            Some(Cause::Site { source, revoke }) => Decision::Forbidden { source, revoke },
            // No denial is none.
            None => Decision::Refused,
        },
    }
}

/// Tells whether a grant, by itself, gives anything of what is asked for.
pub(super) fn gives(manifest: &Manifest, request: &Request, grant: &Grant) -> bool {
    let terms =
        Terms { table: Some(Table { grant: grant.clone(), ..Table::default() }), narrower: None, ceilings: &[] };
    match decide(manifest, request, &terms) {
        Decision::Granted(effective) => {
            let Effective { http, env, files, process, spawn, flags, .. } = *effective;
            let lists = [http.len(), env.len(), files.len(), process.len(), spawn.len(), flags.len()];
            lists.into_iter().any(|count| count > 0)
        }
        Decision::Computed | Decision::Refused | Decision::Undecided { .. } | Decision::Forbidden { .. } => false,
    }
}

impl Request {
    /// Says what is computed for each deploy, where that is what it asks for.
    pub(super) fn computed(&self) -> Option<&'static str> {
        match self.key.subject.as_str() {
            "{reference}" => Some("what the stack refers to"),
            subject if subject.starts_with("{config.") => Some("the host that its configuration names"),
            _ => None,
        }
    }
}

impl Decision {
    /// Returns its word in documents.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Decision::Granted(_) | Decision::Computed => "granted",
            Decision::Refused => "refused",
            Decision::Undecided { .. } => "undecided",
            Decision::Forbidden { .. } => "forbidden",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_there_once_and_alone() {
        let json = concat!(
            r#"{"handles":["from_x"],"id":"org.example.x","requests":{"clock":{"why":"a"},"#,
            r#""env":[{"name":"A","why":"a"},{"name":"{reference}","why":"a"}],"files":[{"root":"etc","why":"a"}],"#,
            r#""http":[{"host":"a.b:443","methods":["get"],"paths":["/"],"why":"a"}],"#,
            r#""secrets":{"reveal":true,"seal":true,"why":"a"}},"version":"1.0.0","#,
            r#""world":"punix:resolver/secret-resolver@0.1.0"}"#
        );
        let manifest = Manifest::from_json(json.as_bytes()).unwrap();
        let found = requests(&manifest);
        let keys: Vec<Key> = found.iter().map(|request| request.key.clone()).collect();
        assert_eq!(keys, manifest.requests.each().into_iter().map(|(key, _)| key).collect::<Vec<_>>());
        assert!(found.iter().all(|request| request.alone.each().len() == 1));
        let terms = Terms { table: None, narrower: None, ceilings: &[] };
        for request in &found {
            assert!(matches!(decide(&manifest, request, &terms), Decision::Undecided { .. }), "{}", request.key);
        }
    }
}
