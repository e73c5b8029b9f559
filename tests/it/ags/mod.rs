//! The AGS contract (B.0 to B.7), line by line, over the whole service.

mod accounts;
mod choice;
mod common;
mod credentials;
mod devices;
mod discovery;
mod limits;
mod location;
mod password;
mod refresh;
mod self_service;
mod session_token;
mod sign_on;
mod sign_out;
