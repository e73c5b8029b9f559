//! Randomness as a parameter: `SystemRandom` is the only source of entropy;
//! tests may pass their own to get predictable identifiers.

use std::cell::RefCell;
use std::fmt;

use zeroize::{Zeroize, Zeroizing};

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

/// The operating system's generator, through aws-lc-rs. Small requests are served from a
/// buffer of the thread's, because a call costs as much as a signature whatever its length;
/// bytes are wiped from it as they are handed out.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

/// Bytes drawn at a time.
const BUFFER: usize = 512;
/// What is served from the buffer at the most.
const SMALL: usize = 32;

struct Buffer {
    bytes: Zeroizing<[u8; BUFFER]>,
    used: usize,
}

thread_local! {
    static DRAWN: RefCell<Buffer> =
        RefCell::new(Buffer { bytes: Zeroizing::new([0; BUFFER]), used: BUFFER });
}

impl Random for SystemRandom {
    fn fill(&self, buf: &mut [u8]) {
        if buf.len() > SMALL {
            return draw(buf);
        }
        DRAWN.with_borrow_mut(|drawn| {
            if drawn.used + buf.len() > BUFFER {
                draw(&mut *drawn.bytes);
                drawn.used = 0;
            }
            let handed_out = &mut drawn.bytes[drawn.used..drawn.used + buf.len()];
            buf.copy_from_slice(handed_out);
            handed_out.zeroize();
            drawn.used += buf.len();
        });
    }
}

#[expect(clippy::expect_used, reason = "without entropy nothing may be minted: stop at once")]
#[expect(clippy::disallowed_methods, reason = "the one place that asks for entropy")]
fn draw(buf: &mut [u8]) {
    aws_lc_rs::rand::fill(buf).expect("the operating system provides entropy");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_bytes_are_handed_out_twice() {
        let random: &dyn Random = &SystemRandom;
        let seen: HashSet<_> = (0..1000).map(|_| random.uuid()).collect();
        assert_eq!(seen.len(), 1000);
        let mut long = [0; 100];
        random.fill(&mut long);
        assert_ne!(long, [0; 100]);
    }
}
