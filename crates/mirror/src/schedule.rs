//! When a feed is fetched.
