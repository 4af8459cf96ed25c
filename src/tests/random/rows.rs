//! The description of a schema -> the rows of a source, and those of a target that has lived on its own.

use super::chance::Chance;
use super::ddl::quoted;
use super::schema::{Form, Schema, Table};

/// What a row may be refused for, it is; what is wrong with a statement of ours is an error.
const TRY: &str = "
    set session_replication_role = replica;
    create or replace function pg_temp.try(statement text) returns void language plpgsql as $f$
    begin execute statement; exception when integrity_constraint_violation or program_limit_exceeded then null; end $f$;
    create or replace function pg_temp.mend(statement text) returns bigint language plpgsql as $f$
    declare n bigint; begin execute statement; get diagnostics n = row_count; return n;
    exception when integrity_constraint_violation or program_limit_exceeded then return 0; end $f$;\n";

/// How the target has come to what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Past {
    Empty,
    Equal,
    /// Some rows are missing, some have other values; none is its own.
    Behind,
    /// Rows of its own, that meet the source's in keys and unique values.
    Apart,
}

/// What rows the source holds, and what the target holds before it is mirrored (`mirror`) or only added to.
pub(super) fn scripts(schema: &Schema, seed: u64, mirror: bool) -> (String, String) {
    let mut chance = Chance::new(seed ^ 0xda7a);
    let rows = inserts(schema, &mut chance);
    let source = with_orphans_mended(schema, &rows.concat(), true);
    let past = match mirror {
        true => {
            *chance.pick(&[Past::Empty, Past::Equal, Past::Behind, Past::Apart, Past::Apart, Past::Apart])
        }
        false => *chance.pick(&[Past::Empty, Past::Equal, Past::Behind, Past::Behind]),
    };
    let target = match past {
        Past::Empty => String::new(),
        Past::Equal => source.clone(),
        Past::Behind => {
            with_orphans_mended(schema, &(source.clone() + &changes(schema, &mut chance, mirror)), mirror)
        }
        Past::Apart => {
            let share = chance.below(4);
            let common: String = rows
                .iter()
                .enumerate()
                .filter(|(place, _)| place % 4 < share)
                .map(|(_, row)| row.as_str())
                .collect();
            let own = inserts(schema, &mut chance).concat();
            with_orphans_mended(schema, &(common + &own + &changes(schema, &mut chance, true)), true)
        }
    };
    (source, target)
}

fn attempt(statement: &str) -> String {
    format!("select pg_temp.try($try${statement}$try$);\n")
}

/// Row by row, tables mixed.
fn inserts(schema: &Schema, chance: &mut Chance) -> Vec<String> {
    let mut rows = Vec::new();
    for (place, table) in schema.tables.iter().enumerate() {
        let written: Vec<usize> = stored(table).collect();
        let names: Vec<String> = written.iter().map(|&at| quoted(&table.columns[at].name)).collect();
        for _ in 0..chance.below(30) {
            let values: Vec<String> =
                written.iter().map(|&at| table.columns[at].kind.constant(chance, &schema.name)).collect();
            let row = format!(
                "insert into {} ({}) overriding system value values ({})",
                schema.full_name(place),
                names.join(", "),
                values.join(", ")
            );
            // The same row twice, where nothing forbids it.
            let times = if table.key.is_empty() && chance.happens(30) { 2 } else { 1 };
            rows.extend(std::iter::repeat_n(attempt(&row), times));
        }
    }
    rows
}

fn stored(table: &Table) -> impl Iterator<Item = usize> {
    (0..table.columns.len()).filter(|&at| !matches!(table.columns[at].form, Form::Computed(_)))
}

/// Updates and deletes of about a fifth of the rows. `freely`: of keys too, and in tables where a changed row is
/// another row.
fn changes(schema: &Schema, chance: &mut Chance, freely: bool) -> String {
    let mut script = String::new();
    for (place, table) in schema.tables.iter().enumerate() {
        let name = schema.full_name(place);
        let only = if table.partition.is_some() { "" } else { "only " };
        let some = |chance: &mut Chance| format!("abs(hashtext(t::text)) % 5 = {}", chance.below(5));
        if chance.happens(60) {
            script += &attempt(&format!("delete from {only}{name} t where {}", some(chance)));
        }
        for at in stored(table).filter(|&at| table.columns[at].form != Form::Always) {
            let can_change = freely || !table.key.is_empty() && !table.may_be_found_by(at);
            if can_change && chance.happens(40) {
                let value = table.columns[at].kind.constant(chance, &schema.name);
                let column = quoted(&table.columns[at].name);
                script +=
                    &attempt(&format!("update {only}{name} t set {column} = {value} where {}", some(chance)));
            }
        }
    }
    script
}

/// Rows that point nowhere point to nothing, or go; until there are none. What was deferred is tried at once. `freely`:
/// in tables too where a changed row is another row, which can hold a unique value of the source's.
fn with_orphans_mended(schema: &Schema, rows: &str, freely: bool) -> String {
    let mut passes = String::new();
    for (place, table) in schema.tables.iter().enumerate() {
        let only = |at: usize| {
            if schema.tables[at].partition.is_some() {
                schema.full_name(at)
            } else {
                format!("only {}", schema.full_name(at))
            }
        };
        for key in &table.foreign_keys {
            let child: Vec<String> = key.columns.iter().map(|&at| quoted(&table.columns[at].name)).collect();
            let parent: Vec<String> = key
                .parent_columns
                .iter()
                .map(|&at| quoted(&schema.tables[key.parent].columns[at].name))
                .collect();
            let joiner = if key.is_full { " or " } else { " and " };
            let set = child
                .iter()
                .map(|column| format!("t.{column} is distinct from null"))
                .collect::<Vec<_>>()
                .join(joiner);
            let met: Vec<String> =
                child.iter().zip(&parent).map(|(child, parent)| format!("p.{parent} = t.{child}")).collect();
            let orphan = format!(
                "({set}) and not exists (select from {} p where {})",
                only(key.parent),
                met.join(" and ")
            );
            let nulls: Vec<String> = child.iter().map(|column| format!("{column} = null")).collect();
            let point_to_nothing =
                format!("update {} t set {} where {orphan}", only(place), nulls.join(", "));
            let go = format!("delete from {} t where {orphan}", only(place));
            for statement in
                (freely || !table.key.is_empty()).then_some(point_to_nothing).into_iter().chain([go])
            {
                passes += &format!("n := n + pg_temp.mend($try${statement}$try$);\n");
            }
        }
    }
    let unique = unbroken(schema);
    format!(
        "{TRY}{rows}do $do$ declare n bigint; begin loop n := 0; {unique}{passes} exit when n = 0; end loop; end $do$;\n"
    )
}

/// Deferrable constraints are not checked while triggers are off: of rows with the same values one stays.
fn unbroken(schema: &Schema) -> String {
    let mut script = String::new();
    for (place, table) in schema.tables.iter().enumerate() {
        for columns in table.deferrable() {
            let same: Vec<String> = columns
                .iter()
                .map(|&at| quoted(&table.columns[at].name))
                .map(|column| format!("o.{column} = t.{column}"))
                .collect();
            let name = schema.full_name(place);
            script += &format!(
                "n := n + pg_temp.mend($try$delete from only {name} t where exists (
                     select from only {name} o where o.ctid < t.ctid and {})$try$);\n",
                same.join(" and ")
            );
        }
    }
    script
}
