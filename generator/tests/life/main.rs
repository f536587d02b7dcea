//! Tests of the commands that reach machines, against scripted ones. Each module is about one subject.

mod machines;
mod script;
