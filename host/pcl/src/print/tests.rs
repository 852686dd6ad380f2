use super::{Unformattable, format};
use crate::ast::DeclKind;
use crate::parser::{Source, parse};
use crate::print::tokens::slice;

fn formatted(text: &str) -> Result<String, Unformattable> {
    format(Source { name: "test.pcl".to_owned(), bytes: text.as_bytes().to_vec() })
}
#[test]
fn tmp() {
    let path = std::env::var("PF").unwrap();
    let t = std::fs::read_to_string(path).unwrap();
    let o = formatted(&t).unwrap();
    eprintln!("{o}");
    let p = formatted(&o).unwrap();
    assert_eq!(o, p);
}
