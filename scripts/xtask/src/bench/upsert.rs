//! `pg_dump --column-inserts` → one `INSERT … ON CONFLICT … DO UPDATE` a row, as people restore over live tables.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::postgres::Database;

/// Restores in one transaction. Returns seconds.
pub(super) fn dump_as_upserts(source: &Database, target: &Database) -> Result<f64> {
    let keys = keys(source)?;
    let started = Instant::now();
    let mut dump = source.dump(&["--data-only", "--column-inserts"]).stdout(Stdio::piped()).spawn()?;
    let mut psql =
        target.psql(&["--single-transaction"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let lines = BufReader::new(dump.stdout.take().context("the dump was piped")?);
    let mut statements = BufWriter::new(psql.stdin.take().context("the input was piped")?);
    for line in lines.lines() {
        writeln!(statements, "{}", upsert(&line?, &keys))?;
    }
    drop(statements);
    if !dump.wait()?.success() || !psql.wait()?.success() {
        bail!("the restore by upserts failed");
    }
    Ok(started.elapsed().as_secs_f64())
}

/// Each table's primary key columns.
fn keys(database: &Database) -> Result<HashMap<String, Vec<String>>> {
    let lines = database.ask(
        "select format('%I.%I %s', n.nspname, c.relname, string_agg(quote_ident(a.attname), ',' order by a.attnum))
         from pg_index i
         join pg_class c on c.oid = i.indrelid
         join pg_namespace n on n.oid = c.relnamespace
         join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)
         where i.indisprimary and n.nspname = 'public'
         group by n.nspname, c.relname",
    )?;
    let key = |line: &str| {
        let (table, columns) = line.split_once(' ')?;
        Some((table.to_owned(), columns.split(',').map(str::to_owned).collect()))
    };
    Ok(lines.lines().filter_map(key).collect())
}

/// The bench's values hold no line break, so every statement is one line; all other lines stay as they are.
fn upsert(line: &str, keys: &HashMap<String, Vec<String>>) -> String {
    let parts = line.strip_prefix("INSERT INTO ").and_then(|rest| {
        let (table, rest) = rest.split_once(" (")?;
        let (columns, _values) = rest.split_once(") ")?;
        Some((keys.get(table)?, columns))
    });
    let Some((key, columns)) = parts else { return line.to_owned() };
    let changed: Vec<String> = columns
        .split(", ")
        .filter(|column| !key.iter().any(|part| part == column))
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    let statement = line.strip_suffix(';').unwrap_or(line);
    format!("{statement} ON CONFLICT ({}) DO UPDATE SET {};", key.join(", "), changed.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_insert_becomes_an_upsert_and_the_rest_stays() {
        let keys = HashMap::from([("public.stock".to_owned(), vec!["a".to_owned(), "b".to_owned()])]);
        assert_eq!(
            upsert("INSERT INTO public.stock (a, b, c) VALUES (1, 2, 'x; (y) ');", &keys),
            "INSERT INTO public.stock (a, b, c) VALUES (1, 2, 'x; (y) ') ON CONFLICT (a, b) DO UPDATE SET c = excluded.c;"
        );
        assert_eq!(upsert("SET row_security = off;", &keys), "SET row_security = off;");
    }
}
