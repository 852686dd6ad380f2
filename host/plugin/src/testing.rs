//! What several tests need.

use std::path::{Path, PathBuf};

/// A directory of a test's own, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes an empty directory; `name` tells it from those of other tests.
    pub(crate) fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("punix-plugin-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("the temporary directory can be written to");
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A resolver that asks for a host, a variable and the clock.
pub(crate) const BAO: &str = concat!(
    r#"{"handles":["from_bao"],"id":"org.example.bao","limits":{"memory_mib":32,"timeout_ms":5000},"#,
    r#""requests":{"clock":{"why":"leases end"},"env":[{"name":"BAO_TOKEN","secret":true,"why":"login"}],"#,
    r#""http":[{"host":"{config.address}","methods":["get","post"],"paths":["/v1/*"],"#,
    r#""public":["/lease_duration"],"why":"read KV"}]},"#,
    r#""version":"0.3.1","world":"punix:resolver/secret-resolver@0.1.0"}"#
);

/// Reads a manifest.
pub(crate) fn manifest(json: &str) -> crate::Manifest {
    crate::Manifest::from_json(json.as_bytes()).expect("a manifest of a test is sound")
}

/// Makes a component that imports empty interfaces, exports `meta` and an `api`, and has these manifests.
pub(crate) fn component(imports: &[&str], more: &str, api: &str, manifests: &[&str]) -> Vec<u8> {
    let imports: String = imports.iter().map(|name| format!(r#"(import "{name}" (instance))"#)).collect();
    let text = format!(
        r#"(component {imports} {more}
            (core module (memory 1) (func (param i32) (result i32) local.get 0 i32.const 1 i32.add))
            (instance $empty)
            (export "punix:base/meta@0.1.0" (instance $empty))
            (export "{api}" (instance $empty)))"#
    );
    let mut bytes = wat::parse_str(&text).expect("the text of a test is sound");
    for manifest in manifests {
        append_manifest(manifest.as_bytes(), &mut bytes);
    }
    bytes
}

/// Makes a sound resolver that imports more and less than its manifest asks for.
pub(crate) fn resolver() -> Vec<u8> {
    let imports = ["punix:cap/log@0.1.0", "punix:cap/http@0.1.0", "punix:cap/env@0.1.0", "punix:cap/files@0.1.3"];
    component(&imports, "", "punix:resolver/api@0.1.0", &[BAO])
}

/// Makes a resolver with all that a compiler makes: types, resources, functions that are lowered and lifted, modules that
/// are instantiated with each other, a table, data, and a component inside.
pub(crate) fn compiled() -> Vec<u8> {
    let text = r#"(component
        (import "punix:base/types@0.1.0" (instance $types
            (type $e (enum "not-found" "denied"))
            (export "error-class" (type (eq $e)))))
        (alias export $types "error-class" (type $class))
        (import "punix:cap/http@0.1.0" (instance $http
            (alias outer 1 $class (type $c))
            (export "error-class" (type $error (eq $c)))
            (export "blob" (type $blob (sub resource)))
            (export "send" (func (param "url" string) (result (result (own $blob) (error $error)))))))
        (core module $memory
            (memory (export "memory") 1)
            (table 4 funcref) (elem (i32.const 0) func $realloc)
            (data (i32.const 8) "https://")
            (func $realloc (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 64))
        (core instance $memory (instantiate $memory))
        (core func $send (canon lower (func $http "send")
            (memory $memory "memory") (realloc (func $memory "realloc"))))
        (core module $main
            (import "host" "send" (func $send (param i32 i32 i32)))
            (func (export "parse") (param i32 i32) (result i32)
                (block (loop (br_if 1 (i32.eqz (local.get 1)))
                    (local.set 1 (i32.sub (local.get 1) (i32.const 1))) (br 0)))
                (call $send (local.get 0) (local.get 1) (i32.const 32))
                i32.const 32))
        (core instance $main (instantiate $main (with "host" (instance (export "send" (func $send))))))
        (func $parse (param "reference" string) (result string)
            (canon lift (core func $main "parse") (memory $memory "memory") (realloc (func $memory "realloc"))))
        (component $inner
            (import "parse" (func $f (param "reference" string) (result string)))
            (export "parse" (func $f)))
        (instance $api (instantiate $inner (with "parse" (func $parse))))
        (instance $meta)
        (export "punix:base/meta@0.1.0" (instance $meta))
        (export "punix:resolver/api@0.1.0" (instance $api)))"#;
    let mut bytes = wat::parse_str(text).expect("the text of a test is sound");
    append_manifest(BAO.as_bytes(), &mut bytes);
    bytes
}

/// Appends a section that [`crate::attach`] would not write.
fn append_manifest(content: &[u8], bytes: &mut Vec<u8>) {
    let name = crate::MANIFEST_SECTION.as_bytes();
    let padded = |number: usize| [0, 7, 14, 21].map(|shift| (number >> shift & 0x7f) as u8 | 0x80);
    let length = padded(1 + name.len() + content.len());
    bytes.push(0);
    bytes.extend([length[0], length[1], length[2], length[3] & 0x7f, name.len() as u8]);
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(content);
}
