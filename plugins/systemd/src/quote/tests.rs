use super::*;
use crate::reading::{self, Random};

#[test]
fn what_needs_no_quoting_stays_as_it_is() {
    for plain in ["run", "--port=80", "a;b", "é", "a#b", "{}", "a=b", "~", "*", "@x", "-x"] {
        assert_eq!(exec_word(plain).as_deref(), Ok(plain));
    }
    assert_eq!(exec_path("/store/abc-api-2.1/bin/api").as_deref(), Ok("/store/abc-api-2.1/bin/api"));
    assert_eq!(environment("A", "1").as_deref(), Ok("A=1"));
    assert_eq!(environment("URL", "https://x/?a=b;c#$d").as_deref(), Ok("URL=https://x/?a=b;c#$d"));
    assert_eq!(environment("EMPTY", "").as_deref(), Ok("EMPTY="));
}

#[test]
fn each_place_has_its_own_writing() {
    let text = "50% $HOME \"q\" 'p' \\ end\\";
    assert_eq!(exec_word(text).as_deref(), Ok(r#""50%% $$HOME \"q\" 'p' \\ end\\""#));
    assert_eq!(environment("A", text).as_deref(), Ok(r#""A=50%% $HOME \"q\" 'p' \\ end\\""#));
    assert_eq!(environment_part(text).as_deref(), Ok(r#""50%% $HOME \"q\" 'p' \\ end\\""#));
    assert_eq!(environment_file(text).as_deref(), Ok(r#""50% $HOME \"q\" 'p' \\ end\\""#));
    assert_eq!(directive(r"/bin/sh -c 'x %h $y' \\"), Ok(r"/bin/sh -c 'x %h $y' \\"));
    assert_eq!(sysusers_word("/srv/50%").as_deref(), Ok("/srv/50%%"));
    assert_eq!(exec_word("a\nb\tc\rd\u{1}\u{7f}").as_deref(), Ok(r#""a\nb\tc\rd\x01\x7f""#));
    assert_eq!(environment_file("a\nb\tc").as_deref(), Ok("\"a\nb\tc\""));
    assert_eq!(exec_word(";").as_deref(), Ok("\";\""));
    assert_eq!(exec_word("").as_deref(), Ok("\"\""));
    assert_eq!(exec_word("100%").as_deref(), Ok("100%%"));
    assert_eq!(exec_path("/a b/50%").as_deref(), Ok("\"/a b/50%%\""));
}

#[test]
fn what_has_no_writing_is_refused() {
    for written in [exec_word("a\0b"), environment("A", "\0"), environment_file("\0"), environment_part("\0")] {
        assert_eq!(written, Err(Unfit::Nul));
    }
    assert_eq!(directive("1\nUser=root"), Err(Unfit::LineBreak));
    assert_eq!(directive("1\r"), Err(Unfit::LineBreak));
    assert_eq!(directive("1\\"), Err(Unfit::TrailingBackslash));
    assert_eq!(directive("1\\\\\\"), Err(Unfit::TrailingBackslash));
    assert_eq!(directive("1\\ "), Ok("1\\ "));
    for path in ["/a\"b", "/a'b", "/a\\b", "/a$b", "/a\nb", "/a\u{7f}"] {
        assert_eq!(exec_path(path), Err(Unfit::PathCharacter), "{path:?}");
    }
    for path in ["/h/*", "/h/?", "/h/[a]", "/h\\a"] {
        assert_eq!(pattern_path(path), Err(Unfit::Pattern), "{path}");
    }
    assert_eq!(credential_path("/a\nb"), Err(Unfit::LineBreak));
    assert_eq!(unit_line("A", &"x".repeat((1 << 20) - 2)), Err(Unfit::TooLong));
    assert_eq!(unit_line("A", &"x".repeat((1 << 20) - 3)), Ok(()));
}

/// What is written is read back by the rules that systemd has; `tests/real.rs` asks systemd itself.
#[test]
fn any_text_is_read_back_as_it_was() {
    let mut random = Random::new(7);
    for _ in 0..20_000 {
        let (one, other) = (random.text(), random.text());
        let line = format!("/p {} {}", exec_word(&one).unwrap(), exec_word(&other).unwrap());
        assert!(!line.contains(['\n', '\r']) && directive(&line).is_ok(), "{line:?}");
        assert_eq!(reading::exec(&line), Some(vec!["/p".to_owned(), one.clone(), other.clone()]), "{line}");

        let line = environment("KEY", &one).unwrap();
        assert!(!line.contains(['\n', '\r']) && directive(&line).is_ok(), "{line:?}");
        assert_eq!(reading::environment(&line), Some(vec![("KEY".to_owned(), one.clone())]), "{line}");
        let line = format!("KEY={}{}", environment_part(&one).unwrap(), environment_part(&other).unwrap());
        assert_eq!(reading::environment(&line), Some(vec![("KEY".to_owned(), format!("{one}{other}"))]), "{line}");

        let first = environment_file(&one).unwrap();
        let file = format!("A={first}\nB={first}{}\n", environment_file(&other).unwrap());
        let expected = vec![("A".to_owned(), one.clone()), ("B".to_owned(), format!("{one}{other}"))];
        assert_eq!(reading::environment_file(&file), expected, "{file}");
    }
}
