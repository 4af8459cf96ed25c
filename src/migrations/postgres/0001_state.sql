-- The node's own state. Times are microseconds UTC, JSON and enums are text, so that every statement on these
-- tables reads the same in every kind of database.

-- Grows with every sync that takes this database; a writer whose number is not the newest must not commit.
create table tandem.fence (number bigint not null);
insert into tandem.fence values (0);

create table tandem.session (
    id text primary key,
    peer text not null,
    phase text not null,
    started_us bigint not null,
    finished_us bigint,
    -- Set in the very transaction that writes the rows: the proof that they are there.
    committed_us bigint,
    -- The last SyncStatus and the whole log.
    status text not null,
    log text not null
);
create index session_newest on tandem.session (started_us desc, id desc);

create table tandem.comparison (
    peer text primary key,
    comparison text not null
);

-- One row: the admin.
create table tandem.account (
    name text primary key,
    password_hash text not null
);

-- Signed-in browsers; the cookie's value is not kept, only its hash.
create table tandem.panel_session (
    token_hash text primary key,
    expires_us bigint not null
);
