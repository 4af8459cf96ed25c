//! Rows that cannot simply come in, with each right.

use tandem::model::{Code, ConflictPolicy, Phase, RowErrors, Step, SyncOptions};

use super::{ALL, Role, pair};
use crate::traps::{Pair, assert_says, keep, mirror};

const TABLES: &str =
    "create table parent (id int primary key, code text constraint parent_code unique, name text);
                      create table child (id int primary key, parent int not null references parent);";

async fn text(pair: &Pair, query: &str) -> String {
    pair.target.value(&format!("select string_agg(r, ', ' order by r) from ({query}) t(r)")).await
}

#[tokio::test]
async fn refused_rows_are_left_out_with_any_rights() {
    for role in ALL {
        let pair = pair(
            role,
            &format!(
                "{TABLES} insert into parent values (1, 'x', 'new'), (2, 'b', 'new'), (3, 'c', 'bad');
                      insert into child values (1, 1), (2, 2), (3, 3), (5, 1)"
            ),
            &format!(
                "{TABLES} alter table parent add check (name <> 'bad');
                      insert into parent values (1, 'a', 'old'), (2, 'b', 'old'), (9, 'own', 'old');
                      insert into child values (1, 1), (2, 2), (5, 9)"
            ),
        )
        .await;
        let options = SyncOptions { row_errors: RowErrors::Isolate, ..mirror() };

        let status = pair.pull(&options).await;

        assert_eq!(status.phase, Phase::Completed, "{role:?}: {status:#?}");
        assert_eq!(status.result.unwrap().set_aside, 2, "{role:?}");
        assert_eq!(text(&pair, "select id || code || name from parent").await, "1xnew, 2bnew", "{role:?}");
        assert_eq!(text(&pair, "select id || ':' || parent from child").await, "1:1, 2:2, 5:1", "{role:?}");
        role.gone(&pair.target).await;
    }
}

#[tokio::test]
async fn children_follow_the_row_that_replaces_theirs_or_the_key_that_forbids_it_is_named() {
    for role in ALL {
        let pair = pair(
            role,
            &format!("{TABLES} insert into parent values (1, 'a', 'new'), (3, 'z', 'new'); insert into child values (2, 3)"),
            &format!("{TABLES} insert into parent values (1, 'a', 'old'), (9, 'z', 'own'); insert into child values (8, 9)"),
        )
        .await;
        let options = SyncOptions { conflicts: ConflictPolicy::Source, ..keep() };

        if role == Role::Plain {
            let parts = ["1 row of public.child", "child_parent_fkey", "public.parent"];
            let preview = pair.south.preview("pull", "north", &options).await.preview.unwrap();
            assert!(preview.is_blocked(), "{:#?}", preview.findings);
            assert_says(&preview.findings[0].text, &parts);
            pair.refused(&options, Step::Restore, Code::Refused, &parts).await;
            pair.target.execute("delete from child").await;
        }
        let status = pair.pull(&options).await;

        assert_eq!(status.phase, Phase::Verified, "{role:?}: {:?} {}", status.error, status.message);
        assert_eq!(text(&pair, "select id || code || name from parent").await, "1anew, 3znew", "{role:?}");
        role.gone(&pair.target).await;
    }
}

#[tokio::test]
async fn keys_that_are_inherited_change_with_any_rights_that_let_them() {
    let tables = "create table place (id int primary key, code text unique);
                  create table line (place int references place deferrable, no int, note text, primary key (place, no));
                  create table part (place int, no int, k int, primary key (place, no, k),
                                     foreign key (place, no) references line deferrable);";
    for role in ALL {
        for (conflicts, lines, parts) in [
            (ConflictPolicy::Source, "31s, 32s, 33t", "311, 321, 331"),
            (ConflictPolicy::Target, "91t, 92s, 93t", "911, 921, 931"),
        ] {
            let pair = pair(
                role,
                &format!(
                    "{tables} insert into place values (3, 'z'); insert into line values (3, 1, 's'), (3, 2, 's');
                     insert into part values (3, 1, 1), (3, 2, 1)"
                ),
                &format!(
                    "{tables} insert into place values (9, 'z'); insert into line values (9, 1, 't'), (9, 3, 't');
                     insert into part values (9, 1, 1), (9, 3, 1)"
                ),
            )
            .await;
            let options = SyncOptions { conflicts, ..keep() };

            let status = pair.pull(&options).await;

            assert!(status.error.is_none(), "{role:?} {conflicts:?}: {:?}", status.error);
            assert_eq!(text(&pair, "select concat(place, no, note) from line").await, lines, "{role:?}");
            assert_eq!(text(&pair, "select concat(place, no, k) from part").await, parts, "{role:?}");
            role.gone(&pair.target).await;
        }
    }
}
