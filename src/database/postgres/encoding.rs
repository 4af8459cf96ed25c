//! The texts of a SQL_ASCII database -> those that are not UTF-8, found before anything is sent.
//!
//! Such a database takes any bytes for text, and COPY in UTF-8 fails at the first row that is not valid, without its
//! name. Databases of all other encodings have checked their texts themselves.

use sqlx::postgres::PgConnection;

use super::super::DatabaseError;
use super::error::doing;
use super::large_values::key_text;
use super::statements::relation;
use crate::catalog::{Finding, Table};
use crate::model::text;
use crate::sql::{Ident, Literal, Sql, join, sql};

/// Well-formed UTF-8 by bytes (The Unicode Standard, table 3-7): in a SQL_ASCII database each byte is a character.
const UTF8: &str = r"^([\x01-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})*$";

/// One finding for each column that holds such a text, with how many there are and the key of one.
pub(super) async fn not_utf8(
    connection: &mut PgConnection,
    tables: &[Table],
) -> Result<Vec<Finding>, DatabaseError> {
    let encoding: String = sqlx::query_scalar("select current_setting('server_encoding')")
        .fetch_one(&mut *connection)
        .await
        .map_err(doing("read the encoding"))?;
    if encoding != "SQL_ASCII" {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for table in tables {
        let name = &table.name;
        let columns = table.stored_columns();
        let counted = join(
            ", ",
            columns.iter().map(|column| sql("count(*) filter (where {})", &[&is_not_utf8(column)])),
        );
        let statement =
            sql("select array[{}]::bigint[] from {}", &[&counted, &relation(name, table.partitioned)]);
        let counts: Vec<i64> = sqlx::query_scalar(statement.into_query())
            .fetch_one(&mut *connection)
            .await
            .map_err(doing(format!("look for texts of {name} that are not UTF-8")))?;
        for (column, count) in columns.iter().zip(counts).filter(|(_, count)| *count > 0) {
            let at = one_of(connection, table, column).await?;
            found.push(Finding::block(
                format!(
                    "Column {name}.{column} holds bytes that are not UTF-8, in {}{at}.",
                    text::counted(count.unsigned_abs(), "row", "rows")
                ),
                format!(
                    "Write them in UTF-8 on the source (bytes of LATIN1 are turned into it by convert_from(convert(convert_to({column}, 'SQL_ASCII'), 'LATIN1', 'UTF8'), 'UTF8')), or leave {name} out."
                ),
            ));
        }
    }
    Ok(found)
}

fn is_not_utf8(column: &str) -> Sql {
    sql("{}::text !~ {}", &[&Ident(column), &Literal(UTF8)])
}

/// ` (id 7)`, the first by key; nothing of a table without a key.
async fn one_of(connection: &mut PgConnection, table: &Table, column: &str) -> Result<String, DatabaseError> {
    let Some(key) = key_text(table.key()) else {
        return Ok(String::new());
    };
    // The key itself may hold such bytes.
    let statement = sql(
        r"select regexp_replace({}, '[\x80-\xff]', '?', 'g') from {} where {} order by 1 limit 1",
        &[&key, &relation(&table.name, table.partitioned), &is_not_utf8(column)],
    );
    let key: Result<String, _> = sqlx::query_scalar(statement.into_query()).fetch_one(connection).await;
    key.map(|key| format!(" ({key})"))
        .map_err(doing(format!("look for texts of {} that are not UTF-8", table.name)))
}
