-- What a committed sync replaced, deleted and inserted, as long as it can be taken back. The rows themselves are in
-- a table of the session's own, undo_ and the end of its id.
create table tandem.undo (
    session text primary key references tandem.session,
    -- The transaction that wrote, and with it the numbers that its rows carry: a row that still has one of them has
    -- not been changed since.
    transaction bigint not null,
    writers text not null,
    until_us bigint not null,
    -- Name, columns and whether it was empty, of each table that was written to.
    tables text not null
);
