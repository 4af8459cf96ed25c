-- Rows that a sync left out, for as long as it can be undone.
create table tandem.quarantine (
    session text not null references tandem.session,
    relation text not null,
    -- The key, for people.
    row text not null,
    -- As the database says it; empty when it was not the database that refused the row.
    sqlstate text not null,
    reason text not null,
    -- The row itself as text.
    image text not null,
    until_us bigint not null
);
create index quarantine_session on tandem.quarantine (session);
