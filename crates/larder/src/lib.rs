//! PROCESS: the command line, the configuration, the wiring and the admin listener.
//!
//! The binary is a thin `main` over this library. Only this crate reads configuration and the
//! environment; only [`app`] wires the parts together.
#![forbid(unsafe_code)]

mod admin;
pub mod admin_token;
pub mod app;
mod asked;
mod certificates;
pub mod cli;
pub mod commands;
pub mod config;
pub mod demo;
mod disk_tier;
mod doors;
mod failures;
mod feeds;
mod free_memory;
pub mod hooks;
pub mod log;
mod open_files;
pub mod outlet;
mod picture_worker;
mod purging;
pub mod random;
mod reload;
mod supervisor;
mod telemetry;
mod workers;
mod workshop;
