//! A part instead of everything: tables by name, one business, no demo data, the newest audit rows.

mod closure;
mod columns;
mod refused;
mod tables;

use tandem::model::{Method, Phase, Relation, Scope, SyncOptions, SyncStatus};

use crate::support::{self, Database, Node, Written, nodes};

fn tables(include: &[&str], exclude: &[&str]) -> Scope {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    Scope { include: texts(include), exclude: texts(exclude), ..Scope::default() }
}

fn business(key: &str) -> Scope {
    Scope { business: Some(key.to_owned()), ..Scope::default() }
}

fn of(scope: Scope) -> SyncOptions {
    SyncOptions { scope, ..SyncOptions::default() }
}

fn assert_verified(status: &SyncStatus) {
    assert_eq!(status.phase, Phase::Verified, "{status:#?}");
}

async fn says(node: &Node, status: &SyncStatus, text: &str) -> bool {
    let detail = node.detail(status.session_id.as_str()).await;
    detail.log.iter().any(|line| line.text.contains(text))
}

/// Every foreign key made once more: the server itself looks for rows that lead nowhere.
async fn assert_no_orphan(database: &Database) {
    database
        .execute(
            "do $$
             declare k record;
             begin
                 for k in select oid, conrelid::regclass as child, pg_get_constraintdef(oid) as definition
                          from pg_constraint where contype = 'f' and conparentid = 0
                 loop
                     execute format('alter table %s add constraint %I %s', k.child, 'again_' || k.oid, k.definition);
                     execute format('alter table %s drop constraint %I', k.child, 'again_' || k.oid);
                 end loop;
             end $$",
        )
        .await;
}

async fn count(database: &Database, from: &str) -> i64 {
    database.value(&format!("select count(*) from {from}")).await
}

/// Tables of the shop that name their business in every row.
const OF_A_BUSINESS: [&str; 12] = [
    "branches",
    "employees",
    "payroll.runs",
    "customers",
    "suppliers",
    "categories",
    "products",
    "promotions",
    "orders",
    "gift_cards",
    "settings",
    "documents",
];

#[tokio::test]
async fn one_business_comes_whole_and_alone() {
    for (method, direction) in [("backup", "push"), ("delta", "pull"), ("auto", "pull")] {
        let (source, target) = support::databases("shop", "shop_schema").await;
        let (north, south) = nodes(&source, &target).await;

        let status = match direction {
            "pull" => south.sync_by(method, "pull", "north", &of(business("3"))).await,
            _ => north.sync_by(method, "push", "south", &of(business("3"))).await,
        };

        assert_verified(&status);
        assert!(status.message.contains("business 3"), "{}", status.message);
        assert!(says(&north, &status, "The businesses are the rows of public.businesses").await);
        assert_eq!(count(&target, "businesses").await, 1);
        for table in OF_A_BUSINESS {
            let wanted = count(&source, &format!("{table} where business_id = 3")).await;
            assert!(wanted > 0, "{table}");
            assert_eq!(count(&target, table).await, wanted, "{table}");
            assert_eq!(count(&target, &format!("{table} where business_id = 3")).await, wanted, "{table}");
        }
        let items = "order_items i join orders o on o.id = i.order_id where o.business_id = 3";
        assert_eq!(count(&target, "order_items").await, count(&source, items).await);
        let shifts = "shifts s join employees e on e.id = s.employee_id where e.business_id = 3";
        assert_eq!(count(&target, "shifts").await, count(&source, shifts).await);
        let payments = "payments p join orders o on o.id = p.order_id where o.business_id = 3";
        assert_eq!(count(&target, "payments").await, count(&source, payments).await);
        let audit = "audit_log where business_id = 3";
        assert_eq!(count(&target, "audit_log").await, count(&source, audit).await);
        // No foreign key leads from it to a business.
        assert_eq!(count(&target, "\"TaxRates\"").await, count(&source, "\"TaxRates\"").await);
        assert_no_orphan(&target).await;
    }
}

#[tokio::test]
async fn rows_of_other_businesses_stay_as_they_are() {
    for (method, action) in [("delta", "pull"), ("backup", "push")] {
        let (source, target) = support::databases("shop", "shop").await;
        let (north, south) = nodes(&source, &target).await;
        target
            .execute(
                "update customers set phone = 'changed here' where business_id in (2, 3) and id % 90 = 0;
                 insert into customers (id, business_id, full_name, created_at, updated_at)
                 values (900001, 3, 'Only here', now(), now()), (900002, 2, 'Other', now(), now());
                 delete from loyalty_points where customer_id % 90 = 0
                 and customer_id in (select id from customers where business_id in (2, 3))",
            )
            .await;
        let others =
            "select md5(string_agg(c::text, ',' order by c.id)) from customers c where business_id <> 3";
        let before: String = target.value(others).await;

        let status = match action {
            "pull" => south.sync_by(method, "pull", "north", &of(business("3"))).await,
            _ => north.sync_by(method, "push", "south", &of(business("3"))).await,
        };

        assert_verified(&status);
        let result = status.result.unwrap();
        let Relation::Contains { target_only_rows } = result.relation else { panic!("{result:#?}") };
        assert!(target_only_rows >= 1);
        if method == "delta" {
            assert_eq!(target_only_rows, 1, "only the one in the scope was looked at");
        }
        assert_eq!(target.value::<String>(others).await, before);
        assert_eq!(count(&target, "customers where business_id = 3 and phone = 'changed here'").await, 0);
        assert_eq!(count(&target, "customers where id in (900001, 900002)").await, 2);
        let points = "loyalty_points l join customers c on c.id = l.customer_id where c.business_id =";
        assert_eq!(
            count(&target, &format!("{points} 3")).await,
            count(&source, &format!("{points} 3")).await
        );
        assert_eq!(count(&target, &format!("{points} 2 and c.id % 90 = 0")).await, 0);
    }
}

#[tokio::test]
async fn a_delta_of_one_business_carries_only_the_difference() {
    let (source, target) = support::databases("shop", "shop").await;
    let (_north, south) = nodes(&source, &target).await;
    let whole = south.sync_by("backup", "pull", "north", &of(business("1"))).await;
    assert_verified(&whole);
    source.execute("update orders set status = 'cancelled' where id in (select id from orders where business_id = 1 order by id limit 5)").await;

    let status = south.sync_by("delta", "pull", "north", &of(business("1"))).await;

    assert_eq!((status.phase, status.method), (Phase::Verified, Method::Delta), "{status:#?}");
    let result = status.result.unwrap();
    assert_eq!((result.inserted, result.updated, result.deleted), (0, 5, 0));
    let whole = whole.result.unwrap();
    assert_eq!(result.relation, Relation::Identical, "the business is the same in both");
    assert!(
        result.archive_bytes * 2 < whole.archive_bytes,
        "{} of {}",
        result.archive_bytes,
        whole.archive_bytes
    );

    let before = Written::of(&target).await;
    let again = south.sync_by("delta", "pull", "north", &of(business("1"))).await;
    assert_verified(&again);
    assert_eq!(before.until(&Written::of(&target).await), [].into());
}

#[tokio::test]
async fn demo_businesses_and_all_that_hangs_on_them_stay_away() {
    let (source, target) = support::databases("shop", "shop_schema").await;
    let (north, _south) = nodes(&source, &target).await;
    source
        .execute("insert into audit_log (business_id, happened_at, action) values (null, now(), 'of nobody')")
        .await;
    let scope = Scope { without_demo: true, ..Scope::default() };

    let status = north.sync("push", "south", &of(scope)).await;

    assert_verified(&status);
    assert!(status.message.contains("without demo data"), "{}", status.message);
    assert_eq!(count(&target, "businesses").await, 6);
    assert_eq!(count(&target, "businesses where is_demo").await, 0);
    for table in OF_A_BUSINESS {
        let wanted = count(&source, &format!("{table} where business_id < 7")).await;
        assert_eq!(count(&target, table).await, wanted, "{table}");
    }
    assert_eq!(
        count(&target, "audit_log").await,
        count(&source, "audit_log where business_id < 7 or business_id is null").await
    );
    assert_no_orphan(&target).await;
}

#[tokio::test]
async fn only_the_newest_audit_rows_come() {
    let (source, target) = support::databases("shop", "shop_schema").await;
    let (_north, south) = nodes(&source, &target).await;
    source
        .execute(
            "insert into audit_log (business_id, happened_at, action)
             select 2, timestamptz '2040-01-01' + n * interval '1 day', 'new ' || n from generate_series(1, 7) n",
        )
        .await;
    let scope = Scope { audit_limit: Some(5), ..Scope::default() };

    for method in ["backup", "delta"] {
        let status = south.sync_by(method, "pull", "north", &of(scope.clone())).await;

        assert_verified(&status);
        let newest: String =
            target.value("select string_agg(action, ',' order by happened_at) from audit_log").await;
        assert_eq!(newest, "new 3,new 4,new 5,new 6,new 7");
        assert_eq!(count(&target, "orders").await, count(&source, "orders").await);
    }
    // Older rows that the target has stay.
    source
        .execute("insert into audit_log (business_id, happened_at, action) values (1, '2050-01-01', 'newer')")
        .await;
    let status = south.sync_by("delta", "pull", "north", &of(scope)).await;
    assert_verified(&status);
    assert_eq!(count(&target, "audit_log").await, 6);
}
