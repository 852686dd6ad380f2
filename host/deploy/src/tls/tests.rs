use super::*;
use crate::certificate::tests::{BEGINS, CERTIFICATE, ENDS, PRIVATE_KEY};
use crate::draft::tests::{circumstances, marks};
use crate::testing::{design, rendered};
use expect_test::{Expect, expect};
use punix_diag::{Detail, Look, SourceMap, render};
use punix_target::Mark;

/// Returns the record of a stack and what its files hold.
fn generation_of(design: &Design, values: &[Secret]) -> (Generation, crate::Contents) {
    let rendered = rendered(design);
    let contents = crate::splice(design, &rendered, values).unwrap();
    (crate::draft(design, &rendered, &marks(&rendered, ""), circumstances()), contents)
}

const DAY: i64 = 86_400;

fn tls(domains: &[&str]) -> Tls {
    Tls {
        domains: domains.iter().map(|&domain| domain.to_owned()).collect(),
        places: Vec::new(),
        restarts: None,
        reloads: None,
        acme: false,
        email: String::new(),
        at: Span::default(),
    }
}

/// A directory with files, by domain and name.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    directory
}

#[track_caller]
fn check(domains: &[&str], files: &[(&str, &str)], now: i64, fits: Fits<'_>, expected: Expect) {
    let directory = directory(files);
    let from = CertificateSource { directory: directory.path(), now: u64::try_from(now).unwrap(), fits };
    let (heading, told) = match read_pairs(&tls(domains), from) {
        Ok((pairs, warnings)) => (format!("{} pair(s)\n", pairs.len()), warnings),
        Err(errors) => (String::new(), errors),
    };
    let told = render(&told, &SourceMap::default(), Look { color: false, detail: Detail::Lines });
    expected.assert_eq(&(heading + &told).replace(&directory.path().display().to_string(), "DIR"));
}

const PAIR: &[(&str, &str)] =
    &[("a.example.org/fullchain.pem", CERTIFICATE), ("a.example.org/privkey.pem", PRIVATE_KEY)];

fn fine(_: &[u8], _: &[u8]) -> Result<(), String> {
    Ok(())
}

#[test]
fn a_certificate_has_its_time() {
    let at = |now, expected| check(&["a.example.org"], PAIR, now, &fine, expected);
    at(
        BEGINS,
        expect![[r#"
        1 pair(s)
    "#]],
    );
    at(
        BEGINS - 1,
        expect![[r#"
        :1:1: error: [E9] TLS: the certificate of `a.example.org` begins on 2026-11-28 only
        help: deploy it then, or look whether the clock of this machine is right
    "#]],
    );
    at(
        ENDS - 31 * DAY,
        expect![[r#"
        1 pair(s)
    "#]],
    );
    at(
        ENDS - 29 * DAY,
        expect![[r#"
        1 pair(s)
        :1:1: warning: TLS: the certificate of `a.example.org` ends in 29 day(s), on 2126-11-04
        help: renew it, and deploy again
    "#]],
    );
    at(
        ENDS,
        expect![[r#"
        1 pair(s)
        :1:1: warning: TLS: the certificate of `a.example.org` ends in 0 day(s), on 2126-11-04
        help: renew it, and deploy again
    "#]],
    );
    at(
        ENDS + 1,
        expect![[r#"
        :1:1: error: [E9] TLS: the certificate of `a.example.org` ended on 2126-11-04
        help: renew it, and deploy again
    "#]],
    );
}

#[test]
fn everything_that_is_wrong_is_told() {
    let refuses = |chain: &[u8], key: &[u8]| match chain.starts_with(b"-----BEGIN CERT") && key == b"KEY" {
        true => Err("does not belong to its certificate".to_owned()),
        false => Ok(()),
    };
    let files = [
        ("gone.example.org/fullchain.pem", CERTIFICATE),
        ("text.example.org/fullchain.pem", "CERT-ONE\n"),
        ("text.example.org/privkey.pem", "KEY"),
        ("a.example.org/fullchain.pem", CERTIFICATE),
        ("a.example.org/privkey.pem", "KEY"),
        ("dir.example.org/fullchain.pem/x", ""),
        ("dir.example.org/privkey.pem", "KEY"),
    ];
    check(
        &["gone.example.org", "text.example.org", "a.example.org", "dir.example.org"],
        &files,
        BEGINS,
        &refuses,
        expect![[r#"
            :1:1: error: [E9] TLS: there is no certificate of `gone.example.org` in `DIR/gone.example.org/`
            help: it takes a `fullchain.pem` and a `privkey.pem` for each domain
            :1:1: error: [E9] TLS: `DIR/text.example.org/fullchain.pem` holds no certificate in PEM
            help: put certificates in PEM there, the domain's own first: each begins with `-----BEGIN CERTIFICATE-----`
            :1:1: error: [E9] TLS: the key of `a.example.org` does not belong to its certificate
            help: put the certificate and the key there that belong to the domain
            :1:1: error: [E9] TLS: cannot read `DIR/dir.example.org/fullchain.pem`: it is no file
            help: put the certificate and the key there that belong to the domain
        "#]],
    );
}

#[test]
fn a_certificate_for_others_is_a_warning() {
    let files = [("c.example.org/fullchain.pem", CERTIFICATE), ("c.example.org/privkey.pem", PRIVATE_KEY)];
    check(
        &["c.example.org"],
        &files,
        BEGINS,
        &fine,
        expect![[r#"
        1 pair(s)
        :1:1: warning: TLS: the certificate of `c.example.org` is for `a.example.org`, `*.b.example.org`, and not for it
        help: who looks at names will not believe it; one that is pinned by its key is fine
    "#]],
    );
}

#[test]
fn a_key_is_a_secret_and_both_are_files_of_the_stack() {
    let mut design = design();
    design.tls = Some(tls(&["a.example.org"]));
    let key = Secret::new(PRIVATE_KEY.as_bytes().to_vec());
    let pair = Pair { domain: "a.example.org".to_owned(), chain: CERTIFICATE.to_owned(), key, at: Span::default() };
    let mut values = vec![Secret::new(b"token".to_vec())];
    add_pairs(&mut design, vec![pair], None, &mut values);
    assert_eq!((design.slots.len(), values.len()), (2, 2));
    let (generation, contents) = generation_of(&design, &values);
    let row = |name: &str| generation.files.iter().find(|row| row.path.name() == name).unwrap();
    let (chain, key) = (row(CHAIN), row(KEY));
    assert_eq!((chain.path.as_str(), chain.mode), ("/etc/punix/tls/a.example.org/fullchain.pem", 0o644));
    assert_eq!((key.path.as_str(), key.mode), ("/etc/punix/tls/a.example.org/privkey.pem", 0o600));
    assert!(matches!((chain.mark, key.mark), (Mark::Sha256(_), Mark::HmacSha256(_))));
    assert_eq!((&chain.restarts, &key.restarts), (&vec!["api.service".to_owned()], &vec!["api.service".to_owned()]));
    let record = String::from_utf8(generation.to_bytes()).unwrap();
    assert!(record.contains("\"reference\": \"tls:a.example.org\""), "{record}");
    assert!(!record.contains("MHcCAQEE"), "{record}");
    assert!(matches!(contents.0.get(&key.path), Some(crate::Content::Secret(_))));
}

#[test]
fn what_is_not_brought_again_stays() {
    let mut design = design();
    design.tls = Some(tls(&["a.example.org", "b.example.org"]));
    let pair = |domain: &str| Pair {
        domain: domain.to_owned(),
        chain: CERTIFICATE.to_owned(),
        key: Secret::new(b"key".to_vec()),
        at: Span::default(),
    };
    let mut values = vec![Secret::new(b"token".to_vec())];
    let mut brought = design.clone();
    add_pairs(&mut brought, vec![pair("a.example.org"), pair("b.example.org")], None, &mut values);
    let live = generation_of(&brought, &values).0;
    let mut draft = generation_of(&design, &values).0;
    assert_eq!(draft.render_hash, live.render_hash);
    let kept = keep_pairs(&mut draft, design.tls.as_ref(), Scope::System, None, Some(&live));
    assert_eq!((kept.len(), &draft.files), (4, &live.files));
    let mut draft = generation_of(&design, &values).0;
    let kept = keep_pairs(&mut draft, Some(&tls(&["b.example.org"])), Scope::System, None, Some(&live));
    assert!(kept.iter().all(|path| path.as_str().starts_with("/etc/punix/tls/b.example.org/")));
    assert_eq!(kept.len(), 2);
    // What was brought is not taken from there.
    let mut again = live.clone();
    assert!(keep_pairs(&mut again, design.tls.as_ref(), Scope::System, None, Some(&live)).is_empty());
    assert_eq!(again.files, live.files);
    let home = directory_of_user();
    assert_eq!(home, "/home/ann/.config/punix/tls/a.example.org");
}

fn directory_of_user() -> String {
    super::directory(Scope::User, Some("/home/ann/"), "a.example.org")
}
