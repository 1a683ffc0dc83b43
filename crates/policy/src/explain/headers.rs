//! The header fields that decided, each with what it did. Values that may be secret are left out.

use crate::cache_control::ResponseDirectives;
use crate::fields::Fields;
use crate::name::Name;
use crate::request::Request;
use crate::targeted::{self, Speaker};

/// A header field and what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name in lower case.
    pub name: &'static str,
    /// Its value, all lines in one; nothing where it may be secret.
    pub value: Option<String>,
    /// What it did.
    pub role: Role,
}

/// What a header field did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It speaks for the response's freshness.
    Speaks,
    /// Another field that goes before it speaks.
    Overruled,
    /// It is malformed, or says nothing of caching.
    Unheard,
    /// By it the response can be validated.
    Validates,
    /// It names the request fields that tell responses apart.
    TellsApart,
    /// It is for one visitor.
    SetsCookie,
    /// It says how old the response is.
    Ages,
    /// It says what kind of response it is.
    Kind,
    /// It says what the client will take from a cache.
    Demands,
    /// It says who asks.
    Authorizes,
    /// Cookies, each of which is told of by itself.
    Cookies,
    /// It asks for a part.
    Range,
    /// It asks for an answer only if that is, or is not, what the client has.
    Condition,
}

impl Role {
    /// The word for it.
    pub fn token(self) -> &'static str {
        match self {
            Role::Speaks => "speaks",
            Role::Overruled => "overruled",
            Role::Unheard => "unheard",
            Role::Validates => "validates",
            Role::TellsApart => "tells-apart",
            Role::SetsCookie => "sets-cookie",
            Role::Ages => "ages",
            Role::Kind => "kind",
            Role::Demands => "demands",
            Role::Authorizes => "authorizes",
            Role::Cookies => "cookies",
            Role::Range => "range",
            Role::Condition => "condition",
        }
    }
}

/// The fields of a request that have a say.
pub fn of_request(request: &Request) -> Vec<Header> {
    let role = |name| match name {
        Name::CacheControl => Some(Role::Demands),
        // It counts where there is no Cache-Control.
        Name::Pragma if !request.fields.has(Name::CacheControl) => Some(Role::Demands),
        Name::Authorization => Some(Role::Authorizes),
        Name::Cookie => Some(Role::Cookies),
        Name::Range => Some(Role::Range),
        Name::IfNoneMatch
        | Name::IfModifiedSince
        | Name::IfMatch
        | Name::IfUnmodifiedSince
        | Name::IfRange => Some(Role::Condition),
        _ => None,
    };
    told(&request.fields, role)
}

/// The fields of a response that have a say.
pub fn of_response(fields: &Fields) -> Vec<Header> {
    let (speaker, directives) = targeted::winner(fields);
    told(fields, |name| {
        Some(match name {
            Name::LarderCacheControl => against(speaker, Speaker::Larder),
            Name::CdnCacheControl => against(speaker, Speaker::Cdn),
            Name::SurrogateControl => against(speaker, Speaker::Surrogate),
            Name::CacheControl => against(speaker, Speaker::CacheControl),
            Name::Expires => expires(speaker, &directives),
            Name::Etag | Name::LastModified => Role::Validates,
            Name::Vary => Role::TellsApart,
            Name::SetCookie => Role::SetsCookie,
            Name::Age | Name::Date => Role::Ages,
            Name::ContentType => Role::Kind,
            _ => return None,
        })
    })
}

/// What a field does that is heard where none goes before it. They stand in their order.
fn against(speaker: Speaker, field: Speaker) -> Role {
    let rank = |speaker| match speaker {
        Speaker::Larder => 0,
        Speaker::Cdn => 1,
        Speaker::Surrogate => 2,
        Speaker::CacheControl => 3,
    };
    match rank(field).cmp(&rank(speaker)) {
        std::cmp::Ordering::Less => Role::Unheard,
        std::cmp::Ordering::Equal => Role::Speaks,
        std::cmp::Ordering::Greater => Role::Overruled,
    }
}

fn expires(speaker: Speaker, directives: &ResponseDirectives) -> Role {
    let speaks = !speaker.is_targeted() && directives.lifetime().is_none();
    if speaks { Role::Speaks } else { Role::Overruled }
}

fn told(fields: &Fields, role: impl Fn(Name) -> Option<Role>) -> Vec<Header> {
    let mut told: Vec<Header> = Vec::new();
    for field in fields.iter() {
        let Some(role) = role(field.id) else { continue };
        let is_secret = matches!(role, Role::Authorizes | Role::Cookies | Role::SetsCookie);
        let value = (!is_secret).then(|| String::from_utf8_lossy(field.value).into_owned());
        let name = field.id.as_str();
        match told.iter_mut().find(|header| header.name == name) {
            Some(header) => {
                if let (Some(all), Some(value)) = (&mut header.value, value) {
                    all.push_str(", ");
                    all.push_str(&value);
                }
            }
            None => told.push(Header { name, value, role }),
        }
    }
    told
}
