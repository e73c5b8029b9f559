//! The vocabulary that every other module speaks: identifiers, time, secrets,
//! credentials and identities. It imports nothing else of the crate and does no
//! I/O; values are parsed once, at the edge, and cannot be half-built.

pub mod claims;
pub mod clock;
pub mod context;
pub mod credential;
pub mod identity;
pub mod ids;
pub mod random;
pub mod secret;
pub mod setting;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use context::{ClientNetwork, CorrelationId, CountryCode};
pub use credential::{Credential, CredentialKind};
pub use identity::{AssertedAccount, Attributes, Verified};
pub use ids::{AccountId, DeviceId, KeyId, ServiceName, Subject, TenantId};
pub use random::{Random, SystemRandom};
pub use secret::{SecretBytes, SecretString};
