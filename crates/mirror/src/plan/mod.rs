//! What a document is made of, and how it reads when its pictures lie here.
//!
//! [`read`] finds out what the bytes are, which URLs of pictures stand where in them, and what of it is
//! published; [`Document::written`] says how it reads with pictures at other places. Whatever is not a
//! picture's URL stays byte for byte as it came: documents are spliced, never written anew.
//!
//! Pure: nothing here reads a clock, opens a file or socket, waits or spawns.

mod address;
mod document;
mod edit;
mod fault;
mod gather;
mod html;
mod json;
mod names;
mod path;
mod recipe;
mod select;
mod shape;
mod sniff;
mod spelling;
pub mod srcset;
mod tree;
mod within;
mod xml;

#[cfg(test)]
mod document_tests;
#[cfg(test)]
mod html_tests;
#[cfg(test)]
mod xml_tests;

pub use address::MAX_URL_BYTES;
pub use document::{Document, read};
pub use fault::Fault;
pub use json::ITEM_NAMES;
pub use recipe::{Format, JsonPath, MAX_DEPTH, Recipe, Shape, Sort};
