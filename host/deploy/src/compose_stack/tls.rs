//! The certificates that a stack needs.

use super::names::is_hostname;
use super::reader::{Reader, Spot, quoted};
use super::services::ServiceNames;
use crate::design::Tls;
use punix_diag::{Code, Diagnostic, Span};
use std::collections::HashSet;

pub(super) const HOSTNAME_RULE: &str = "a hostname is made of letters, digits and `-`, with dots between";

impl Reader<'_> {
    pub(super) fn tls(&mut self, spot: &Spot, services: &ServiceNames) -> Option<Tls> {
        let mut fields = self.fields(spot)?;
        let acme_at = fields.get("acme").map(|acme| acme.at);
        let acme = self.optional_flag(&mut fields, "acme");
        let email = self.optional_text(&mut fields, "email").map(|(email, _)| email).unwrap_or_default();
        let domains = self.required(&mut fields, "domains", "a list of host names")?;
        let restarts = fields.take("restarts").map(|spot| self.service_names(&spot, services));
        let reloads = fields.take("reloads").map(|spot| self.service_names(&spot, services));
        // Who says what is reloaded has said what happens.
        let restarts = restarts.or_else(|| reloads.as_ref().map(|_| Vec::new()));
        let mut names: Vec<(String, Span)> = Vec::new();
        let mut seen: HashSet<String> = HashSet::new();
        for (name, spot) in self.texts(&domains) {
            if !is_hostname(&name) {
                let message = format!("`{}` is {}, which is not a valid hostname", spot.shown, quoted(&name));
                self.refuse(Code::E1, &spot, message, HOSTNAME_RULE);
            } else if !seen.insert(name.to_ascii_lowercase()) {
                let message = format!("the domain `{name}` is there twice, and a certificate is for each once");
                self.refuse(Code::E6, &spot, message, "remove one of them");
            }
            names.push((name, spot.at));
        }
        if names.is_empty() {
            let message = format!("`{}` must be a list with at least one name", domains.shown);
            self.refuse(Code::E3, &domains, message, "name the domains, or remove `tls`");
        }
        if acme && email.is_empty() {
            self.missing(&fields, "email", "required when `acme` is true");
        }
        if let Some(at) = acme_at.filter(|_| acme) {
            let warning = Diagnostic::warning("`acme` does nothing yet: no certificate is fetched").at(at);
            self.warnings.push(warning.help("bring certificates with `--tls-certs`"));
        }
        let (domains, places) = names.into_iter().unzip();
        Some(Tls { domains, places, restarts, reloads, acme, email, at: spot.at })
    }
}
