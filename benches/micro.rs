//! Micro benches, a file an area: `cargo bench --bench micro -- sso/`.

#[path = "micro/sso.rs"]
mod sso;

criterion::criterion_main!(sso::group);
