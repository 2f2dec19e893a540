//! Messages from outside: what programs that nobody here wrote make of them.

mod round_trip;
mod strict;
