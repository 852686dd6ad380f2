//! `punix explain`

use crate::args::Explain;
use crate::exit::Exit;
use crate::ui::Ui;
use punix_diag::{Code, closest};
use serde_json::json as object;

pub(crate) fn run(ui: &Ui, args: &Explain) -> Exit {
    let Some(wanted) = &args.code else { return list(ui) };
    let Some(code) = Code::parse(wanted) else {
        let names = Code::ALL.iter().map(|code| code.as_str());
        let near = closest(wanted, names).map(|(near, _)| format!("did you mean `{near}`?"));
        let help = near.unwrap_or_else(|| "`punix explain` lists all codes".to_owned());
        return ui.refuse(&format!("there is no error code `{wanted}`"), Some(&help));
    };
    let page = page(code);
    if ui.json {
        let document = object!({ "code": code.as_str(), "title": code.title(), "page": page });
        return ui.result(&format!("{document:#}\n"), Exit::Done);
    }
    ui.result(page, Exit::Done)
}

fn list(ui: &Ui) -> Exit {
    if ui.json {
        let all: Vec<_> =
            Code::ALL.iter().map(|code| object!({ "code": code.as_str(), "title": code.title() })).collect();
        return ui.result(&format!("{:#}\n", object!(all)), Exit::Done);
    }
    let lines: String = Code::ALL.iter().map(|code| format!("{:<4} {}\n", code.as_str(), code.title())).collect();
    ui.result(&lines, Exit::Done)
}

macro_rules! pages {
    ($($code:ident)*) => {
        /// Returns the page of a code.
        fn page(code: Code) -> &'static str {
            match code {
                $(Code::$code => include_str!(concat!("../../../../docs/errors/", stringify!($code), ".md")),)*
            }
        }
    };
}

pages! { E0 E1 E2 E3 E4 E5 E6 E7 E8 E9 E10 E11 E12 E13 E14 E15 E16 E17 E18 E19 E20 E21 E22 E23 E24 E25 E26 E27 E28 E29 E30 E31 E32 E33 E34 }
