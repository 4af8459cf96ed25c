//! What must hold in a target after a sync, asked of the server in its own words.

use crate::support::Database;

/// Makes a second foreign key beside each, which the server checks as it checks any new one.
pub(super) async fn foreign_keys_hold(database: &Database) -> Result<(), String> {
    let script = "do $$
        declare k record;
        begin
            for k in select conname, conrelid::regclass as child, pg_get_constraintdef(oid) as definition
                     from pg_constraint
                     where contype = 'f' and conparentid = 0 and connamespace::regnamespace::text like 'seed%'
            loop
                begin
                    execute format('alter table %s add constraint proof %s', k.child, k.definition);
                    execute format('alter table %s drop constraint proof', k.child);
                exception when foreign_key_violation then
                    raise exception 'rows of % break %', k.child, k.definition;
                end;
            end loop;
        end $$";
    database.try_execute(script).await
}

/// Each column's own sequence has reached its highest value.
pub(super) async fn sequences_are_not_behind(database: &Database) -> Result<(), String> {
    let script = "do $$
        declare c record; highest bigint; reached bigint; is_called bool;
        begin
            for c in select a.attrelid::regclass as name, a.attname as attribute,
                            pg_get_serial_sequence(a.attrelid::regclass::text, a.attname) as sequence
                     from pg_attribute a
                     join pg_class t on t.oid = a.attrelid and t.relkind = 'r' and t.relnamespace::regnamespace::text like 'seed%'
                     where a.attnum > 0 and not a.attisdropped
                       and pg_get_serial_sequence(a.attrelid::regclass::text, a.attname) is not null
            loop
                execute format('select max(%I) from %s', c.attribute, c.name) into highest;
                execute format('select last_value, is_called from %s', c.sequence) into reached, is_called;
                if highest > reached or highest = reached and not is_called then
                    raise exception '% has % and its sequence %', c.name, highest, reached;
                end if;
            end loop;
        end $$";
    database.try_execute(script).await
}
