//! Randomness as a parameter: `SystemRandom` is the only source of entropy;
//! tests may pass their own to get predictable identifiers.

use std::fmt;

/// Where random bytes come from.
pub trait Random: Send + Sync + fmt::Debug {
    /// Fills `buf` with unpredictable bytes.
    fn fill(&self, buf: &mut [u8]);
}

impl dyn Random + '_ {
    /// A uniformly random 64-bit number.
    pub fn u64(&self) -> u64 {
        let mut b = [0; 8];
        self.fill(&mut b);
        u64::from_le_bytes(b)
    }

    /// A version-4 UUID.
    pub fn uuid(&self) -> uuid::Uuid {
        let mut b = [0; 16];
        self.fill(&mut b);
        uuid::Builder::from_random_bytes(b).into_uuid()
    }
}

/// The operating system's generator, through aws-lc-rs (thread-local DRBG, reseeded).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(clippy::expect_used, reason = "without entropy nothing may be minted: stop at once")]
    fn fill(&self, buf: &mut [u8]) {
        aws_lc_rs::rand::fill(buf).expect("the operating system provides entropy");
    }
}
