//! Tests of edits.

mod layouts;
