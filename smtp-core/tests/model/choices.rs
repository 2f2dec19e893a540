//! Provides [`Choices`], the source of all randomness in a session.

/// A source of choices: a seed, or the octets of a fuzzer.
#[derive(Clone, Debug)]
pub(crate) enum Choices<'a> {
    /// An endless sequence of numbers, determined by the seed.
    Seed(u64),
    /// One octet for each choice; after the last one the first possibility is chosen, which is never a fault.
    #[allow(dead_code)] // used by the fuzz target
    Octets(&'a [u8]),
}

impl Choices<'_> {
    /// Returns a number below `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        match self {
            Self::Seed(state) => {
                // SplitMix64
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut mixed = *state;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                usize::try_from((mixed ^ (mixed >> 31)) % count as u64).expect("it is below a usize")
            }
            Self::Octets(octets) => {
                let Some((&first, rest)) = octets.split_first() else { return 0 };
                *octets = rest;
                usize::from(first) % count
            }
        }
    }

    /// Returns true with a probability of `percent`.
    pub(crate) fn happens(&mut self, percent: usize) -> bool {
        // the first possibility is false
        self.below(100) >= 100 - percent
    }

    /// Returns one of these.
    pub(crate) fn one_of<T: Copy>(&mut self, possibilities: &[T]) -> T {
        possibilities[self.below(possibilities.len())]
    }
}
