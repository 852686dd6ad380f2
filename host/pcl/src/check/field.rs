//! What a schema is made of: fields, their kinds, and records of them.

/// A field that a module or a record may have.
#[derive(Debug, Clone)]
pub struct FieldSpec {
    pub name: String,
    pub kind: Kind,
    pub required: bool,
}

/// What may stand in a field.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Anything; its owner looks at it later.
    Any,
    Bool,
    Int,
    /// Text without a secret in it.
    Text,
    /// Text, a secret reference or an artifact reference.
    Reference,
    /// One of these words.
    OneOf(Vec<String>),
    List(Box<Kind>),
    /// A record with any labels.
    Map(Box<Kind>),
    Record(Shape),
    Either(Vec<Kind>),
}

/// The fields of a record. Other fields are errors, unless it is open.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    pub fields: Vec<FieldSpec>,
    pub open: bool,
}

impl Shape {
    /// Finds a field by its name.
    pub fn field(&self, name: &str) -> Option<&FieldSpec> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Lists the names of the fields.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.name.as_str())
    }
}

impl Kind {
    /// Returns the kind as a sentence says it of several.
    fn many(&self) -> String {
        match self {
            Kind::Any => "anything".to_owned(),
            Kind::Bool => "booleans".to_owned(),
            Kind::Int => "numbers".to_owned(),
            Kind::Text => "strings".to_owned(),
            Kind::Reference => "strings or secret references".to_owned(),
            Kind::OneOf(_) => self.wanted(),
            Kind::List(_) => "lists".to_owned(),
            Kind::Map(_) | Kind::Record(_) => "records".to_owned(),
            Kind::Either(kinds) => {
                let many: Vec<String> = kinds.iter().map(Kind::many).collect();
                many.join(" or ")
            }
        }
    }

    /// Returns the kind as a sentence says it.
    pub(super) fn wanted(&self) -> String {
        match self {
            Kind::Any => "anything".to_owned(),
            Kind::Bool => "true or false".to_owned(),
            Kind::Int => "a number".to_owned(),
            Kind::Text => "a string".to_owned(),
            Kind::Reference => "a string or a secret reference".to_owned(),
            Kind::OneOf(words) => {
                let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                quoted.join(" or ")
            }
            Kind::List(each) => format!("a list of {}", each.many()),
            Kind::Map(_) | Kind::Record(_) => "a record".to_owned(),
            Kind::Either(kinds) => {
                let wanted: Vec<String> = kinds.iter().map(Kind::wanted).collect();
                wanted.join(" or ")
            }
        }
    }
}
