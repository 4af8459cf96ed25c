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
