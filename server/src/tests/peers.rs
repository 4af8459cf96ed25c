//! What a peer is told whose request is not right.
