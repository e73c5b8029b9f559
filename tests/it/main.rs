//! The integration tests, as one binary: parts against their contracts and the whole
//! service against its API. Nothing here sleeps, retries or needs a network.

mod store_conformance;
