//! The crate from outside: a server that misbehaves, programs that are killed, disks that are full.

mod disk;
mod faults;
mod kill;
mod many;
mod resume;
mod server;
mod sharing;
mod world;
