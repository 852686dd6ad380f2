//! The door that every plugin comes through, as far as it goes without running anything: a component of which all is
//! known, that is the one which was chosen, and about which everything is decided.

use crate::digest::Digest;
use crate::examined::Examined;
use crate::fault::Fault;
use crate::file::Component;
use crate::grant::{Bounds, Ceiling, Policy, Table};
use crate::inspect::Inspected;
use crate::lock::Lock;
use crate::policy::{Bound, Effective, effective};

/// A plugin that may be compiled. Invariant: inspected, and decided about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    examined: Examined,
    effective: Effective,
}

/// What is known of plugins on this machine.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    pub lock: &'a Lock,
    pub policy: &'a Policy,
    pub ceilings: &'a [Ceiling],
}

/// Admits anyone's plugin: it has to be locked, and granted by its digest.
pub fn admit(name: &str, component: Component, rules: Rules<'_>) -> Result<Admitted, Fault> {
    let looked = Examined::look(component).map_err(|error| Fault::Inspect { name: name.to_owned(), error });
    let examined = looked?;
    let component = examined.component();
    rules.lock.check(component, examined.inspected())?;
    let id = &examined.manifest().id;
    let table = rules.policy.plugin.get(id);
    if let Some(granted) = table.filter(|table| table.sha256 != Some(component.digest())) {
        return Err(Fault::OtherComponent { id: id.clone(), found: component.digest(), granted: granted.sha256 });
    }
    decide(examined, table, None, rules.ceilings)
}

/// Admits a plugin that is part of this binary, which is what vouches for it. `built_in` is what it is granted; a table in
/// the policy can only narrow that.
pub fn admit_bundled(examined: Examined, built_in: &Table, rules: Rules<'_>) -> Result<Admitted, Fault> {
    let narrower = rules.policy.plugin.get(&examined.manifest().id);
    let table = Table {
        deny: narrower.map_or_else(|| built_in.deny.clone(), |table| &built_in.deny | &table.deny),
        ..built_in.clone()
    };
    let bounds = narrower.map(Table::as_bounds);
    decide(examined, Some(&table), bounds.as_ref(), rules.ceilings)
}

impl Admitted {
    /// Returns the component.
    pub fn component(&self) -> &Component {
        self.examined.component()
    }

    /// Returns what is known of it.
    pub fn inspected(&self) -> &Inspected {
        self.examined.inspected()
    }

    /// Returns what it may do.
    pub fn effective(&self) -> &Effective {
        &self.effective
    }

    /// Returns the digest by which what was compiled of it is found again.
    pub fn digest(&self) -> Digest {
        self.component().digest()
    }
}

fn decide(
    examined: Examined,
    table: Option<&Table>,
    narrower: Option<&Bounds>,
    ceilings: &[Ceiling],
) -> Result<Admitted, Fault> {
    let manifest = examined.manifest();
    let of_table = narrower.map(|bounds| Bound { source: "punix.plugins.toml", bounds });
    let of_site = ceilings.iter().flat_map(|ceiling| ceiling.bounds_of(&manifest.id));
    let bounds: Vec<Bound<'_>> = of_table.into_iter().chain(of_site).collect();
    match effective(manifest, table, &bounds) {
        Ok(effective) => Ok(Admitted { examined, effective }),
        Err(denials) => Err(Fault::Denied { id: manifest.id.clone(), version: manifest.version.clone(), denials }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::{Row, Source};
    use crate::testing::resolver;

    const GRANTED: &str = r#"
http = [{ host = "vault.internal", methods = ["get"], paths = ["/v1/*"] }]
env = [{ name = "BAO_TOKEN" }]
clock = true
"#;

    fn rules(component: &Component, digest: Option<Digest>) -> (Lock, Policy) {
        let mut lock = Lock::default();
        let inspected = crate::inspect(component.bytes()).unwrap();
        lock.insert(Row::of(component, &inspected, Source::parse("bao.wasm").unwrap()));
        let digest = digest.map_or_else(String::new, |digest| format!("sha256 = \"{digest}\""));
        let text = format!("[plugin.\"org.example.bao\"]\n{digest}\n[plugin.\"org.example.bao\".grant]{GRANTED}");
        (lock, Policy::parse("p.toml", &text).unwrap())
    }

    #[test]
    fn who_is_locked_and_granted_comes_in() {
        let component = Component::new(resolver());
        let (lock, policy) = rules(&component, Some(component.digest()));
        let admitted = admit("bao.wasm", component, Rules { lock: &lock, policy: &policy, ceilings: &[] }).unwrap();
        assert_eq!(admitted.effective().http.len(), 1);
    }

    #[test]
    fn a_grant_is_for_one_component() {
        let component = Component::new(resolver());
        for digest in [None, Some(Digest::of(b"another"))] {
            let (lock, policy) = rules(&component, digest);
            let rules = Rules { lock: &lock, policy: &policy, ceilings: &[] };
            assert!(matches!(admit("x", component.clone(), rules), Err(Fault::OtherComponent { .. })));
        }
    }

    #[test]
    fn the_unlocked_the_unsound_and_the_undecided_stay_outside() {
        let component = Component::new(resolver());
        let (lock, empty, nothing) = (rules(&component, None).0, Lock::default(), Policy::default());
        let with = |lock, component: &Component| {
            admit("x", component.clone(), Rules { lock, policy: &nothing, ceilings: &[] }).unwrap_err()
        };
        assert!(matches!(with(&empty, &component), Fault::Lock(_)));
        assert!(matches!(with(&lock, &Component::new(b"x".to_vec())), Fault::Inspect { .. }));
        assert!(matches!(with(&lock, &component), Fault::Denied { .. }));
    }

    #[test]
    fn a_bundled_plugin_needs_no_lock_and_can_be_narrowed() {
        let component = Component::new(resolver());
        let built_in = rules(&component, None).1.plugin.into_values().next().unwrap();
        let admit = |text: &str| {
            let policy = Policy::parse("p.toml", text).unwrap();
            let rules = Rules { lock: &Lock::default(), policy: &policy, ceilings: &[] };
            admit_bundled(Examined::look(component.clone()).unwrap(), &built_in, rules)
        };
        assert_eq!(admit("").unwrap().effective().env.len(), 1);
        let denied = admit("[plugin.\"org.example.bao\"]\ndeny = [\"env:BAO_TOKEN\"]").unwrap();
        assert_eq!(denied.effective().env.len(), 0);
        assert!(matches!(admit("[plugin.\"org.example.bao\"]\ngrant.clock = false"), Err(Fault::Denied { .. })));
    }
}
