//! One way for all small types of the configuration to be read, written and shown in the schema.
//!
//! A type that is written as text implements `FromStr` (with [`Fault`]) and `Display`, and is
//! listed with `read_from_text!`; serde and schemars then know it.

use super::fault::Fault;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// Teaches serde and schemars types that are written as text.
macro_rules! read_from_text {
    ($($name:literal, $what:literal: [$($generics:tt)*] $type:ty;)*) => {$(
        impl<'de, $($generics)*> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_str($crate::config::reading::TextOf::expecting($what))
            }
        }

        impl<$($generics)*> serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
                into.collect_str(self)
            }
        }

        impl<$($generics)*> schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "title": $what })
            }
        }
    )*};
}
pub(crate) use read_from_text;

/// Reads text into `T`; `what` is said where something else than text was written.
pub struct TextOf<T> {
    what: &'static str,
    read: PhantomData<T>,
}

impl<T> TextOf<T> {
    /// A reader that expects what `what` describes.
    pub fn expecting(what: &'static str) -> TextOf<T> {
        TextOf { what, read: PhantomData }
    }
}

impl<T: FromStr<Err = Fault>> Visitor<'_> for TextOf<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|fault: Fault| fault.pack())
    }
}

/// One value, or a list of them.
#[derive(Clone, Debug, PartialEq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T> Default for OneOrMany<T> {
    fn default() -> OneOrMany<T> {
        OneOrMany(Vec::new())
    }
}

impl<'de, T: Deserialize<'de> + FromStr<Err = Fault>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(OneOrManyOf(PhantomData))
    }
}

/// Reads text as a list of one. Not `#[serde(untagged)]`, which forgets where a mistake stands.
struct OneOrManyOf<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + FromStr<Err = Fault>> Visitor<'de> for OneOrManyOf<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text in quotes, or a list of such")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<OneOrMany<T>, E> {
        Ok(OneOrMany(vec![text.parse().map_err(|fault: Fault| fault.pack())?]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany<T>, A::Error> {
        let mut read = Vec::new();
        while let Some(value) = list.next_element()? {
            read.push(value);
        }
        Ok(OneOrMany(read))
    }
}

impl<T: Serialize> Serialize for OneOrMany<T> {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(into)
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for OneOrMany<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("OneOrMany{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = generator.subschema_for::<T>();
        schemars::json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

/// One table, or a list of them.
#[derive(Clone, Debug, PartialEq)]
pub struct TableOrMany<T>(pub Vec<T>);

impl<T> Default for TableOrMany<T> {
    fn default() -> TableOrMany<T> {
        TableOrMany(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for TableOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TableOrManyOf(PhantomData))
    }
}

/// Reads a table as a list of one.
struct TableOrManyOf<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for TableOrManyOf<T> {
    type Value = TableOrMany<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table, or a list of tables")
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<TableOrMany<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(table)).map(|one| TableOrMany(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<TableOrMany<T>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(TableOrMany)
    }
}

impl<T: Serialize> Serialize for TableOrMany<T> {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(into)
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for TableOrMany<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("TableOrMany{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = generator.subschema_for::<T>();
        schemars::json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}
