//! Micro benches: what one step costs, alone. A module a part; each adds its groups here.
//! Run with `cargo bench --bench micro -- <filter>`.

#[path = "micro/service.rs"]
mod service;
#[path = "micro/sso.rs"]
mod sso;
#[path = "micro/sso_sealed.rs"]
mod sso_sealed;
#[path = "micro/token.rs"]
mod token;

fn main() {
    let mut criterion = criterion::Criterion::default().configure_from_args();
    service::benches(&mut criterion);
    sso::benches(&mut criterion);
    sso_sealed::benches(&mut criterion);
    token::benches(&mut criterion);
    criterion.final_summary();
}
