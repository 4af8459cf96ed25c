//! The ground that the other tests stand on: sample databases, and a look at them from outside that can fail.

use tandem::demo::shop;

use crate::support::{self, Watcher, Written};

#[tokio::test]
async fn copies_of_a_sample_hold_the_same_rows_and_do_not_share_them() {
    let (north, south) = support::databases("chinook", "chinook").await;
    support::assert_same_rows(&north, &south).await;

    north.execute("delete from playlist_track").await;

    assert_eq!(south.value::<i64>("select count(*) from playlist_track").await, 8715);
}

#[tokio::test]
async fn the_comparison_names_changed_missing_and_extra_rows() {
    let (north, south) = support::databases("pagila", "pagila").await;
    south
        .execute(
            "update actor set first_name = 'NOBODY' where actor_id = 7;
             delete from payment where payment_id = 16051;
             insert into category (category_id, name) values (99, 'Silent')",
        )
        .await;

    let found = support::differences(&north, &south).await;

    let named: Vec<(&str, &str, usize, usize)> = found
        .iter()
        .map(|row| (row.table.as_str(), row.key.as_str(), row.first.len(), row.second.len()))
        .collect();
    assert_eq!(
        named,
        [
            ("public.actor", "(7)", 1, 1),
            ("public.category", "(99)", 0, 1),
            ("public.payment", "(\"2022-01-29 01:58:52.222594+00\",16051)", 1, 0),
        ]
    );
}

#[tokio::test]
async fn the_comparison_counts_equal_rows_of_a_table_without_a_key() {
    let (north, south) = support::databases("empty", "empty").await;
    north.execute("create table note (text text); insert into note values ('a'), ('a'), (null), ('')").await;
    south.execute("create table note (text text); insert into note values ('a'), (null), (null), ('')").await;

    let found = support::differences(&north, &south).await;

    assert_eq!(found.len(), 2, "{found:?}");
}

#[tokio::test]
async fn a_table_that_only_one_has_is_a_difference() {
    let (north, south) = support::databases("pagila", "chinook").await;
    let found = support::differences(&north, &south).await;
    assert!(found.iter().any(|row| row.table == "public.film" && row.second.is_empty()), "{found:?}");
    assert!(found.iter().any(|row| row.table == "public.album" && row.first.is_empty()), "{found:?}");
}

#[tokio::test]
async fn a_write_that_changes_no_value_is_seen() {
    let database = support::database("pagila").await;
    let before = Written::of(&database).await;
    assert!(before.until(&Written::of(&database).await).is_empty());

    database.execute("update store set address_id = address_id where store_id = 1").await;

    let written = before.until(&Written::of(&database).await);
    assert_eq!(written.into_iter().collect::<Vec<_>>(), [("public.store".to_owned(), 1)]);
}

#[tokio::test]
async fn a_schema_copy_has_the_tables_and_no_row() {
    let (full, bare) = support::databases("pagila", "pagila_schema").await;
    let tables =
        "select count(*) from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace";
    assert_eq!(full.value::<i64>(tables).await, bare.value::<i64>(tables).await);
    assert_eq!(bare.value::<i64>("select count(*) from film").await, 0);
    assert_eq!(full.value::<i64>("select count(*) from film").await, 1000);
}

#[tokio::test]
async fn the_shop_is_the_same_wherever_it_is_loaded() {
    let (north, south) = support::databases("shop", "empty").await;
    // A server elsewhere: other zone, other notation of dates.
    south
        .execute(
            "do $$ begin
                 execute format('alter database %I set timezone = ''Asia/Tokyo''', current_database());
                 execute format('alter database %I set datestyle = ''SQL, DMY''', current_database());
                 execute format('alter database %I set search_path = nowhere', current_database());
             end $$",
        )
        .await;

    shop::load_schema(south.url()).await.unwrap();
    shop::load_data(south.url()).await.unwrap();

    support::assert_same_rows(&north, &south).await;
    assert_eq!(north.sequences().await, south.sequences().await);
}

#[tokio::test]
async fn the_shop_has_what_a_real_database_has() {
    let shop = support::database("shop").await;
    let count = async |sql: &str| shop.value::<i64>(sql).await;

    let tables = count(
        "select count(*) from pg_class
         where relkind in ('r', 'p') and not relispartition and relnamespace::regnamespace::text in ('public', 'payroll')",
    )
    .await;
    let rows = count(
        "select sum(reltuples)::bigint from pg_class
         where relkind = 'r' and relnamespace::regnamespace::text in ('public', 'payroll')",
    )
    .await;

    assert_eq!(tables, 28);
    assert!((45_000..60_000).contains(&rows), "{rows}");
    assert_eq!(count("select count(*) from businesses where is_demo").await, 2);
    assert_eq!(count("select count(*) from branches where manager_id is null").await, 0);
    assert_eq!(
        count("select count(*) from pg_constraint where contype = 'f' and conrelid = confrelid").await,
        2
    );
    assert_eq!(count("select count(*) from pg_attribute where attidentity = 'a'").await, 1);
    assert!(count("select nextval('invoice_numbers') - max(number) from invoices").await > 0);
    // Everybody in the shop stays within one business.
    let strays = count(
        "select count(*) from orders o join customers c on c.id = o.customer_id join branches b on b.id = o.branch_id
         where o.business_id <> c.business_id or o.business_id <> b.business_id",
    );
    assert_eq!(strays.await, 0);
}

#[tokio::test]
async fn each_sample_can_drift_in_changed_missing_and_extra_rows() {
    for sample in ["pagila", "chinook", "chinook_identity", "shop"] {
        let (origin, copy) = support::databases(sample, sample).await;

        copy.drift().await;

        let found = support::differences(&origin, &copy).await;
        let count = |first: usize, second: usize| {
            found.iter().filter(|row| row.first.len() == first && row.second.len() == second).count()
        };
        assert!(count(1, 1) > 10 && count(1, 0) > 10 && count(0, 1) >= 2, "{sample}: {}", found.len());
    }
}

#[tokio::test]
async fn the_watcher_sees_before_and_after() {
    let database = support::database("chinook").await;

    let watcher = Watcher::start(&database).await;
    assert_eq!(watcher.stop().await.len(), 1);

    let watcher = Watcher::start(&database).await;
    database.execute("update genre set name = 'Noise' where genre_id = 1").await;
    let seen = watcher.stop().await;
    assert_eq!(seen.len(), 2, "before and after");
    assert_ne!(seen[0], seen[1]);
}
