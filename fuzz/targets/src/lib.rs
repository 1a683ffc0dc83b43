//! One function a parser.
