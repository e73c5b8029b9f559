//! Configuration: the embedded reference, everything that is wrong at once, and the swap of
//! a new one for an old.

mod problems;
mod reference;
mod reload;
mod secrets;

use cambio::app::{App, World};
use cambio::config::{self, Settings, Sources};
use cambio::domain::setting::Problem;
use cambio::session::settings::memory;

/// The embedded defaults with this text over them.
fn load(text: &str) -> Result<Settings, Vec<Problem>> {
    let overlay = Some(text.to_owned());
    config::load(&Sources { overlay, ..Sources::default() })
}

/// Everything that reading the text or resolving its references finds.
async fn problems(text: &str) -> Vec<Problem> {
    let settings = match load(text) {
        Ok(settings) => settings,
        Err(problems) => return problems,
    };
    App::build(&settings, memory(), World::default()).await.err().unwrap_or_default()
}
