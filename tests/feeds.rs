//! Feeds: documents of other servers, fetched on a schedule, served from here with their pictures.

mod kept;
mod killed;
mod lost;
mod memory;
mod scene;
mod served;
mod told;
