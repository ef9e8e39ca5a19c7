//! Who may see what: the roles of readers, and what each address gives out.

use crate::error::ApiError;
use axum::{extract::FromRequestParts, http::request::Parts};
use event::Role;
use std::convert::Infallible;

/// Whoever asks, where the pages stand behind tokens. For the binary, which checks tokens, to put into requests.
#[derive(Clone, Debug)]
pub struct Reader {
    /// As the audit names him.
    pub name: String,
    /// What he may see.
    pub role: Role,
}

/// What an address gives out, which decides who may ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// Figures, names and codes.
    Figures,
    /// The same, and beside them text of logs for those who may see some.
    FiguresAndText,
    /// Text of logs: without it nothing is left to show.
    Text,
    /// Who did what.
    Audit,
}

impl Gives {
    /// Who may ask.
    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::Figures | Self::FiguresAndText => &Role::ALL,
            Self::Text => &SEE_TEXT,
            Self::Audit => &[Role::Auditor, Role::Administrator],
        }
    }

    /// Whether asking may leave a row in the audit.
    pub(crate) fn is_noted(self) -> bool {
        matches!(self, Self::FiguresAndText | Self::Text)
    }

    /// For people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::FiguresAndText => "figures with text of logs beside them",
            others => others.name(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Figures | Self::FiguresAndText => "figures",
            Self::Text => "text of logs",
            Self::Audit => "the audit",
        }
    }
}

/// Who may see text of logs.
const SEE_TEXT: [Role; 2] = [Role::Operator, Role::Administrator];

/// Who asks. Where the pages ask for no token he is nobody in particular, and may see everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asker(Option<Reader>);

impl Asker {
    /// As the audit names him.
    pub(crate) fn name(&self) -> &str {
        self.0.as_ref().map_or("-", |reader| &reader.name)
    }

    /// Nothing where the pages ask for no token.
    pub(crate) fn role(&self) -> Option<Role> {
        self.0.as_ref().map(|reader| reader.role)
    }

    pub(crate) fn sees_text(&self) -> bool {
        self.role().is_none_or(|role| SEE_TEXT.contains(&role))
    }

    /// Whether he may ask for what an address gives out.
    pub(crate) fn check(&self, gives: Gives) -> Result<(), ApiError> {
        match self.role() {
            Some(role) if !gives.roles().contains(&role) => Err(ApiError::Forbidden {
                role,
                what: gives.name(),
                roles: gives.roles(),
            }),
            _ => Ok(()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<Reader>().cloned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_sees_what_it_is_for_and_no_token_sees_everything() {
        let of = |role| {
            let name = "reader:made-up".to_owned();
            Asker(Some(Reader { name, role }))
        };
        let all = [
            Gives::Figures,
            Gives::FiguresAndText,
            Gives::Text,
            Gives::Audit,
        ];
        for (role, may, sees_text) in [
            (Role::Operator, [true, true, true, false], true),
            (Role::Auditor, [true, true, false, true], false),
            (Role::Administrator, [true; 4], true),
        ] {
            assert_eq!(all.map(|gives| of(role).check(gives).is_ok()), may);
            assert_eq!(of(role).sees_text(), sees_text);
        }
        let nobody = Asker::default();
        assert!(nobody.sees_text() && all.iter().all(|gives| nobody.check(*gives).is_ok()));
        assert_eq!(nobody.name(), "-");
    }
}
