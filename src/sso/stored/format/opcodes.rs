//! Looks at every instruction of a pickle before a library reads it. Only those that push plain
//! data pass: nothing that names, calls or builds a class. Counts what makes a small pickle
//! large or deep, because a memo can repeat what it holds.

use std::collections::BTreeMap;

use super::Broken;

/// The most containers, and so the deepest nesting.
const MAX_CONTAINERS: usize = 128;
/// The most bytes that repeated texts may amount to.
const MAX_REPEATED: usize = 256 * 1024;

const CUT: Broken = "session is cut short";

/// # Errors
/// The rule that the pickle breaks.
pub(super) fn check(pickle: &[u8]) -> Result<(), Broken> {
    let mut scan = Scan { rest: pickle, ..Scan::default() };
    while scan.step()? {}
    if scan.rest.is_empty() { Ok(()) } else { Err("session has more behind its end") }
}

#[derive(Default)]
struct Scan<'a> {
    rest: &'a [u8],
    containers: usize,
    repeated: usize,
    /// What was pushed last: the length of a text or number, none for a container.
    last: Option<usize>,
    memo: BTreeMap<usize, Option<usize>>,
}

impl Scan<'_> {
    /// One instruction; `false` at the end. The names are those of Python's `pickletools`.
    fn step(&mut self) -> Result<bool, Broken> {
        match self.number(1)? {
            // STOP
            0x2e => return Ok(false),
            // PROTO, FRAME
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            // MARK
            0x28 => {}
            // NONE, NEWTRUE, NEWFALSE
            0x4e | 0x88 | 0x89 => self.last = Some(1),
            // BININT, BININT1, BININT2, BINFLOAT
            0x4a => self.atom(4)?,
            0x4b => self.atom(1)?,
            0x4d => self.atom(2)?,
            0x47 => self.atom(8)?,
            // LONG1, SHORT_BINUNICODE, SHORT_BINBYTES
            0x8a | 0x8c | 0x43 => self.counted(1)?,
            // BINUNICODE, BINBYTES
            0x58 | 0x42 => self.counted(4)?,
            // BINUNICODE8, BINBYTES8, BYTEARRAY8
            0x8d | 0x8e | 0x96 => self.counted(8)?,
            // EMPTY_DICT, EMPTY_LIST, EMPTY_TUPLE, EMPTY_SET, TUPLE, TUPLE1, TUPLE2, TUPLE3, FROZENSET
            0x7d | 0x5d | 0x29 | 0x8f | 0x74 | 0x85 | 0x86 | 0x87 | 0x91 => {
                self.last = None;
                self.containers += 1;
                if self.containers > MAX_CONTAINERS {
                    return Err("session holds too many containers");
                }
            }
            // APPEND, APPENDS, SETITEM, SETITEMS, ADDITEMS
            0x61 | 0x65 | 0x73 | 0x75 | 0x90 => self.last = None,
            // MEMOIZE, BINPUT, LONG_BINPUT
            0x94 => drop(self.memo.insert(self.memo.len(), self.last)),
            0x71 => self.put(1)?,
            0x72 => self.put(4)?,
            // BINGET, LONG_BINGET
            0x68 => self.repeat(1)?,
            0x6a => self.repeat(4)?,
            _ => return Err("session holds more than plain data"),
        }
        Ok(true)
    }

    fn atom(&mut self, len: usize) -> Result<(), Broken> {
        self.take(len)?;
        self.last = Some(len);
        Ok(())
    }

    fn counted(&mut self, digits: usize) -> Result<(), Broken> {
        let len = self.number(digits)?;
        self.atom(len)
    }

    fn put(&mut self, digits: usize) -> Result<(), Broken> {
        let id = self.number(digits)?;
        self.memo.insert(id, self.last);
        Ok(())
    }

    /// A container that stands in two places could double at each level.
    fn repeat(&mut self, digits: usize) -> Result<(), Broken> {
        let id = self.number(digits)?;
        let len = self.memo.get(&id).copied().flatten();
        let len = len.ok_or("session holds one container in two places")?;
        self.repeated += len;
        self.last = Some(len);
        if self.repeated > MAX_REPEATED { Err("session repeats too much") } else { Ok(()) }
    }

    /// A little-endian number.
    fn number(&mut self, digits: usize) -> Result<usize, Broken> {
        let digits = self.take(digits)?.iter().rev();
        let number = digits.fold(0_u64, |number, &digit| number << 8 | u64::from(digit));
        usize::try_from(number).map_err(|_| CUT)
    }

    fn take(&mut self, len: usize) -> Result<&[u8], Broken> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(CUT)?;
        self.rest = rest;
        Ok(taken)
    }
}
