//! What is sealed stays so: no question tells what is in it, and no way around leads to an answer that depends on it.

use crate::room::NameTable;
use crate::room::{Folder, Plugin, Server, Terms, World, resolver};
use expect_test::expect;

/// A file with a secret in it, and everything that a plugin without `reveal` can be granted.
struct Safe {
    folder: Folder,
    table: String,
}

impl Safe {
    fn with(secret: &str) -> Safe {
        let folder = Folder::new();
        folder.write("given/secret", secret);
        folder.write("drafts/.keep", "");
        let path = folder.path().display();
        let table = format!(
            "limits.timeout_ms = 120000\n\
             grant.env = [{{ name = \"GRANTED\", as = \"secret\" }}]\n\
             grant.secrets = {{ seal = true }}\n\
             grant.files = [{{ root = \"given\", path = \"{path}/given\" }}, \
             {{ root = \"drafts\", path = \"{path}/drafts\", write = true }}]\n\
             grant.http = [{{ host = \"vault.example:443\", methods = [\"get\", \"post\"], paths = [\"/v1/*\"], \
             public = [\"/lease_duration\"] }}]"
        );
        Safe { folder, table }
    }

    fn asked(&self, word: &str, with: &str) -> String {
        self.asked_in(&World::default(), word, with)
    }

    fn asked_in(&self, world: &World, word: &str, with: &str) -> String {
        let plugin = Plugin::on(resolver(), Terms { table: &self.table, ..Terms::default() }, world);
        plugin.resolved_at("https://vault.example", word, with, &["ONE"])
    }
}

#[test]
fn a_sealed_blob_answers_no_question() {
    let safe = Safe::with(r#"{"lease_duration":7,"data":{"password":"hunter22"}}"#);
    expect![[r#"
        read: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        read 0: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        sha256: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        length: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        public-json granted: ErrorClass::Denied secret.not-public: `/lease_duration` is not granted to be read
        public-json other: ErrorClass::Denied secret.not-public: `/data/password` is not granted to be read
        public-json whole: ErrorClass::Denied secret.not-public: `` is not granted to be read
        public-json odd: ErrorClass::Denied secret.not-public: `no pointer` is not granted to be read
    "#]]
    .assert_eq(&safe.asked("questions", ""));
    expect![[r#"
        read: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        read 0: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        sha256: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        length: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        public-json granted: ErrorClass::Denied secret.not-public: `/lease_duration` is not granted to be read
        public-json other: ErrorClass::Denied secret.not-public: `/data/password` is not granted to be read
        public-json whole: ErrorClass::Denied secret.not-public: `` is not granted to be read
        public-json odd: ErrorClass::Denied secret.not-public: `no pointer` is not granted to be read
    "#]]
    .assert_eq(&safe.asked("questions-appended", ""));
}

#[test]
fn no_answer_depends_on_what_is_sealed() {
    let contents = ["", "x", "hunter22", r#"{"lease_duration":7}"#, &"long ".repeat(10_000), "\u{0}\u{ff}"];
    for word in ["questions", "questions-appended", "launder-public", "launder-file"] {
        let mut answers: Vec<String> = contents.iter().map(|content| Safe::with(content).asked(word, "")).collect();
        answers.dedup();
        assert_eq!(answers.len(), 1, "{word}: {answers:#?}");
    }
}

#[test]
fn its_own_blob_it_may_read() {
    let safe = Safe::with("x");
    expect![[r#"
        read: "{\"lease_duration\":7,\"data\":{\"password\":\"own\"}}"
        read 0: []
        sha256: 32
        length: Some(46)
        public-json granted: ErrorClass::Denied secret.not-public: `/lease_duration` is not granted to be read
        public-json other: ErrorClass::Denied secret.not-public: `/data/password` is not granted to be read
        public-json whole: ErrorClass::Denied secret.not-public: `` is not granted to be read
        public-json odd: ErrorClass::Denied secret.not-public: `no pointer` is not granted to be read
    "#]]
    .assert_eq(&safe.asked("questions-own", ""));
}

#[test]
fn what_a_secret_is_appended_to_is_sealed() {
    let safe = Safe::with("x");
    expect![[r#"
        append: 0
        write: ()
    "#]]
    .assert_eq(&safe.asked("sink-after-sealed", ""));
}

#[test]
fn a_secret_does_not_become_a_member_that_may_be_read() {
    let safe = Safe::with("hunter22");
    expect![[r#"
        read: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        read 0: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        sha256: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        length: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        public-json granted: ErrorClass::Denied secret.not-public: `/lease_duration` is not granted to be read
        public-json other: ErrorClass::Denied secret.not-public: `/data/password` is not granted to be read
        public-json whole: ErrorClass::Denied secret.not-public: `` is not granted to be read
        public-json odd: ErrorClass::Denied secret.not-public: `no pointer` is not granted to be read
    "#]]
    .assert_eq(&safe.asked("launder-public", ""));
    expect![[r#"
        read: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        read 0: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        sha256: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        length: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        public-json granted: ErrorClass::Denied secret.not-public: `/lease_duration` is not granted to be read
        public-json other: ErrorClass::Denied secret.not-public: `/data/password` is not granted to be read
        public-json whole: ErrorClass::Denied secret.not-public: `` is not granted to be read
        public-json odd: ErrorClass::Denied secret.not-public: `no pointer` is not granted to be read
    "#]]
    .assert_eq(&safe.asked("launder-file", ""));
}

#[test]
fn of_an_answer_only_the_granted_member_is_read() {
    let server = Server::json(r#"{"lease_duration":7,"data":{"password":"hunter22"}}"#);
    let (world, _) =
        World::with_names(NameTable { answers: vec![vec!["127.0.0.1".parse().unwrap()]], ..NameTable::default() });
    let port = server.port();
    let table = format!(
        "limits.timeout_ms = 120000\n\
         grant.http = [{{ host = \"vault.example:{port}\", methods = [\"get\"], paths = [\"/v1/*\"], \
         public = [\"/lease_duration\"], plain_http = true, private = true }}]"
    );
    let plugin = Plugin::on(resolver(), Terms { table: &table, ..Terms::default() }, &world);
    let address = format!("http://vault.example:{port}");
    expect![[r#"
        read: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        read 0: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        sha256: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        length: ErrorClass::Denied blob.sealed: the blob is sealed: there may be secrets in it
        public-json granted: Some("7")
        public-json other: ErrorClass::Denied secret.not-public: `/data/password` is not granted to be read
        public-json whole: ErrorClass::Denied secret.not-public: `` is not granted to be read
        public-json odd: ErrorClass::Denied secret.not-public: `no pointer` is not granted to be read
    "#]]
    .assert_eq(&plugin.resolved_at(&address, "questions-answer", "", &["ONE"]));
}

/// Everything that can be done with a secret and a guess comes to the same, whether the guess is right or wrong.
#[test]
fn a_right_guess_is_like_a_wrong_one() {
    let safe = Safe::with(crate::room::PLAIN_SECRET);
    let mut world = World::default();
    world.variables.insert("GRANTED", crate::room::PLAIN_SECRET.to_owned());
    let wrong = "staple-battery-horse";
    assert_eq!(wrong.len(), crate::room::PLAIN_SECRET.len());
    for word in ["guess", "guess-member", "guess-twice", "guess-file", "sealed-fill"] {
        let (right, wrong) =
            (safe.asked_in(&world, word, crate::room::PLAIN_SECRET), safe.asked_in(&world, word, wrong));
        assert_eq!(right, wrong, "{word}");
        assert!(!right.starts_with("error: "), "{word}: {right}");
    }
    expect![[r#"
        labels: env:GRANTED sealed:guess
        reveal held: ErrorClass::Denied secret.not-granted: `reveal` is not granted
        again: Some("env:GRANTED")
        both in a request: ErrorClass::Denied http.not-granted: `post` of `https://elsewhere.example/` is not granted
        secret of file: "file:given/secret"
        json of file: ErrorClass::InvalidInput secret.not-json: ``: the document is not JSON
        secret of own: "written"
        json of own: ErrorClass::InvalidInput secret.not-json: ``: the document is not JSON
        append own: 20
        append file: 0
        finish: "a blob"
        replace: ()
    "#]]
    .assert_eq(&safe.asked_in(&world, "guess", wrong));
    expect![[r#"
        extract-json: ErrorClass::Denied secret.joined: it was put together here: only documents that come as they are from outside are looked into
    "#]].assert_eq(&safe.asked_in(&world, "guess-member", wrong));
    expect![[r#"
        extract-json: ErrorClass::Denied secret.joined: it was put together here: only documents that come as they are from outside are looked into
    "#]].assert_eq(&safe.asked_in(&world, "guess-file", wrong));
    expect![[r#"
        ErrorClass::Denied http.sealed-body: a sealed body is sent as it is; what is filled is a body that the plugin wrote
    "#]].assert_eq(&safe.asked_in(&world, "sealed-fill", wrong));
    assert!(safe.folder.path().join("drafts").is_dir());
}
